// What happened to a job, in order, each with the time that had passed; and its attempts.

import { ProblemNote } from "../../components/Problem";
import { sentence } from "../../components/sentence";
import type { JobChange } from "../../graphql/generated";
import type { Problem } from "../../graphql/problem";
import { bytes, clockTime, count, duration, exactTime } from "../../time/format";
import { useNow } from "../../time/now";
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

export function Timeline({ past, problem }: { past: Past | null; problem: Problem | null }) {
  return (
    <section className="card" aria-labelledby="timeline-title">
      <h2 id="timeline-title">Timeline</h2>
      {past === null && problem === null && <p className="note">Reading…</p>}
      {problem !== null && <ProblemNote what="The timeline could not be read" problem={problem} />}
      {past !== null && <Events events={past.events.nodes} />}
      {past?.events.pageInfo.hasNextPage === true && (
        <p className="note">More happened since. The API has all of it.</p>
      )}
      {past !== null && past.attempts.length > 0 && <Attempts attempts={past.attempts} />}
    </section>
  );
}

function Events({ events }: { events: Past["events"]["nodes"] }) {
  return (
    <ol className="timeline" aria-label="Events">
      {events.map((event, index) => {
        const at = Date.parse(event.at);
        const before = events[index - 1];
        return (
          <li key={event.cursor}>
            <time dateTime={event.at} title={exactTime(at)}>
              {clockTime(at)}
            </time>
            <span>
              {event.text === null ? (WORDS[event.change] ?? event.change) : sentence(event.text)}{" "}
              {before !== undefined && (
                <span className="note after">+{duration(at - Date.parse(before.at))}</span>
              )}
            </span>
          </li>
        );
      })}
    </ol>
  );
}

function Attempts({ attempts }: { attempts: Past["attempts"] }) {
  const now = useNow();
  return (
    <ol className="attempts" aria-label="Attempts">
      {attempts.map(({ number, startedAt, endedAt, reasonText, worker, usage }) => (
        <li key={number}>
          <strong>Attempt {count(number)}</strong> {endedAt === null ? "has been open for " : "took "}
          {duration((endedAt === null ? now : Date.parse(endedAt)) - Date.parse(startedAt))}
          {worker !== null && ` on ${worker.name}`}
          {reasonText === null ? "." : `: ${sentence(reasonText)}`}
          {usage !== null && (
            <span className="note usage">
              {duration(usage.cpuMs)} of processor time
              {usage.peakMemoryBytes !== null && `, ${bytes(usage.peakMemoryBytes)} of memory`},{" "}
              {bytes(usage.logBytes)} printed
            </span>
          )}
        </li>
      ))}
    </ol>
  );
}
