// One job, live until its end.

import { useCallback, useEffect, useState } from "react";
import { connection, read, useRecoveries } from "../../graphql/client";
import { follow } from "../../graphql/follow";
import { type JobLiveFragment, JobPageDocument, JobStatusDocument } from "../../graphql/generated";
import type { Problem } from "../../graphql/problem";
import { useRetry } from "../../graphql/useRetry";
import { acted, answered, type Known, NOTHING, pushed, shown, type Whole } from "./merge";

/** The job so far. */
export interface JobView {
  job: Whole | null;
  /** No job has this id. */
  unknown: boolean;
  removed: boolean;
  problem: Problem | null;
  loading: boolean;
  /** Takes over what an action returned. */
  take(live: JobLiveFragment): void;
  reload(): void;
}

interface State {
  id: string;
  known: Known;
  unknown: boolean;
  problem: Problem | null;
  loading: boolean;
}

const fresh = (id: string): State => ({ id, known: NOTHING, unknown: false, problem: null, loading: true });

/** Reads the job and follows it. */
export function useJob(id: string): JobView {
  const recoveries = useRecoveries();
  const [round, setRound] = useState(0);
  const [state, setState] = useState<State>(() => fresh(id));
  const job = state.id === id ? shown(state.known) : null;
  const over = job?.terminal === true || state.unknown;

  // biome-ignore lint/correctness/useExhaustiveDependencies: `recoveries` and `round` are what it is read again for.
  useEffect(() => {
    let current = true;
    setState((before) => (before.id === id ? { ...before, loading: true } : fresh(id)));
    void read(JobPageDocument, { id }).then(({ data, problem }) => {
      if (!current) {
        return;
      }
      setState((before) => {
        const base = { ...before, loading: false, problem };
        if (data?.job) {
          return { ...base, known: answered(before.known, data.job), unknown: false };
        }
        // What is no id names no job either.
        const isNoId = problem?.code === "INVALID_INPUT";
        const unknown = (data !== null && problem === null) || isNoId || problem?.code === "NOT_FOUND";
        return { ...base, unknown };
      });
    });
    return () => {
      current = false;
    };
  }, [id, recoveries, round]);

  useEffect(() => {
    if (over) {
      return;
    }
    return follow(connection, {
      document: JobStatusDocument,
      variables: () => ({ id }),
      next: ({ jobStatus }) =>
        setState((before) =>
          before.id === id ? { ...before, known: pushed(before.known, jobStatus) } : before,
        ),
      // That the id names no job is what the read says; anything else is worth a line.
      failed: (problem) => {
        if (problem.code !== "NOT_FOUND" && problem.code !== "INVALID_INPUT") {
          setState((before) => (before.id === id ? { ...before, problem } : before));
        }
      },
      isLast: ({ jobStatus }) => jobStatus.terminal || jobStatus.change === "REMOVED",
    });
  }, [id, over]);

  const take = useCallback(
    (live: JobLiveFragment) => setState((before) => ({ ...before, known: acted(before.known, live) })),
    [],
  );
  const reload = useCallback(() => setRound((before) => before + 1), []);
  useRetry(state.id === id ? state.problem : null, reload);
  if (state.id !== id) {
    return { job: null, unknown: false, removed: false, problem: null, loading: true, take, reload };
  }
  const { unknown, problem, loading, known } = state;
  return { job, unknown, removed: known.removed, problem, loading, take, reload };
}
