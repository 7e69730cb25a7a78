// What happened to a job, in order, each with the time that had passed; and its attempts.

import { useEffect, useState } from "react";
import { ProblemNote } from "../../components/Problem";
import { sentence } from "../../components/sentence";
import { FirstLineDocument, type JobChange } from "../../graphql/generated";
import type { Problem } from "../../graphql/problem";
import { useFresh } from "../../graphql/useFresh";
import { bytes, clockTime, count, duration, exactTime } from "../../time/format";
import { useNow } from "../../time/now";
import type { Reached } from "./reached";
import type { Past } from "./usePast";

const WORDS: Partial<Record<JobChange, string>> = {
  QUEUED: "Accepted",
  STARTED: "Started",
  RETRYING: "Will be tried again",
  CANCELING: "Asked to stop",
  ENDED: "Ended",
  REMOVED: "Removed",
  UPDATED: "Changed",
};

/** Of so many attempts, the latest, it is asked when they first printed something; and of an open one so often. */
const MAX_ASKED = 5;
const LOOK_EVERY_MS = 5_000;

interface TimelineProps {
  past: Past | null;
  problem: Problem | null;
  reached: readonly Reached[];
}

export function Timeline({ past, problem, reached }: TimelineProps) {
  return (
    <section className="card" aria-labelledby="timeline-title">
      <h2 id="timeline-title">Timeline</h2>
      {past === null && problem === null && <p className="note">Reading…</p>}
      {problem !== null && <ProblemNote what="The timeline could not be read" problem={problem} />}
      {past !== null && <Events events={past.events.nodes} reached={reached} />}
      {past?.events.pageInfo.hasNextPage === true && (
        <p className="note">More happened since. The API has all of it.</p>
      )}
      {reached.length > 0 && (
        <p className="note">Nobody keeps the progress: its marks are what this page saw of it.</p>
      )}
      {past !== null && past.attempts.length > 0 && <Attempts id={past.id} attempts={past.attempts} />}
    </section>
  );
}

interface Entry {
  key: string;
  at: number;
  words: string;
}

function Events({ events, reached }: { events: Past["events"]["nodes"]; reached: readonly Reached[] }) {
  const entries = [...events.map(ofEvent), ...reached.map(ofMark)].sort((one, other) => one.at - other.at);
  return (
    <ol className="timeline" aria-label="Events">
      {entries.map(({ key, at, words }, index) => {
        const before = entries[index - 1];
        return (
          <li key={key}>
            <time dateTime={new Date(at).toISOString()} title={exactTime(at)}>
              {clockTime(at)}
            </time>
            <span>
              {words}{" "}
              {before !== undefined && <span className="note after">+{duration(at - before.at)}</span>}
            </span>
          </li>
        );
      })}
    </ol>
  );
}

function ofEvent({ cursor, at, change, text }: Past["events"]["nodes"][number]): Entry {
  return {
    key: cursor,
    at: Date.parse(at),
    words: text === null ? (WORDS[change] ?? change) : sentence(text),
  };
}

/** Never rounded up to what was not said. */
function ofMark({ attempt, percent, at, isFirst }: Reached): Entry {
  const words = `Progress ${Math.floor(percent)} %`;
  return {
    key: `${attempt} ${percent}`,
    at,
    words: isFirst ? `${words}, the first that this page saw` : words,
  };
}

function Attempts({ id, attempts }: { id: string; attempts: Past["attempts"] }) {
  return (
    <ol className="attempts" aria-label="Attempts">
      {attempts.map((attempt, index) => (
        <Attempt
          key={attempt.number}
          id={id}
          attempt={attempt}
          isRecent={attempts.length - index <= MAX_ASKED}
        />
      ))}
    </ol>
  );
}

interface AttemptProps {
  id: string;
  attempt: Past["attempts"][number];
  /** Is it one of those whose first words are asked for? */
  isRecent: boolean;
}

function Attempt({ id, attempt, isRecent }: AttemptProps) {
  const now = useNow();
  const { number, startedAt, endedAt, reasonText, worker, usage } = attempt;
  const start = Date.parse(startedAt);
  const end = endedAt === null ? now : Date.parse(endedAt);
  return (
    <li>
      <strong>Attempt {count(number)}</strong> {endedAt === null ? "has been open for " : "took "}
      {duration(end - start)}
      {worker !== null && ` on ${worker.name}`}
      {reasonText === null ? "." : `: ${sentence(reasonText)}`}
      {isRecent && <FirstOutput id={id} number={number} start={start} end={end} isOpen={endedAt === null} />}
      {usage !== null && (
        <span className="note usage">
          {duration(usage.cpuMs)} of processor time
          {usage.peakMemoryBytes !== null && `, ${bytes(usage.peakMemoryBytes)} of memory`},{" "}
          {bytes(usage.logBytes)} printed
        </span>
      )}
    </li>
  );
}

interface FirstOutputProps {
  id: string;
  number: number;
  start: number;
  end: number;
  isOpen: boolean;
}

/** When an attempt first said something, in words and as the part of its time before that. */
function FirstOutput({ id, number, start, end, isOpen }: FirstOutputProps) {
  const now = useNow();
  const [isKnown, setKnown] = useState(false);
  // Nothing tells that the first line came: while it has not, it is looked for.
  const pulse = isKnown ? -1 : isOpen ? Math.floor(now / LOOK_EVERY_MS) : 0;
  const { data } = useFresh(FirstLineDocument, () => ({ id, attempt: number }), `${id} ${number}`, pulse);
  const at = data?.job?.log?.nodes[0]?.at;
  useEffect(() => setKnown(at !== undefined), [at]);
  if (at === undefined) {
    return data?.job?.log && <span className="note usage">Nothing printed{isOpen && " yet"}</span>;
  }
  const silent = Math.max(0, Date.parse(at) - start);
  const share = end > start ? Math.min(100, (100 * silent) / (end - start)) : 0;
  return (
    <>
      <span className="note usage">First output after {duration(silent)}</span>
      <span className="spent" aria-hidden="true">
        <span style={{ width: `${share}%` }} />
      </span>
    </>
  );
}
