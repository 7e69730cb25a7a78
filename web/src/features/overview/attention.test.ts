// What needs attention is told, at its limit, and nothing else.

import { expect, test } from "vitest";
import type { QueueRowFragment } from "../../graphql/generated";
import { attention } from "./attention";

function queue(change: Partial<QueueRowFragment>, stats: Partial<QueueRowFragment["stats"]> = {}) {
  return {
    id: "queue:default",
    name: "default",
    declared: true,
    slots: 1,
    maxWaiting: 10,
    paused: false,
    pausedAt: null,
    pausedBy: null,
    pausedNote: null,
    viewerCanManage: true,
    ...change,
    stats: {
      at: "2026-11-25T12:00:00.000Z",
      running: 0,
      waiting: 0,
      notBefore: 0,
      oldestWaitMs: null,
      waitP50Ms: null,
      waitP95Ms: null,
      runP50Ms: null,
      runP95Ms: null,
      endedLastHour: 0,
      failedLastHour: 0,
      ...stats,
    },
  };
}

const live = { id: "worker:1", name: "one", live: true, draining: false };
const texts = (...[queues, workers]: Parameters<typeof attention>) =>
  attention(queues, workers).map(({ text }) => text);

test("a quiet server needs none", () => {
  expect(texts([queue({})], [live])).toEqual([]);
  const almost = { waiting: 8, oldestWaitMs: 299_999, endedLastHour: 30, failedLastHour: 3 };
  expect(texts([queue({}, almost)], [live])).toEqual([]);
});

test("each reason is told", () => {
  const much = { waiting: 8, notBefore: 1, oldestWaitMs: 300_000, endedLastHour: 29, failedLastHour: 3 };
  expect(texts([queue({}, much)], [live])).toEqual([
    "Queue default holds 9 of 10: it soon refuses new jobs.",
    "The first in line of queue default has waited 5 min 00 s.",
    "3 of 29 jobs of queue default failed in the last hour.",
  ]);
  expect(texts([queue({ paused: true })], [{ ...live, draining: true }])).toEqual([
    "No worker takes jobs: nothing starts.",
    "Queue default is paused; 0 wait.",
  ]);
});
