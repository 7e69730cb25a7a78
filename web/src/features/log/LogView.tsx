// The log as it is read: its end, live, until the reader scrolls up; older lines when they are scrolled to.

import { useVirtualizer } from "@tanstack/react-virtual";
import { type UIEvent, useCallback, useLayoutEffect, useRef, useState } from "react";
import { ProblemNote } from "../../components/Problem";
import { useConnection } from "../../graphql/client";
import { bytes, count } from "../../time/format";
import type { LogState } from "./feed";
import { LogLine } from "./LogLine";
import "./log.css";
import { useLog } from "./useLog";

/** As in log.css. */
const ROW_PX = 20;
/** So near to an edge of what is there, more is read. */
const NEAR_PX = 200 * ROW_PX;

interface Props {
  id: string;
  /** Nothing was started yet: what an empty log means. */
  isWaiting: boolean;
}

export function LogView({ id, isWaiting }: Props) {
  const { feed, state } = useLog(id);
  const isLost = useConnection().phase === "lost";
  const [following, setFollowing] = useState(true);
  const scroller = useRef<HTMLDivElement>(null);
  const lastTop = useRef(0);
  const lastBase = useRef(state.base);
  const { lines, base } = state;

  const rows = useVirtualizer({
    count: lines.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    getItemKey: (index) => lines[index]?.cursor ?? index,
    overscan: 20,
  });

  const follow = useCallback(
    (wanted: boolean) => {
      setFollowing(wanted);
      feed.setFollowing(wanted);
    },
    [feed],
  );

  // What the reader looks at stays where it is, whatever comes or goes above it; a follower stays at the end.
  // biome-ignore lint/correctness/useExhaustiveDependencies: it runs when the lines have changed on the page.
  useLayoutEffect(() => {
    const element = scroller.current;
    if (element === null) {
      return;
    }
    if (following) {
      element.scrollTop = element.scrollHeight;
    } else if (base !== lastBase.current) {
      element.scrollTop += (lastBase.current - base) * ROW_PX;
    }
    lastBase.current = base;
    lastTop.current = element.scrollTop;
  }, [lines, base, following]);

  const onScroll = (event: UIEvent<HTMLDivElement>) => {
    const element = event.currentTarget;
    const below = element.scrollHeight - element.scrollTop - element.clientHeight;
    const movedUp = element.scrollTop < lastTop.current - 1;
    lastTop.current = element.scrollTop;
    if (below < ROW_PX && !state.hasNewer) {
      follow(true);
    } else if (movedUp && below >= ROW_PX) {
      follow(false);
    }
    if (element.scrollTop < NEAR_PX) {
      void feed.older();
    }
    if (below < NEAR_PX) {
      void feed.newer();
    }
  };

  const toEnd = () => {
    if (state.hasNewer) {
      void feed.toEnd();
    }
    follow(true);
    scroller.current?.focus({ preventScroll: true });
  };

  return (
    <section className="log" aria-labelledby="log-title">
      <div className="log-head">
        <h2 id="log-title">Log</h2>
        <p className="log-status" role="status">
          {isLost && !state.complete ? "Waiting for the connection" : words(state, following)}
        </p>
        <a className="button" href={`/jobs/${encodeURIComponent(id)}/log`} download={`${id}.log`}>
          Download log
        </a>
      </div>
      {state.droppedBytes > 0 && (
        <p className="note">
          {bytes(state.droppedBytes)} in the middle were left out: a log keeps its beginning and its end.
        </p>
      )}
      {state.problem !== null && (
        <ProblemNote
          what="The log could not be read"
          problem={state.problem}
          onRetry={() => void feed.toEnd()}
        />
      )}
      <div className="log-frame">
        <section
          className="log-scroll"
          ref={scroller}
          onScroll={onScroll}
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
        {!following && (
          <button type="button" className="log-to-end" onClick={toEnd}>
            {state.unseen > 0 ? `${count(state.unseen)} new lines ↓` : "To the end ↓"}
          </button>
        )}
      </div>
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
