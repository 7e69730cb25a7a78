// What an operator keeps on a second screen: who runs, what ended, what needs attention.

import { Link } from "@tanstack/react-router";
import { ProblemNote } from "../components/Problem";
import { sentence } from "../components/sentence";
import { Time } from "../components/Time";
import { useTitle } from "../components/useTitle";
import type { JobsSearch } from "../features/jobs/search";
import { jobFilter } from "../features/jobs/search";
import { pieces } from "../features/log/ansi";
import { attention, type Notice } from "../features/overview/attention";
import { Hour } from "../features/overview/Hour";
import { hourBefore, parts } from "../features/overview/lastHour";
import "../features/overview/overview.css";
import { Slots } from "../features/queues/Slots";
import "../features/queues/queues.css";
import { useQueues } from "../features/queues/useQueues";
import {
  type FailureFragment,
  type JobState,
  OverviewDocument,
  type OverviewQuery,
  QueueLineDocument,
  type QueueRowFragment,
  ThroughputDocument,
} from "../graphql/generated";
import { useFresh } from "../graphql/useFresh";
import { count } from "../time/format";
import { serverNow, useOfNow } from "../time/now";

export function OverviewPage() {
  const queues = useQueues();
  const since = useOfNow(hourBefore);
  const list = queues.data?.queues ?? [];
  const overview = useFresh(OverviewDocument, () => filtersNow(), "overview", queues.pulse);
  const hour = useFresh(ThroughputDocument, () => parts(hourBefore(serverNow())), "hour", queues.pulse);
  const problem = queues.problem ?? overview.problem ?? hour.problem;
  const notices = overview.data === null ? [] : attention(list, overview.data.workers);
  useTitle(notices.length === 0 ? "Overview" : `${count(notices.length)} to look at · Overview`);
  return (
    <>
      <div className="page-head">
        <h1>Overview</h1>
        <Link to="/start" className="button primary end">
          Start a job
        </Link>
      </div>
      {problem !== null && (
        <ProblemNote what="The overview could not be read" problem={problem} onRetry={overview.reload} />
      )}
      {problem === null && (queues.data === null || overview.data === null) && (
        <p className="empty" role="status">
          Reading…
        </p>
      )}
      {queues.data !== null && overview.data !== null && (
        <>
          <Notices notices={notices} />
          <Counters queues={list} overview={overview.data} since={since} />
          {list.map((queue) => (
            <Strip key={queue.id} queue={queue} pulse={queues.pulse} />
          ))}
          <Hour since={since} throughput={hour.data} ended={overview.data.ended.nodes} />
          <Failures failures={overview.data.failures.nodes} />
        </>
      )}
    </>
  );
}

function ofHour(state: JobState, since: number): JobsSearch {
  return { state: [state], since: new Date(since).toISOString() };
}

function filtersNow() {
  const since = hourBefore(serverNow());
  return {
    succeeded: jobFilter(ofHour("SUCCEEDED", since)),
    failed: jobFilter(ofHour("FAILED", since)),
    canceled: jobFilter(ofHour("CANCELED", since)),
  };
}

function Notices({ notices }: { notices: readonly Notice[] }) {
  return (
    <section aria-label="Needs attention" role="status">
      {notices.length === 0 ? (
        <p className="note">Nothing needs attention.</p>
      ) : (
        <ul className="notices">
          {notices.map(({ text, queue }) => (
            <li key={text}>
              {text}{" "}
              {queue === null ? (
                <Link to="/workers">Show the workers</Link>
              ) : (
                <Link to="/queues/$name" params={{ name: queue }}>
                  Show the queue
                </Link>
              )}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

interface CountersProps {
  queues: readonly QueueRowFragment[];
  overview: OverviewQuery;
  since: number;
}

/** What is of the last hour was accepted then. Each leads to the list with the very filter that counted it. */
function Counters({ queues, overview, since }: CountersProps) {
  const sum = (of: (queue: QueueRowFragment) => number) => queues.reduce((all, one) => all + of(one), 0);
  return (
    <ul className="counters">
      <Counter
        name="Queued"
        value={sum(({ stats }) => stats.waiting + stats.notBefore)}
        search={{ state: ["QUEUED"] }}
      />
      <Counter
        name="With a slot"
        value={sum(({ stats }) => stats.running)}
        search={{ state: ["RUNNING", "CANCELING"] }}
      />
      <Counter
        name="Succeeded of the last hour"
        value={overview.succeeded.totalCount}
        search={ofHour("SUCCEEDED", since)}
      />
      <Counter
        name="Failed of the last hour"
        value={overview.failed.totalCount}
        search={ofHour("FAILED", since)}
      />
      <Counter
        name="Canceled of the last hour"
        value={overview.canceled.totalCount}
        search={ofHour("CANCELED", since)}
      />
    </ul>
  );
}

function Counter({ name, value, search }: { name: string; value: number | null; search: JobsSearch }) {
  return (
    <li>
      <Link to="/" search={search}>
        <span className="counter-name">{name}</span>
        <span className="counter-value">{value === null ? "> 10,000" : count(value)}</span>
      </Link>
    </li>
  );
}

function Strip({ queue, pulse }: { queue: QueueRowFragment; pulse: number }) {
  const { name } = queue;
  const line = useFresh(QueueLineDocument, () => ({ name, waiting: 0 }), name, pulse);
  return (
    <section aria-label={`Queue ${name}`}>
      <p>
        <Link to="/queues/$name" params={{ name }}>
          {name}
        </Link>{" "}
        <span className="note">
          {count(queue.stats.running)} of {count(queue.slots)} slots used,{" "}
          {count(queue.stats.waiting + queue.stats.notBefore)} waiting
        </span>
      </p>
      <Slots
        queue={name}
        slots={queue.slots}
        running={queue.stats.running}
        jobs={line.data?.running.nodes ?? []}
      />
    </section>
  );
}

function Failures({ failures }: { failures: readonly FailureFragment[] }) {
  return (
    <section className="card" aria-labelledby="failures-title">
      <h2 id="failures-title">Recent failures</h2>
      {failures.length === 0 && <p className="note">No job has failed.</p>}
      <ul className="failures">
        {failures.map((job) => (
          <li key={job.id}>
            <Link to="/jobs/$id" params={{ id: job.id }} title={job.id}>
              {job.kind.title ?? job.kind.name} <code className="short-id">…{job.id.slice(-8)}</code>
            </Link>{" "}
            {job.reasonText !== null && sentence(job.reasonText)}{" "}
            {job.endedAt !== null && (
              <span className="note">
                <Time at={job.endedAt} />
              </span>
            )}
            <LastWords text={job.log?.nodes[0]?.text} />
          </li>
        ))}
      </ul>
    </section>
  );
}

/** The last line of standard error, without its colours. */
function LastWords({ text }: { text: string | undefined }) {
  if (text === undefined || text === "") {
    return null;
  }
  const plain = pieces(text)
    .pieces.map((piece) => piece.text)
    .join("");
  return <code className="said">{plain.length > 300 ? `${plain.slice(0, 300)}…` : plain}</code>;
}
