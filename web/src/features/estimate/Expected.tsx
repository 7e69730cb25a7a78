// When a job will probably start or end, counting down.

import type { EstimateFieldsFragment } from "../../graphql/generated";
import { exactTime } from "../../time/format";
import { useNow } from "../../time/now";
import { expected, grounds } from "./expected";

interface Props {
  estimate: EstimateFieldsFragment | null;
  /** That of a job which nobody has started yet. */
  planned?: boolean;
}

/** As a part of a sentence; nothing where it can't be said. */
export function Expected({ estimate, planned = false }: Props) {
  const now = useNow();
  const words = estimate === null ? null : expected(estimate, now, planned);
  if (estimate === null || words === null) {
    return null;
  }
  const at = estimate.startAt ?? estimate.endAt;
  return (
    <span
      className="expected"
      title={at === null ? undefined : `${exactTime(Date.parse(at))}, ${grounds(estimate)}`}
    >
      {words.charAt(0).toUpperCase() + words.slice(1)}.
    </span>
  );
}
