// The workers: whether each lives, and what it runs.

import { Link } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { labelWords } from "../components/labels";
import { ProblemNote } from "../components/Problem";
import { Time } from "../components/Time";
import { useTitle } from "../components/useTitle";
import { Slots } from "../features/queues/Slots";
import "../features/queues/queues.css";
import { useQueues } from "../features/queues/useQueues";
import { standstill } from "../features/workers/standing";
import { WorkerActions } from "../features/workers/WorkerActions";
import { WorkersDocument, type WorkersQuery } from "../graphql/generated";
import { useFresh } from "../graphql/useFresh";
import { count } from "../time/format";

type WorkerRow = WorkersQuery["workers"][number];

/** Nothing tells that a worker falls silent: it is looked at so often. */
const LOOK_EVERY_MS = 10_000;

export function WorkersPage() {
  const { pulse } = useQueues();
  const looks = useLooks();
  const { data, problem, reload } = useFresh(WorkersDocument, () => ({}), "workers", pulse + looks);
  const stands = data === null ? null : standstill(data.workers);
  useTitle(stands === null ? "Workers" : "Nothing starts · Workers");
  return (
    <>
      <div className="page-head">
        <h1>Workers</h1>
      </div>
      {problem !== null && (
        <ProblemNote what="The workers could not be read" problem={problem} onRetry={reload} />
      )}
      {data === null && problem === null && (
        <p className="empty" role="status">
          Reading the workers…
        </p>
      )}
      {stands !== null && (
        <p className="problem" role="alert">
          {stands}
        </p>
      )}
      {data !== null && data.workers.length === 1 && (
        <p className="note">One worker: the server itself, on this one machine.</p>
      )}
      {data?.workers.map((worker, index) => (
        <WorkerCard
          key={worker.id}
          worker={worker}
          workers={data.workers}
          isServer={index === 0}
          onChanged={reload}
        />
      ))}
    </>
  );
}

function useLooks(): number {
  const [looks, setLooks] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => {
      if (!document.hidden) {
        setLooks((before) => before + 1);
      }
    }, LOOK_EVERY_MS);
    return () => clearInterval(timer);
  }, []);
  return looks;
}

interface CardProps {
  worker: WorkerRow;
  workers: readonly WorkerRow[];
  isServer: boolean;
  onChanged(): void;
}

function WorkerCard({ worker, workers, isServer, onChanged }: CardProps) {
  const id = `worker-${worker.id}`;
  return (
    <section className="card" aria-labelledby={id}>
      <div className="queue-head">
        <h2 id={id}>{worker.name}</h2>
        <span className={`state ${worker.live ? "state-succeeded" : "state-canceled"}`}>
          {worker.live ? "Live" : "Gone"}
        </span>
        {worker.draining && <span className="state state-canceling">Draining</span>}
        {isServer && <span className="note">this server</span>}
        {worker.viewerCanManage && <WorkerActions worker={worker} workers={workers} onChanged={onChanged} />}
      </div>
      {worker.live && (
        <Slots queue={worker.name} slots={worker.slots} running={worker.busy} jobs={worker.running} />
      )}
      <dl className="numbers">
        <div>
          <dt>Slots used</dt>
          <dd>
            {count(worker.busy)} of {count(worker.slots)}
          </dd>
        </div>
        <div>
          <dt>Started</dt>
          <dd>
            <Time at={worker.startedAt} />
          </dd>
        </div>
        <div>
          <dt>Last seen</dt>
          <dd>
            <Time at={worker.lastSeenAt} />
          </dd>
        </div>
        <div>
          <dt>Version</dt>
          <dd>{worker.version}</dd>
        </div>
        {worker.labels.length > 0 && (
          <div>
            <dt>Labels</dt>
            <dd>{labelWords(worker.labels)}</dd>
          </div>
        )}
        <div>
          <dt>Kinds</dt>
          <dd>
            <Link to="/kinds">{count(worker.kinds.length)}</Link>
          </dd>
        </div>
      </dl>
    </section>
  );
}
