// The queues, live: all of them, or one.

import { Link, useParams } from "@tanstack/react-router";
import { ProblemNote } from "../components/Problem";
import { useTitle } from "../components/useTitle";
import { QueueCard } from "../features/queues/QueueCard";
import "../features/queues/queues.css";
import { useQueues } from "../features/queues/useQueues";
import { count } from "../time/format";

/** So many of those that wait stand in the list of queues, and on a queue's own page. */
const FEW = 5;
const MANY = 50;

export function QueuesPage() {
  const { data, problem, reload, pulse } = useQueues();
  const waiting = data?.queues.reduce((sum, { stats }) => sum + stats.waiting + stats.notBefore, 0) ?? 0;
  useTitle(waiting === 0 ? "Queues" : `${count(waiting)} waiting · Queues`);
  return (
    <>
      <div className="page-head">
        <h1>Queues</h1>
      </div>
      {problem !== null && (
        <ProblemNote what="The queues could not be read" problem={problem} onRetry={reload} />
      )}
      {data === null && problem === null && (
        <p className="empty" role="status">
          Reading the queues…
        </p>
      )}
      {data?.queues.map((queue) => (
        <QueueCard key={queue.id} queue={queue} pulse={pulse} waiting={FEW} isListed />
      ))}
    </>
  );
}

export function QueuePage() {
  const { name } = useParams({ from: "/queues/$name" });
  const { data, problem, reload, pulse } = useQueues();
  const queue = data?.queues.find((one) => one.name === name);
  useTitle(queue?.paused === true ? `Paused: queue ${name}` : `Queue ${name}`);
  return (
    <>
      <div className="page-head">
        <h1>Queue {name}</h1>
      </div>
      {problem !== null && (
        <ProblemNote what="The queue could not be read" problem={problem} onRetry={reload} />
      )}
      {data === null && problem === null && (
        <p className="empty" role="status">
          Reading the queue…
        </p>
      )}
      {data !== null && queue === undefined && (
        <div className="empty">
          <p>
            This server declares no queue <code>{name}</code>. Jobs that were in it are still in the list.
          </p>
          <p>
            <Link to="/queues">Show all queues</Link> or{" "}
            <Link to="/" search={{ queue: name }}>
              its jobs
            </Link>
            .
          </p>
        </div>
      )}
      {queue !== undefined && <QueueCard queue={queue} pulse={pulse} waiting={MANY} isListed={false} />}
    </>
  );
}
