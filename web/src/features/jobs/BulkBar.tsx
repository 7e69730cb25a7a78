// Many jobs at once: those that are selected, or all that match. What will be done is said before.

import { Suspense, useState } from "react";
import { later, useOpening } from "../../components/later";
import type { JobFilter, JobState } from "../../graphql/generated";
import { count } from "../../time/format";
import type { Action } from "./bulkServer";
import { Columns } from "./Columns";
import { type JobsSearch, jobFilter } from "./search";

const BulkDialog = later(async () => (await import("./BulkDialog")).BulkDialog);

const STATES: Record<Action, readonly JobState[]> = {
  cancel: ["QUEUED", "RUNNING"],
  retry: ["SUCCEEDED", "FAILED", "CANCELED"],
};
export const OPEN_WORDS: Record<Action, string> = { cancel: "Cancel", retry: "Start again" };

interface Props {
  search: JobsSearch;
  selected: ReadonlySet<string>;
  onDone(): void;
}

export function BulkBar({ search, selected, onDone }: Props) {
  return (
    <section className="bulk" aria-label="Many at once">
      <span className="note" role="status">
        {selected.size === 0 ? "All that match:" : `${count(selected.size)} selected:`}
      </span>
      <BulkAction action="cancel" search={search} selected={selected} onDone={onDone} />
      <BulkAction action="retry" search={search} selected={selected} onDone={onDone} />
      <Columns />
    </section>
  );
}

/** Only what the action applies to; where the filter names states, those of them that do. */
function filterOf(action: Action, search: JobsSearch): JobFilter {
  const states = STATES[action].filter((state) => search.state?.includes(state) ?? true);
  return { ...jobFilter(search), states };
}

interface ActionProps extends Props {
  action: Action;
}

/** What was chosen when it was asked for. */
export interface Chosen {
  /** Another one each time. */
  round: number;
  ids: readonly string[];
  /** Of no use where there are `ids`. */
  filter: JobFilter;
}

function BulkAction({ action, search, selected, onDone }: ActionProps) {
  const { wasWanted, isOpen, set } = useOpening();
  const [chosen, setChosen] = useState<Chosen>({ round: 0, ids: [], filter: {} });
  const open = () => {
    setChosen(({ round }) => ({
      round: round + 1,
      ids: [...selected],
      filter: filterOf(action, search),
    }));
    set(true);
  };
  return (
    <>
      <button type="button" onClick={open} aria-haspopup="dialog">
        {OPEN_WORDS[action]}…
      </button>
      <Suspense>
        {wasWanted && (
          <BulkDialog
            key={chosen.round}
            action={action}
            // What is being done stays what was said, whatever is selected meanwhile.
            chosen={chosen}
            isOpen={isOpen}
            onOpen={set}
            onDone={onDone}
          />
        )}
      </Suspense>
    </>
  );
}
