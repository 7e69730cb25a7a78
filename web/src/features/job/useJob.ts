// One job, live until its end.

import { useEffect, useState } from "react";
import { listen, useCaller } from "../../graphql/client";
import { JobPageDocument, JobStatusDocument, type JobWholeFragment } from "../../graphql/generated";
import type { Problem } from "../../graphql/problem";
import { useRead } from "../../graphql/useRead";

/** The job so far. */
export interface JobView {
  job: JobWholeFragment | null;
  /** No job has this id. */
  unknown: boolean;
  removed: boolean;
  problem: Problem | null;
  reload(): void;
}

/** Reads the job and follows it: what is pushed comes by the cache. */
export function useJob(id: string): JobView {
  const { data, problem, reload } = useRead(JobPageDocument, { id });
  const [stream, setStream] = useState<{ id: string; removed: boolean; problem: Problem | null }>();
  const { removed, problem: cut } = stream?.id === id ? stream : { removed: false, problem: null };
  const job = data?.job ?? null;
  // What is no id names no job either.
  const unknown = (data !== null && job === null) || (job === null && problem !== null && isNoJob(problem));
  const caller = useCaller();
  const over = job?.terminal === true || unknown;

  // biome-ignore lint/correctness/useExhaustiveDependencies: another caller follows by another client.
  useEffect(() => {
    if (over) {
      return;
    }
    return listen(
      JobStatusDocument,
      { id },
      {
        next: ({ jobStatus }) => setStream({ id, removed: jobStatus.change === "REMOVED", problem: null }),
        // That the id names no job is what the read says; anything else is worth a line.
        failed: (problem) => setStream({ id, removed: false, problem: isNoJob(problem) ? null : problem }),
      },
    );
  }, [id, over, caller]);

  return { job, unknown, removed, problem: problem ?? cut, reload };
}

function isNoJob(problem: Problem): boolean {
  return problem.code === "INVALID_INPUT" || problem.code === "NOT_FOUND";
}
