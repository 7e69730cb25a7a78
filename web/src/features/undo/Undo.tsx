// What can still be undone, above whatever page is shown.

import { type FocusEvent, useEffect } from "react";
import { useNow } from "../../time/now";
import { type Notice, notices } from "./notices";
import "./undo.css";
import { useNotices } from "./useNotices";

export function Undo() {
  const all = useNotices();
  useQuestionBeforeLeaving();
  return (
    // The region is there before its words are, or no screen reader would say them.
    <div className="undo" role="status" aria-atomic="false">
      {all.map((notice) => (
        <One key={notice.id} notice={notice} />
      ))}
    </div>
  );
}

function One({ notice: { id, words, phase } }: { notice: Notice }) {
  const onBlur = ({ currentTarget, relatedTarget }: FocusEvent) => {
    if (!currentTarget.contains(relatedTarget)) {
      notices.resume(id);
    }
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: being at it gives time, and does nothing else.
    <div
      className="undo-notice"
      onPointerEnter={() => notices.pause(id)}
      onPointerLeave={() => notices.resume(id)}
      onFocus={() => notices.pause(id)}
      onBlur={onBlur}
    >
      <p>
        {words}
        {phase.name === "held" && <Countdown until={phase.until} />}
        {phase.name === "done" && phase.problem !== null && ` ${phase.problem.message}.`}
      </p>
      {(phase.name === "held" || (phase.name === "done" && phase.canUndo)) && (
        <button
          type="button"
          data-undo
          onClick={(event) => {
            leave(event.currentTarget);
            void notices.undo(id);
          }}
        >
          Undo
        </button>
      )}
      {phase.name === "held" && (
        <button type="button" onClick={() => notices.now(id)}>
          Now
        </button>
      )}
      {phase.name === "working" && phase.canStop && (
        <button type="button" onClick={() => notices.stop(id)}>
          Stop here
        </button>
      )}
      {phase.name === "done" && (
        <button
          type="button"
          onClick={(event) => {
            leave(event.currentTarget);
            notices.close(id);
          }}
        >
          Close
        </button>
      )}
    </div>
  );
}

/** A button that goes with its notice takes the focus with it: whoever pressed it goes on in the page. */
function leave(button: HTMLElement): void {
  if (document.activeElement === button) {
    document.getElementById("content")?.focus({ preventScroll: true });
  }
}

/** Nobody wants to hear it every second. */
function Countdown({ until }: { until: number | null }) {
  useNow();
  const left = until === null ? null : Math.max(1, Math.ceil((until - Date.now()) / 1_000));
  return <span aria-hidden="true">{left === null ? " once you leave this." : ` in ${left} s.`}</span>;
}

/** What is held was not sent, and what is being done is not through: whoever leaves the page meanwhile is asked. */
function useQuestionBeforeLeaving(): void {
  useEffect(() => {
    const ask = (event: BeforeUnloadEvent) => {
      if (notices.isBusy()) {
        event.preventDefault();
      }
    };
    window.addEventListener("beforeunload", ask);
    return () => window.removeEventListener("beforeunload", ask);
  }, []);
}
