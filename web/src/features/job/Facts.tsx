// What is known of a job, in names and values. What does not apply is left out.

import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { Time } from "../../components/Time";
import type { JobWholeFragment } from "../../graphql/generated";
import { bytes, duration } from "../../time/format";
import { useNow } from "../../time/now";
import type { Past } from "./usePast";

export function Facts({ job, past }: { job: JobWholeFragment; past: Past | null }) {
  const started = job.state === "QUEUED" ? null : job.startedAt;
  const attempts = job.maxAttempts > 1 ? `${job.attempt} of ${job.maxAttempts}` : String(job.attempt);
  return (
    <dl className="facts">
      <Fact name="Kind">
        {job.kind.name}
        {!job.kind.declared && " (no longer declared)"}
      </Fact>
      <Fact name="Queue">
        <Link to="/queues/$name" params={{ name: job.queue.name }}>
          {job.queue.name}
        </Link>
      </Fact>
      <Fact name="Accepted">
        <Time at={job.createdAt} />
      </Fact>
      <Fact name="Not before">{job.notBefore !== null && <Time at={job.notBefore} />}</Fact>
      <Fact name="Started">{started !== null && <Time at={started} />}</Fact>
      <Fact name="Asked to stop">
        {job.cancelRequestedAt !== null && <Time at={job.cancelRequestedAt} />}
      </Fact>
      <Fact name="Note">{job.cancelNote}</Fact>
      <Fact name="Ended">{job.endedAt !== null && <Time at={job.endedAt} />}</Fact>
      <Fact name="Waited">
        <Span from={job.createdAt} to={started ?? job.endedAt} />
      </Fact>
      <Fact name="Ran">{started !== null && <Span from={started} to={job.endedAt} />}</Fact>
      <Fact name="Exit code">{job.exitCode}</Fact>
      <Fact name="Signal">{job.signal}</Fact>
      <Fact name="Attempt">{job.attempt > 0 && attempts}</Fact>
      <Fact name="Timeout">{job.timeoutMs !== null && duration(job.timeoutMs)}</Fact>
      <Fact name="Repeats">
        {job.retryOf !== null && (
          <Link to="/jobs/$id" params={{ id: job.retryOf.id }}>
            …{job.retryOf.id.slice(-8)}
          </Link>
        )}
      </Fact>
      <Fact name="Started by">{job.startedBy}</Fact>
      <Fact name="Canceled by">{past?.canceledBy}</Fact>
      <Fact name="Labels">
        {job.labels.length > 0 && (
          <ul className="labels">
            {job.labels.map(({ key, value }) => (
              <li key={key}>
                {key}: {value}
              </li>
            ))}
          </ul>
        )}
      </Fact>
      <Fact name="Processor time">{past?.usage && duration(past.usage.cpuMs)}</Fact>
      <Fact name="Most memory">
        {past?.usage && past.usage.peakMemoryBytes !== null && bytes(past.usage.peakMemoryBytes)}
      </Fact>
      <Fact name="Printed">{past?.usage && bytes(past.usage.logBytes)}</Fact>
      <Fact name="Idempotency key">{job.idempotencyKey !== null && <code>{job.idempotencyKey}</code>}</Fact>
    </dl>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return children === null || children === undefined || children === false ? null : (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** From one instant to another, or to now. */
function Span({ from, to }: { from: string; to: string | null }) {
  const now = useNow();
  return duration((to === null ? now : Date.parse(to)) - Date.parse(from));
}
