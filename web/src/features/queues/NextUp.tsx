// Who waits in a queue, in its order, each with its place and why.

import { Link } from "@tanstack/react-router";
import { ProblemNote } from "../../components/Problem";
import { sentence } from "../../components/sentence";
import { Time } from "../../components/Time";
import type { LineJobFragment, QueueLineQuery } from "../../graphql/generated";
import type { Read } from "../../graphql/useRead";
import { count } from "../../time/format";
import { Expected } from "../estimate/Expected";

export function NextUp({ queue, line }: { queue: string; line: Read<QueueLineQuery> }) {
  const { data, problem, reload } = line;
  const jobs = data?.waiting.nodes ?? [];
  return (
    <>
      <h3>Next up</h3>
      {problem !== null && (
        <ProblemNote what="Those that wait could not be read" problem={problem} onRetry={reload} />
      )}
      {data !== null && jobs.length === 0 && (
        <p className="note">
          Nothing waits.{" "}
          <Link to="/start" className="inline">
            Start a job
          </Link>
        </p>
      )}
      {jobs.length > 0 && (
        <ol className="line" aria-label={`Next up in ${queue}`}>
          {jobs.map((job) => (
            <Waits key={job.id} job={job} />
          ))}
        </ol>
      )}
      {data?.waiting.pageInfo.hasNextPage === true && (
        <p>
          <Link to="/" search={{ queue, state: ["QUEUED"] }}>
            Show all that wait
          </Link>
        </p>
      )}
    </>
  );
}

function Waits({ job }: { job: LineJobFragment }) {
  const place = job.wait?.position ?? null;
  return (
    <li>
      <span className="place">{place === null ? "–" : `#${count(place)}`}</span>
      <span>
        <Link to="/jobs/$id" params={{ id: job.id }} title={job.id} data-row>
          {job.kind.title ?? job.kind.name} <code className="short-id">…{job.id.slice(-8)}</code>
        </Link>{" "}
        <span className="note">
          accepted <Time at={job.createdAt} />
        </span>
        {job.wait !== null && (
          <span className="note why">
            <Expected estimate={job.estimate} /> {sentence(job.wait.reasonText)}
          </span>
        )}
      </span>
    </li>
  );
}
