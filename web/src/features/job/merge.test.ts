// The greater seq is the newer, whichever way it came.

import { expect, test } from "vitest";
import type { JobState } from "../../graphql/generated";
import { acted, answered, NOTHING, pushed, shown, type Whole } from "./merge";

function whole(seq: number, state: JobState): Whole {
  return {
    id: "j",
    seq,
    state,
    terminal: state === "SUCCEEDED",
    reason: null,
    reasonText: null,
    startedAt: null,
    cancelRequestedAt: null,
    cancelNote: null,
    endedAt: null,
    exitCode: null,
    signal: null,
    attempt: 1,
    result: null,
    wait: null,
    progress: null,
    kind: { name: "demo", title: null, description: null, declared: true },
    queue: { name: "default" },
    args: { a: 1 },
    createdAt: "2026-11-25T12:00:00.000Z",
    notBefore: null,
    maxAttempts: 1,
    timeoutMs: null,
    idempotencyKey: null,
    retryOf: null,
  };
}

function status(seq: number, state: JobState, position: number | null = null) {
  const wait =
    position === null ? null : { reason: "SLOTS_BUSY" as const, reasonText: "", position, eligibleAt: null };
  return {
    id: "j",
    seq,
    change: "UPDATED" as const,
    terminal: false,
    wait,
    progress: null,
    job: whole(seq, state),
  };
}

test("a late answer of a query does not undo a newer push", () => {
  const known = answered(pushed(NOTHING, status(5, "SUCCEEDED")), whole(3, "RUNNING"));
  expect(shown(known)).toMatchObject({ state: "SUCCEEDED", seq: 5, args: { a: 1 } });
});

test("an old push does not undo a newer answer", () => {
  const known = answered(pushed(NOTHING, status(2, "QUEUED")), whole(3, "RUNNING"));
  expect(shown(known)?.state).toBe("RUNNING");
});

test("of two pushes of one seq the later is the newer: they differ in place and progress", () => {
  const known = pushed(
    pushed(answered(NOTHING, whole(1, "QUEUED")), status(1, "QUEUED", 3)),
    status(1, "QUEUED", 2),
  );
  expect(shown(known)?.wait?.position).toBe(2);
});

test("what an action returned is taken over unless a push was faster", () => {
  const known = pushed(answered(NOTHING, whole(2, "RUNNING")), status(4, "CANCELED"));
  expect(shown(acted(known, whole(3, "CANCELING")))?.state).toBe("CANCELED");
  expect(shown(acted(known, whole(5, "CANCELING")))?.state).toBe("CANCELING");
});
