// The log as it is read: its end, live, until the reader scrolls up; older lines when they are scrolled to; a line when
// the address names one.

import { useState } from "react";
import { ProblemNote } from "../../components/Problem";
import { useConnection } from "../../graphql/client";
import type { LogStream } from "../../graphql/generated";
import type { Problem } from "../../graphql/problem";
import { bytes, count } from "../../time/format";
import type { LogState } from "./feed";
import { Lines } from "./Lines";
import "./log.css";
import { useSettings } from "./settings";
import { Tools } from "./Tools";
import { useFind } from "./useFind";
import { type Linked, useLineLink, useLink } from "./useLineLink";
import { useLog } from "./useLog";
import { useScroll } from "./useScroll";

interface Props {
  id: string;
  /** Nothing was started yet: what an empty log means. */
  isWaiting: boolean;
  /** When an attempt started, in milliseconds since the epoch. */
  startOf(attempt: number): number | null;
}

export function LogView({ id, isWaiting, startOf }: Props) {
  const [stream, setStream] = useState<LogStream | null>(null);
  const [settings] = useSettings();
  const link = useLink();
  const isWhole = stream === null;
  const { feed, state } = useLog(id, stream, () => link !== null && isWhole);
  const scroll = useScroll(feed, state, settings.wrap);
  const linked = useLineLink(id, link, isWhole, { feed, state, scroll });
  const find = useFind(id, stream, state, scroll);
  const [failed, setFailed] = useState<Problem | null>(null);
  const isLost = useConnection().phase === "lost";
  return (
    <section className="log" aria-labelledby="log-title">
      <div className="log-head">
        <h2 id="log-title">Log</h2>
        <p className="log-status" role="status">
          {isLost && !state.complete ? "Waiting for the connection" : words(state, scroll.following)}
        </p>
      </div>
      <Tools
        id={id}
        find={find}
        scroll={scroll}
        stream={stream}
        onStream={setStream}
        onLine={(line) => linked.set(line, false)}
        onProblem={setFailed}
      />
      {state.droppedBytes > 0 && (
        <p className="note">
          {bytes(state.droppedBytes)} in the middle were left out: a log keeps its beginning and its end.
        </p>
      )}
      <Missing linked={linked} />
      {failed !== null && <ProblemNote what="That could not be done with the log" problem={failed} />}
      {state.problem !== null && (
        <ProblemNote
          what="The log could not be read"
          problem={state.problem}
          onRetry={() => void feed.toEnd()}
        />
      )}
      <div className="log-frame">
        <Lines
          state={state}
          scroll={scroll}
          settings={settings}
          isWhole={isWhole}
          linked={linked}
          find={find}
          startOf={startOf}
          empty={emptyWords(state, isWaiting, isWhole)}
        />
        {!scroll.following && (
          <button type="button" className="log-to-end" onClick={scroll.toEnd}>
            {state.unseen > 0 ? `${count(state.unseen)} new lines ↓` : "To the end ↓"}
          </button>
        )}
      </div>
    </section>
  );
}

/** Why the line that the address names is not shown. */
function Missing({ linked: { link, missing, problem } }: { linked: Linked }) {
  if (link === null) {
    return null;
  }
  const name = `Line ${count(link.from)}${link.attempt > 1 ? ` of attempt ${link.attempt}` : ""}`;
  return (
    <>
      {missing !== null && (
        <p className="note" role="status">
          {missing === "beyond"
            ? `${name} is not in the log: it ends before.`
            : `${name} is not in the log any more: it was left out.`}
        </p>
      )}
      {problem !== null && <ProblemNote what={`${name} could not be looked for`} problem={problem} />}
    </>
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

function emptyWords(state: LogState, isWaiting: boolean, isWhole: boolean): string {
  if (state.loading !== "none") {
    return "Reading the log…";
  }
  if (!isWhole) {
    return state.complete ? "This job printed nothing there." : "Nothing printed there yet.";
  }
  if (state.complete) {
    return "This job printed nothing.";
  }
  return isWaiting
    ? "Nothing yet: the job has not started. Lines appear here by themselves."
    : "Nothing printed yet. Lines appear here by themselves.";
}
