// Many jobs at once: those that are selected, or all that match. What will be done is said before.

import { AlertDialog } from "@base-ui/react/alert-dialog";
import { useRef, useState } from "react";
import { ProblemNote } from "../../components/Problem";
import { readUncached } from "../../graphql/client";
import { BulkPageDocument, type JobFilter, type JobState } from "../../graphql/generated";
import { newKey } from "../../graphql/key";
import type { Problem } from "../../graphql/problem";
import { count } from "../../time/format";
import { runBulk, type Tally } from "./bulk";
import { type Action, actOn, one, pagesOf, pause } from "./bulkServer";
import { Columns } from "./Columns";
import { type JobsSearch, jobFilter } from "./search";

const STATES: Record<Action, readonly JobState[]> = {
  cancel: ["QUEUED", "RUNNING"],
  retry: ["SUCCEEDED", "FAILED", "CANCELED"],
};
const WORDS: Record<Action, { open: string; title: string; done: string; none: string; text: string }> = {
  cancel: {
    open: "Cancel",
    title: "Cancel",
    done: "asked to stop",
    none: "None of them waits or runs: there is nothing to cancel.",
    text: "Those that wait are taken out of their queue; those that run are asked to stop, and killed after their kind's grace.",
  },
  retry: {
    open: "Start again",
    title: "Start again",
    done: "started again",
    none: "None of them has ended: there is nothing to start again.",
    text: "For each a new job with the same arguments is started.",
  },
};
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

type Phase =
  | { name: "counting" }
  | { name: "asking"; total: number | null }
  | { name: "working"; total: number | null; tally: Tally }
  | { name: "done"; tally: Tally }
  | { name: "failed"; problem: Problem };

function BulkAction({ action, search, selected, onDone }: ActionProps) {
  const [isOpen, setOpen] = useState(false);
  const [phase, setPhase] = useState<Phase>({ name: "counting" });
  const isStopped = useRef(false);
  // What is being done stays what was said, whatever is selected meanwhile.
  const chosen = useRef({ ids: [] as string[], filter: {} as JobFilter });
  const words = WORDS[action];

  const open = async () => {
    isStopped.current = false;
    chosen.current = { ids: [...selected], filter: filterOf(action, search) };
    setOpen(true);
    if (selected.size > 0) {
      setPhase({ name: "asking", total: selected.size });
      return;
    }
    setPhase({ name: "counting" });
    const { data, problem } = await readUncached(BulkPageDocument, {
      filter: chosen.current.filter,
      first: 0,
      after: null,
    });
    setPhase(
      data === null
        ? { name: "failed", problem: problem as Problem }
        : { name: "asking", total: data.jobs.totalCount },
    );
  };

  const confirm = async (total: number | null) => {
    const { ids, filter } = chosen.current;
    setPhase({ name: "working", total, tally: { done: 0, failed: 0, problem: null } });
    const run = newKey();
    const tally = await runBulk({
      pages: ids.length > 0 ? one(ids) : pagesOf(filter),
      act: (id) => actOn(action, id, run),
      report: (tally) => setPhase({ name: "working", total, tally }),
      isStopped: () => isStopped.current,
      pause,
    });
    setPhase({ name: "done", tally });
    onDone();
  };

  const change = (next: boolean) => {
    // Whoever closes it while it works stops it.
    isStopped.current = !next;
    setOpen(next);
  };

  return (
    <AlertDialog.Root open={isOpen} onOpenChange={change}>
      <button type="button" onClick={() => void open()} aria-haspopup="dialog">
        {words.open}…
      </button>
      <AlertDialog.Portal>
        <AlertDialog.Backdrop className="backdrop" />
        <AlertDialog.Popup className="dialog">
          <AlertDialog.Title>{titleOf(words.title, phase)}</AlertDialog.Title>
          <AlertDialog.Description>{words.text}</AlertDialog.Description>
          <Words action={action} phase={phase} />
          <div className="actions">
            <AlertDialog.Close>{closeOf(phase)}</AlertDialog.Close>
            {phase.name === "asking" && phase.total !== 0 && (
              <button
                type="button"
                className={action === "cancel" ? "danger" : "primary"}
                onClick={() => void confirm(phase.total)}
              >
                {words.open} {number(phase.total)}
              </button>
            )}
          </div>
        </AlertDialog.Popup>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  );
}

function Words({ action, phase }: { action: Action; phase: Phase }) {
  const words = WORDS[action];
  switch (phase.name) {
    case "counting":
      return <p role="status">Counting…</p>;
    case "asking":
      return phase.total === 0 ? <p role="status">{words.none}</p> : null;
    case "working":
      return (
        <p role="status">
          {count(phase.tally.done + phase.tally.failed)} of {number(phase.total)}…
        </p>
      );
    case "done":
      return (
        <>
          <p role="status">
            {number(phase.tally.done)} {words.done}
            {phase.tally.failed > 0 && `, ${count(phase.tally.failed)} not`}.
          </p>
          {phase.tally.problem !== null && (
            <ProblemNote what="The first that was not" problem={phase.tally.problem} />
          )}
        </>
      );
    case "failed":
      return <ProblemNote what="They could not be counted" problem={phase.problem} />;
  }
}

function titleOf(verb: string, phase: Phase): string {
  const total = phase.name === "asking" || phase.name === "working" ? phase.total : undefined;
  return total === undefined || total === 0 ? `${verb} many jobs` : `${verb} ${number(total)}?`;
}

function closeOf(phase: Phase): string {
  if (phase.name === "working") {
    return "Stop here";
  }
  return phase.name === "asking" && phase.total !== 0 ? "Leave them" : "Close";
}

function number(total: number | null): string {
  if (total === null) {
    return "more than 10,000 jobs";
  }
  return total === 1 ? "1 job" : `${count(total)} jobs`;
}
