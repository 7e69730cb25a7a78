// One job: what it does now, what it said, how it ended.

import { Link, useParams } from "@tanstack/react-router";
import { Json } from "../components/Json";
import { ProblemNote } from "../components/Problem";
import { ProgressBar } from "../components/ProgressBar";
import { StateWord, stateWord } from "../components/StateWord";
import { sentence } from "../components/sentence";
import { useIcon } from "../components/useIcon";
import { useTitle } from "../components/useTitle";
import { Expected } from "../features/estimate/Expected";
import { Actions } from "../features/job/Actions";
import { Facts } from "../features/job/Facts";
import "../features/job/job.css";
import { Timeline } from "../features/job/Timeline";
import { type JobView, useJob } from "../features/job/useJob";
import { usePast } from "../features/job/usePast";
import { useReached } from "../features/job/useReached";
import { Waiting } from "../features/job/Waiting";
import { LogView } from "../features/log/LogView";
import type { JobWholeFragment } from "../graphql/generated";

export function JobPage() {
  const { id } = useParams({ from: "/jobs/$id" });
  const view = useJob(id);
  const { job } = view;
  useTitle(
    job === null ? `Job …${id.slice(-8)}` : `${stateWord(job.state)}: ${job.kind.title ?? job.kind.name}`,
  );
  useIcon(job?.state ?? null);

  if (view.unknown) {
    return <Unknown id={id} view={view} />;
  }
  return (
    <>
      {job === null && <h1>Job</h1>}
      {view.problem !== null && (
        <ProblemNote what="The job could not be read" problem={view.problem} onRetry={view.reload} />
      )}
      {job === null && view.problem === null && (
        <p className="empty" role="status">
          Reading the job…
        </p>
      )}
      {job !== null && <JobBody key={job.id} job={job} view={view} />}
    </>
  );
}

function JobBody({ job, view }: { job: JobWholeFragment; view: JobView }) {
  const { past, problem } = usePast(job.id, job.seq);
  const reached = useReached(job);
  const startOf = (number: number) => {
    const attempt = past?.attempts.find((one) => one.number === number);
    return attempt === undefined ? null : Date.parse(attempt.startedAt);
  };
  return (
    <>
      <div className="page-head">
        <h1>{job.kind.title ?? job.kind.name}</h1>
        <span role="status">
          <StateWord state={job.state} />
        </span>
      </div>
      <p className="note job-id">
        Job <code>{job.id}</code>
      </p>
      {view.removed && (
        <p className="card">This job was removed after its time. What is shown is the last that was known.</p>
      )}
      <Actions job={job} can={past?.viewerCan ?? null} isCurrent={past !== null && past.seq >= job.seq} />
      {job.wait !== null && <Waiting wait={job.wait} estimate={job.estimate} queue={job.queue.name} />}
      {job.reasonText !== null && <p className="reason">{sentence(job.reasonText)}</p>}
      {job.progress !== null && (
        <div className="card">
          <ProgressBar progress={job.progress} label="Progress" />
        </div>
      )}
      {job.state === "RUNNING" && (
        <p className="note">
          <Expected estimate={job.estimate} />
        </p>
      )}
      <div className="job-grid">
        <LogView id={job.id} isWaiting={job.state === "QUEUED"} startOf={startOf} />
        <div>
          <section className="card" aria-labelledby="facts-title">
            <h2 id="facts-title">Facts</h2>
            <Facts job={job} past={past} />
          </section>
          <Timeline past={past} problem={problem} reached={reached} />
          <section className="card" aria-labelledby="args-title">
            <h2 id="args-title">Arguments</h2>
            <Json value={job.args} label="Arguments as JSON" />
          </section>
          {job.result !== null && job.result !== undefined && (
            <section className="card" aria-labelledby="result-title">
              <h2 id="result-title">Result</h2>
              <Json value={job.result} label="Result as JSON" />
            </section>
          )}
        </div>
      </div>
    </>
  );
}

function Unknown({ id, view }: { id: string; view: JobView }) {
  return (
    <>
      <h1>Not found</h1>
      <p>
        No job has the id <code className="job-id">{id}</code>. Jobs are removed some time after their end.
      </p>
      {view.problem !== null && <p className="note">The server says: {view.problem.message}.</p>}
      <p>
        <Link to="/">Show all jobs</Link>
      </p>
    </>
  );
}
