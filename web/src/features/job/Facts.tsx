// What is known of a job, in names and values. What does not apply is left out.

import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { Time } from "../../components/Time";
import type { JobWholeFragment } from "../../graphql/generated";
import { duration } from "../../time/format";
import { useNow } from "../../time/now";

export function Facts({ job }: { job: JobWholeFragment }) {
  const started = job.state === "QUEUED" ? null : job.startedAt;
  const attempts = job.maxAttempts > 1 ? `${job.attempt} of ${job.maxAttempts}` : String(job.attempt);
  return (
    <dl className="facts">
      <Fact name="Kind">
        {job.kind.name}
        {!job.kind.declared && " (no longer declared)"}
      </Fact>
      <Fact name="Queue">{job.queue.name}</Fact>
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
