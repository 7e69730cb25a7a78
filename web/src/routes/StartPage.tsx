// Start a job: which kind, with which arguments.

import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback, useRef } from "react";
import { ProblemNote } from "../components/Problem";
import { useChosen } from "../components/useChosen";
import { useTitle } from "../components/useTitle";
import { type Draft, StartForm } from "../features/start/StartForm";
import "../features/start/start.css";
import { JobArgsDocument, KindsDocument, type KindsQuery } from "../graphql/generated";
import { useFresh } from "../graphql/useFresh";
import { useRead } from "../graphql/useRead";

const NO_VARIABLES = {};

export function StartPage() {
  useTitle("Start a job");
  const { kind: wanted, like } = useSearch({ from: "/start" });
  const { data, problem, reload } = useRead(KindsDocument, NO_VARIABLES);
  const drafts = useRef(new Map<string, Draft>());
  const kinds = data?.kinds ?? [];
  const kind = kinds.find((one) => one.name === wanted) ?? (kinds.length === 1 ? kinds[0] : undefined);
  return (
    <>
      <div className="page-head">
        <h1>Start a job</h1>
      </div>
      {problem !== null && (
        <ProblemNote what="The kinds could not be read" problem={problem} onRetry={reload} />
      )}
      {data === null && problem === null && (
        <p className="empty" role="status">
          Reading the kinds…
        </p>
      )}
      {data !== null && kinds.length === 0 && (
        <p className="empty">
          This server declares no kinds. Add one to its configuration, then start the server again.
        </p>
      )}
      {kinds.length > 0 && <Kinds kinds={kinds} chosen={kind?.name} />}
      {data !== null && wanted !== undefined && kind === undefined && (
        <p className="problem" role="alert">
          This server declares no kind <code>{wanted}</code>. Choose one of those above.
        </p>
      )}
      {kind !== undefined && (
        <section aria-labelledby="kind-title">
          <h2 id="kind-title">Arguments of {kind.title ?? kind.name}</h2>
          {kind.queue.paused && (
            <p className="card">
              The queue {kind.queue.name} is paused: the job will wait until it is resumed.{" "}
              <Link to="/" search={{ queue: kind.queue.name, state: ["QUEUED"] }}>
                Show what waits
              </Link>
            </p>
          )}
          {like === undefined ? (
            <Drafted key={kind.name} kind={kind} drafts={drafts.current} />
          ) : (
            <Like key={`${kind.name} ${like}`} kind={kind} like={like} drafts={drafts.current} />
          )}
        </section>
      )}
    </>
  );
}

interface LikeProps {
  kind: KindsQuery["kinds"][number];
  /** The id of a job. */
  like: string;
  drafts: Map<string, Draft>;
}

/** The form, with the arguments of a job. */
function Like({ kind, like, drafts }: LikeProps) {
  const { data, problem, reload } = useFresh(JobArgsDocument, () => ({ id: like }), like, 0);
  if (problem !== null) {
    return <ProblemNote what="The job's arguments could not be read" problem={problem} onRetry={reload} />;
  }
  if (data === null) {
    return (
      <p className="empty" role="status">
        Reading the job's arguments…
      </p>
    );
  }
  const job = data.job?.kind.name === kind.name ? data.job : null;
  if (job !== null && !drafts.has(kind.name)) {
    drafts.set(kind.name, { mode: null, args: job.args, text: JSON.stringify(job.args, null, 2) });
  }
  return (
    <>
      <p className="note">
        {job === null ? (
          "The job whose arguments were wanted is no longer there."
        ) : (
          <>
            As job{" "}
            <Link to="/jobs/$id" params={{ id: job.id }}>
              …{job.id.slice(-8)}
            </Link>{" "}
            had them: change what is to be different.
          </>
        )}
      </p>
      <Drafted kind={kind} drafts={drafts} />
    </>
  );
}

/** The form, with what was typed into it before. */
function Drafted({ kind, drafts }: { kind: KindsQuery["kinds"][number]; drafts: Map<string, Draft> }) {
  const { name } = kind;
  const onDraft = useCallback((draft: Draft) => void drafts.set(name, draft), [drafts, name]);
  return <StartForm kind={kind} draft={drafts.get(name)} onDraft={onDraft} />;
}

function Kinds({ kinds, chosen }: { kinds: KindsQuery["kinds"]; chosen: string | undefined }) {
  const navigate = useNavigate();
  const [shown, choose] = useChosen(chosen, (kind) =>
    navigate({ to: "/start", search: { kind }, replace: true }),
  );
  return (
    <fieldset className="kinds">
      <legend>Kind</legend>
      {kinds.map((kind) => (
        <label key={kind.name} className="kind">
          <input type="radio" name="kind" checked={kind.name === shown} onChange={() => choose(kind.name)} />
          <span>
            {kind.title} <code>{kind.name}</code>
          </span>
          {kind.description !== null && <span className="note">{kind.description}</span>}
        </label>
      ))}
    </fieldset>
  );
}
