// What a command said of how far it is: a bar where it gave a share, words in any case.

import type { ProgressFieldsFragment } from "../graphql/generated";
import { count } from "../time/format";

interface Props {
  progress: ProgressFieldsFragment;
  label: string;
}

export function ProgressBar({ progress, label }: Props) {
  const percent = percentOf(progress);
  const words = [
    percent === null ? null : `${Math.round(percent)} %`,
    units(progress),
    progress.message === "" ? null : progress.message,
  ];
  return (
    <div className="progress">
      {percent !== null && <progress max={100} value={percent} aria-label={label} />}
      <span className="progress-words">{words.filter((word) => word !== null).join(" · ")}</span>
    </div>
  );
}

/** From 0 to 100, as reported or from the units; null where neither says. */
export function percentOf({ percent, current, total }: ProgressFieldsFragment): number | null {
  const share = percent ?? (current !== null && total !== null && total > 0 ? (100 * current) / total : null);
  return share === null ? null : Math.min(100, Math.max(0, share));
}

function units({ current, total }: ProgressFieldsFragment): string | null {
  if (current === null) {
    return null;
  }
  return total === null ? count(current) : `${count(current)} of ${count(total)}`;
}
