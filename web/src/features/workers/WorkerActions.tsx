// What can be done with a worker: have it take nothing more, and have it go on.

import { useState } from "react";
import { ProblemNote } from "../../components/Problem";
import { Question } from "../../components/Question";
import { type Answer, actUncached } from "../../graphql/client";
import { DrainWorkerDocument, ResumeWorkerDocument, type WorkersQuery } from "../../graphql/generated";
import type { Problem } from "../../graphql/problem";
import { notices } from "../undo/notices";
import { drainWords } from "./standing";

type WorkerRow = WorkersQuery["workers"][number];

/** Has it take nothing more, or go on; whether that is new. */
async function order(id: string, drain: boolean): Promise<Answer<boolean>> {
  if (drain) {
    const { data, problem } = await actUncached(DrainWorkerDocument, { id });
    return { data: data?.drainWorker.changed ?? null, problem };
  }
  const { data, problem } = await actUncached(ResumeWorkerDocument, { id });
  return { data: data?.resumeWorker.changed ?? null, problem };
}

interface Props {
  worker: WorkerRow;
  workers: readonly WorkerRow[];
  /** It stands otherwise now. */
  onChanged(): void;
}

export function WorkerActions({ worker, workers, onChanged }: Props) {
  const { id, name, draining } = worker;
  const [failed, setFailed] = useState<Problem | null>(null);
  const [isBusy, setBusy] = useState(false);

  /** Each way undoes the other. */
  const change = async (drain: boolean): Promise<Answer<unknown>> => {
    const answer = await order(id, drain);
    onChanged();
    if (answer.data === true) {
      const undo = async () => {
        const { problem } = await order(id, !drain);
        onChanged();
        return problem;
      };
      notices.offer({ words: `The worker ${name} ${drain ? "drains" : "is resumed"}.`, undo });
    }
    return answer;
  };
  const resume = async () => {
    setBusy(true);
    setFailed((await change(false)).problem);
    setBusy(false);
  };

  return (
    <>
      <div className="actions">
        {draining ? (
          <button type="button" disabled={isBusy} onClick={() => void resume()}>
            {isBusy ? "Resuming…" : "Resume"}
          </button>
        ) : (
          <Question
            open="Drain"
            title={`Drain the worker ${name}?`}
            text={drainWords(worker, workers)}
            confirm="Drain the worker"
            what="The worker could not be drained"
            onOpen={() => setFailed(null)}
            onConfirm={() => change(true)}
          />
        )}
      </div>
      {failed !== null && <ProblemNote what="The worker could not be resumed" problem={failed} />}
    </>
  );
}
