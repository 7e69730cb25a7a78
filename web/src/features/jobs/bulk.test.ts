// What is done to many is done to each once, counted, tried again only where that helps, and can be stopped.

import { expect, test } from "vitest";
import type { Problem } from "../../graphql/problem";
import { type Bulk, runBulk, type Tally } from "./bulk";

function problem(code: string, retryAfterMs: number | null = null): Problem {
  return { code, message: code, hint: null, retryAfterMs, argProblems: [], jobId: null, scope: null };
}

async function* pages(...all: string[][]) {
  yield* all;
}

function bulk(change: Partial<Bulk>): Bulk {
  return {
    pages: pages(["a", "b"], ["c"]),
    act: async () => null,
    report: () => {},
    isStopped: () => false,
    pause: async () => {},
    ...change,
  };
}

test("each job of each page, in order, and how far it is", async () => {
  const acted: string[] = [];
  const told: Tally[] = [];
  const act = async (id: string) => {
    acted.push(id);
    return id === "b" ? problem("INVALID_STATE") : null;
  };
  const tally = await runBulk(bulk({ act, report: (tally) => told.push(tally) }));
  expect(acted).toEqual(["a", "b", "c"]);
  expect(told.map(({ done, failed }) => [done, failed])).toEqual([
    [1, 0],
    [1, 1],
    [2, 1],
  ]);
  expect(tally.problem?.code).toBe("INVALID_STATE");
});

test("a server that asks for patience gets it, so long and no longer", async () => {
  const waits: number[] = [];
  let left = 2;
  const act = async () => (left-- > 0 ? problem("RATE_LIMITED", 50) : null);
  const pause = async (millis: number) => void waits.push(millis);
  expect(await runBulk(bulk({ act, pause }))).toMatchObject({ done: 3, failed: 0 });
  expect(waits).toEqual([50, 50]);
  const never = await runBulk(bulk({ pages: pages(["a"]), act: async () => problem("RATE_LIMITED"), pause }));
  expect(never).toMatchObject({ done: 0, failed: 1 });
  expect(waits).toHaveLength(6);
});

test("it ends when it is stopped, and when nothing can be done any more", async () => {
  let acted = 0;
  const act = async () => {
    acted += 1;
    return null;
  };
  await runBulk(bulk({ act, isStopped: () => acted === 1 }));
  expect(acted).toBe(1);
  const refused = await runBulk(bulk({ act: async () => problem("UNAUTHENTICATED") }));
  expect(refused).toMatchObject({ done: 0, failed: 1 });
});
