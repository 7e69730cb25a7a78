// What is behind a job: its events, its attempts, what they used; and what the caller may do with it now.

import { JobPastDocument, type JobPastQuery } from "../../graphql/generated";
import type { Problem } from "../../graphql/problem";
import { useFresh } from "../../graphql/useFresh";

export type Past = NonNullable<JobPastQuery["job"]>;

/** Reads it again whenever the job's seq grew. */
export function usePast(id: string, seq: number): { past: Past | null; problem: Problem | null } {
  const { data, problem } = useFresh(JobPastDocument, () => ({ id }), id, seq);
  return { past: data?.job ?? null, problem };
}
