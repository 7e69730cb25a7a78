// What is about to be done to many jobs, how many they are, and how far it is. No part of the first load.

import { AlertDialog } from "@base-ui/react/alert-dialog";
import { useEffect, useRef, useState } from "react";
import { Popup } from "../../components/Popup";
import { ProblemNote } from "../../components/Problem";
import { readUncached } from "../../graphql/client";
import { BulkPageDocument } from "../../graphql/generated";
import { newKey } from "../../graphql/key";
import type { Problem } from "../../graphql/problem";
import { count } from "../../time/format";
import { type Chosen, OPEN_WORDS } from "./BulkBar";
import { runBulk, type Tally } from "./bulk";
import { type Action, actOn, one, pagesOf, pause } from "./bulkServer";

const WORDS: Record<Action, { title: string; done: string; none: string; text: string }> = {
  cancel: {
    title: "Cancel",
    done: "asked to stop",
    none: "None of them waits or runs: there is nothing to cancel.",
    text: "Those that wait are taken out of their queue; those that run are asked to stop, and killed after their kind's grace.",
  },
  retry: {
    title: "Start again",
    done: "started again",
    none: "None of them has ended: there is nothing to start again.",
    text: "For each a new job with the same arguments is started.",
  },
};

interface Props {
  action: Action;
  /** Never another one in the life of this dialog. */
  chosen: Chosen;
  isOpen: boolean;
  onOpen(isOpen: boolean): void;
  onDone(): void;
}

type Phase =
  | { name: "counting" }
  | { name: "asking"; total: number | null }
  | { name: "working"; total: number | null; tally: Tally }
  | { name: "done"; tally: Tally }
  | { name: "failed"; problem: Problem };

export function BulkDialog({ action, chosen: { ids, filter }, isOpen, onOpen, onDone }: Props) {
  const [phase, setPhase] = useState<Phase>(
    ids.length > 0 ? { name: "asking", total: ids.length } : { name: "counting" },
  );
  const isStopped = useRef(false);
  const words = WORDS[action];

  const isCounting = phase.name === "counting";
  useEffect(() => {
    if (!isCounting) {
      return;
    }
    let isCurrent = true;
    void readUncached(BulkPageDocument, { filter, first: 0, after: null }).then(({ data, problem }) => {
      if (isCurrent) {
        setPhase(
          data === null
            ? { name: "failed", problem: problem as Problem }
            : { name: "asking", total: data.jobs.totalCount },
        );
      }
    });
    return () => {
      isCurrent = false;
    };
  }, [isCounting, filter]);

  const confirm = async (total: number | null) => {
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
    onOpen(next);
  };

  return (
    <AlertDialog.Root open={isOpen} onOpenChange={change}>
      <AlertDialog.Portal>
        <AlertDialog.Backdrop className="backdrop" />
        <Popup>
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
                {OPEN_WORDS[action]} {number(phase.total)}
              </button>
            )}
          </div>
        </Popup>
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
