// The same done to many jobs, one after another: the API has no action on several. Pure but for what it is given.

import { type Problem, passes } from "../../graphql/problem";

/** How far it is. */
export interface Tally {
  done: number;
  failed: number;
  /** Why the first that failed did. */
  problem: Problem | null;
}

export interface Bulk {
  /** The jobs, a page at a time. */
  pages: AsyncIterable<readonly string[]>;
  /** Does it to one. */
  act(id: string): Promise<Problem | null>;
  report(tally: Tally): void;
  isStopped(): boolean;
  /** Waits before the same is tried again. */
  pause(millis: number): Promise<void>;
}

/** One job is tried so often where the server asks for patience. */
const MAX_TRIES = 5;
const PAUSE_MS = 1_000;

/** Goes through all of them, until it is stopped or may not do it at all. */
export async function runBulk({ pages, act, report, isStopped, pause }: Bulk): Promise<Tally> {
  let tally: Tally = { done: 0, failed: 0, problem: null };
  for await (const ids of pages) {
    for (const id of ids) {
      if (isStopped()) {
        return tally;
      }
      let problem = await act(id);
      for (
        let tries = 1;
        problem !== null && passes(problem) && tries < MAX_TRIES && !isStopped();
        tries += 1
      ) {
        await pause(problem.retryAfterMs ?? PAUSE_MS);
        problem = await act(id);
      }
      tally =
        problem === null
          ? { ...tally, done: tally.done + 1 }
          : { ...tally, failed: tally.failed + 1, problem: tally.problem ?? problem };
      report(tally);
      if (problem?.code === "UNAUTHENTICATED" || problem?.code === "UNREACHABLE") {
        return tally;
      }
    }
  }
  return tally;
}
