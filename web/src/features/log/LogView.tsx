// The log as it is read: its end, live, until the reader scrolls up; older lines when they are scrolled to.

import { useVirtualizer } from "@tanstack/react-virtual";
import { useState } from "react";
import { ProblemNote } from "../../components/Problem";
import { useConnection } from "../../graphql/client";
import type { Problem } from "../../graphql/problem";
import { bytes, count } from "../../time/format";
import { Download } from "./Download";
import type { LogState } from "./feed";
import { LogLine } from "./LogLine";
import "./log.css";
import { useLog } from "./useLog";
import { ROW_PX, type Scroll, useScroll } from "./useScroll";

interface Props {
  id: string;
  /** Nothing was started yet: what an empty log means. */
  isWaiting: boolean;
}

export function LogView({ id, isWaiting }: Props) {
  const { feed, state } = useLog(id);
  const scroll = useScroll(feed, state);
  const [unsaved, setUnsaved] = useState<Problem | null>(null);
  const isLost = useConnection().phase === "lost";
  return (
    <section className="log" aria-labelledby="log-title">
      <div className="log-head">
        <h2 id="log-title">Log</h2>
        <p className="log-status" role="status">
          {isLost && !state.complete ? "Waiting for the connection" : words(state, scroll.following)}
        </p>
        <Download id={id} onProblem={setUnsaved} />
      </div>
      {state.droppedBytes > 0 && (
        <p className="note">
          {bytes(state.droppedBytes)} in the middle were left out: a log keeps its beginning and its end.
        </p>
      )}
      {unsaved !== null && <ProblemNote what="The log could not be downloaded" problem={unsaved} />}
      {state.problem !== null && (
        <ProblemNote
          what="The log could not be read"
          problem={state.problem}
          onRetry={() => void feed.toEnd()}
        />
      )}
      <div className="log-frame">
        <Lines state={state} scroll={scroll} isWaiting={isWaiting} />
        {!scroll.following && (
          <button type="button" className="log-to-end" onClick={scroll.toEnd}>
            {state.unseen > 0 ? `${count(state.unseen)} new lines ↓` : "To the end ↓"}
          </button>
        )}
      </div>
    </section>
  );
}

interface LinesProps {
  state: LogState;
  scroll: Scroll;
  isWaiting: boolean;
}

/** The lines that can be seen, and a few around them. */
function Lines({ state, scroll, isWaiting }: LinesProps) {
  const { lines } = state;
  const rows = useVirtualizer({
    count: lines.length,
    getScrollElement: () => scroll.scroller.current,
    estimateSize: () => ROW_PX,
    getItemKey: (index) => lines[index]?.cursor ?? index,
    overscan: 20,
  });
  return (
    <section
      className="log-scroll"
      ref={scroll.scroller}
      onScroll={scroll.onScroll}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard.
      tabIndex={0}
      aria-label="Lines of the log"
    >
      <div className="log-lines" style={{ height: rows.getTotalSize() }}>
        {rows.getVirtualItems().map((row) => {
          const line = lines[row.index];
          return line === undefined ? null : (
            <div
              key={row.key}
              className={`log-line log-${line.stream.toLowerCase()}`}
              style={{ transform: `translateY(${row.start}px)` }}
            >
              <LogLine line={line} previous={lines[row.index - 1]} />
            </div>
          );
        })}
      </div>
      {lines.length === 0 && state.problem === null && (
        <p className="log-empty">{emptyWords(state, isWaiting)}</p>
      )}
    </section>
  );
}

function words(state: LogState, following: boolean): string {
  if (state.loading === "older") {
    return "Reading older lines…";
  }
  if (state.loading !== "none") {
    return "Reading…";
  }
  if (state.complete && !state.hasNewer) {
    return "Complete";
  }
  return following ? "Live, following the end" : "Live, not following";
}

function emptyWords(state: LogState, isWaiting: boolean): string {
  if (state.loading !== "none") {
    return "Reading the log…";
  }
  if (state.complete) {
    return "This job printed nothing.";
  }
  return isWaiting
    ? "Nothing yet: the job has not started. Lines appear here by themselves."
    : "Nothing printed yet. Lines appear here by themselves.";
}
