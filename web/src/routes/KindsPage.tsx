// The kinds that the server declares: what each takes, may and usually does.

import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { Json } from "../components/Json";
import { labelWords } from "../components/labels";
import { ProblemNote } from "../components/Problem";
import { useTitle } from "../components/useTitle";
import "../features/kinds/kinds.css";
import { KindsPageDocument, type KindsPageQuery } from "../graphql/generated";
import { useRead } from "../graphql/useRead";
import { duration } from "../time/format";

const NO_VARIABLES = {};

export function KindsPage() {
  useTitle("Kinds");
  const { data, problem, reload } = useRead(KindsPageDocument, NO_VARIABLES);
  return (
    <>
      <div className="page-head">
        <h1>Kinds</h1>
      </div>
      {problem !== null && (
        <ProblemNote what="The kinds could not be read" problem={problem} onRetry={reload} />
      )}
      {data === null && problem === null && (
        <p className="empty" role="status">
          Reading the kinds…
        </p>
      )}
      {data !== null && data.kinds.length === 0 && (
        <div className="empty">
          <p>
            This server declares no kinds, or none that you may see. Write a configuration with three samples:
          </p>
          <pre>
            <code>longhaul init</code>
          </pre>
        </div>
      )}
      {data?.kinds.map((kind) => (
        <Kind key={kind.id} kind={kind} />
      ))}
    </>
  );
}

function Kind({ kind }: { kind: KindsPageQuery["kinds"][number] }) {
  const id = `kind-${kind.name}`;
  return (
    <section className="card" aria-labelledby={id}>
      <div className="kind-head">
        <h2 id={id}>
          {kind.title ?? kind.name} {kind.title !== null && <code>{kind.name}</code>}
        </h2>
        {kind.viewerCanStart && (
          <Link to="/start" search={{ kind: kind.name }} className="button" aria-label={`Start ${kind.name}`}>
            Start
          </Link>
        )}
      </div>
      {kind.description !== null && <p>{kind.description}</p>}
      {kind.differsOn.length > 0 && (
        <p className="problem">
          Declared otherwise on {kind.differsOn.join(", ")}: the worker that runs a job decides what it runs.
        </p>
      )}
      <dl className="facts">
        <Fact name="Queue">
          <Link to="/queues/$name" params={{ name: kind.queue.name }}>
            {kind.queue.name}
          </Link>
        </Fact>
        {kind.workerLabels.length > 0 && (
          <Fact name="Runs on workers with">{labelWords(kind.workerLabels)}</Fact>
        )}
        <Fact name="Typical run">
          {kind.typicalRunMs === null ? "none has ended well yet" : duration(kind.typicalRunMs)}
        </Fact>
        <Fact name="Timeout">{kind.timeoutMs === null ? "none" : duration(kind.timeoutMs)}</Fact>
        <Fact name="Attempts">
          {kind.atMostOnce ? "never run twice, not even after a crash" : `at most ${kind.maxAttempts}`}
        </Fact>
        <Fact name="Jobs">
          <Link to="/" search={{ kind: kind.name }}>
            all
          </Link>
          {", "}
          <Link to="/" search={{ kind: kind.name, state: ["FAILED"] }}>
            failed
          </Link>
        </Fact>
      </dl>
      <details>
        <summary>Schema of its arguments</summary>
        <Json value={kind.argsSchema} label={`Schema of the arguments of ${kind.name}`} />
      </details>
      {kind.resultSchema !== null && kind.resultSchema !== undefined && (
        <details>
          <summary>Schema of its result</summary>
          <Json value={kind.resultSchema} label={`Schema of the result of ${kind.name}`} />
        </details>
      )}
    </section>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
