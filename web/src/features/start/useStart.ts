// The start of one job: sent once however often it is pressed, with what was wrong about it.

import { useNavigate } from "@tanstack/react-router";
import { useRef, useState } from "react";
import { act } from "../../graphql/client";
import { StartJobDocument, type StartJobInput } from "../../graphql/generated";
import { KeyKeeper } from "../../graphql/key";
import type { ArgProblem, Problem } from "../../graphql/problem";

export interface Start {
  isBusy: boolean;
  /** What the server said. */
  failed: Problem | null;
  /** What does not fit, by whoever found it. */
  wrong: readonly ArgProblem[];
  setWrong(problems: readonly ArgProblem[]): void;
  /** The request that would be sent for these arguments. */
  requestOf(args: unknown): StartJobInput;
  /** Sends it, and goes to the job. */
  send(args: unknown): Promise<void>;
}

export function useStart(kind: string): Start {
  const navigate = useNavigate();
  const [wrong, setWrong] = useState<readonly ArgProblem[]>([]);
  const [failed, setFailed] = useState<Problem | null>(null);
  const [isBusy, setBusy] = useState(false);
  // Set at once, not at the next rendering: the second of two fast clicks finds it.
  const inFlight = useRef(false);
  const [keys] = useState(() => new KeyKeeper());

  const requestOf = (args: unknown): StartJobInput => {
    const content = { kind, args };
    return { ...content, idempotencyKey: keys.keyFor(JSON.stringify(content)) };
  };

  const send = async (args: unknown) => {
    if (inFlight.current) {
      return;
    }
    inFlight.current = true;
    setBusy(true);
    setFailed(null);
    setWrong([]);
    const { data, problem } = await act(StartJobDocument, { input: requestOf(args) });
    if (data !== null) {
      // Busy until the job's page is there, which may have to be loaded: whoever presses again means this job.
      await navigate({ to: "/jobs/$id", params: { id: data.startJob.job.id } });
      keys.done();
    } else if (problem !== null) {
      setFailed(problem);
      setWrong(problem.argProblems);
    }
    inFlight.current = false;
    setBusy(false);
  };

  return { isBusy, failed, wrong, setWrong, requestOf, send };
}
