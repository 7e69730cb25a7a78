// The slots of a queue as a strip: who holds each, and which are free.

import { Link } from "@tanstack/react-router";
import { percentOf } from "../../components/ProgressBar";
import type { LineJobFragment } from "../../graphql/generated";
import { count, duration } from "../../time/format";
import { useNow } from "../../time/now";

/** So many are drawn; the rest is told as a number. */
const MAX_DRAWN = 24;

interface Props {
  queue: string;
  slots: number;
  /** With a slot, those included that are just being started. */
  running: number;
  jobs: readonly LineJobFragment[];
}

export function Slots({ queue, slots, running, jobs }: Props) {
  const shown = jobs.slice(0, MAX_DRAWN);
  const free = Math.max(0, slots - Math.max(running, jobs.length));
  const freeShown = Math.min(free, MAX_DRAWN - shown.length);
  const left = Math.max(running, jobs.length) + free - shown.length - freeShown;
  return (
    <ul className="slots" aria-label={`Slots of ${queue}`}>
      {shown.map((job) => (
        <li key={job.id} className="slot">
          <Held job={job} />
        </li>
      ))}
      {Array.from({ length: freeShown }, (_, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a free slot is like the other.
        <li key={`free ${index}`} className="slot slot-free">
          Free
        </li>
      ))}
      {left > 0 && <li className="slot slot-free">and {count(left)} more</li>}
    </ul>
  );
}

function Held({ job }: { job: LineJobFragment }) {
  const now = useNow();
  const percent = job.progress === null ? null : percentOf(job.progress);
  return (
    <>
      <Link to="/jobs/$id" params={{ id: job.id }} title={job.id} data-row>
        {job.kind.title ?? job.kind.name} <code className="short-id">…{job.id.slice(-8)}</code>
      </Link>
      <span className="note">
        {job.state === "CANCELING" && "Canceling · "}
        {job.startedAt !== null && duration(now - Date.parse(job.startedAt))}
        {percent !== null && ` · ${Math.round(percent)} %`}
      </span>
    </>
  );
}
