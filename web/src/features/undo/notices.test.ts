// What is held is done once, when its time is over and not before; undone, it is never done.

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { unavailable } from "../log/testing";
import { isAsked, Notices, type Outcome, UNDO_MS, type Wish } from "./notices";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function wish(change: Partial<Wish> = {}): Wish & { runs: () => number } {
  let runs = 0;
  return {
    words: "2 jobs will be canceled",
    ids: ["a", "b"],
    queue: null,
    run: async () => {
      runs += 1;
      return { words: "2 jobs canceled.", problem: null };
    },
    ...change,
    runs: () => runs,
  };
}

const first = (notices: Notices) => notices.all()[0];

test("what is held is done when its time is over, and goes by itself", async () => {
  const notices = new Notices();
  const held = wish();
  notices.hold(held);
  expect(first(notices)?.phase).toEqual({ name: "held", until: Date.now() + UNDO_MS });
  expect(isAsked(notices.all(), "b", "default")).toBe(true);
  expect(notices.isBusy()).toBe(true);
  await vi.advanceTimersByTimeAsync(UNDO_MS - 1);
  expect(held.runs()).toBe(0);
  await vi.advanceTimersByTimeAsync(1);
  expect(held.runs()).toBe(1);
  expect(first(notices)).toMatchObject({ words: "2 jobs canceled.", phase: { name: "done" } });
  expect(isAsked(notices.all(), "b", "default")).toBe(false);
  expect(notices.isBusy()).toBe(false);
  await vi.advanceTimersByTimeAsync(UNDO_MS);
  expect(notices.all()).toEqual([]);
  expect(held.runs()).toBe(1);
});

test("what was undone is never done", async () => {
  const notices = new Notices();
  const held = wish();
  notices.hold(held);
  await notices.undo(first(notices)?.id ?? 0);
  expect(notices.all()).toEqual([]);
  await vi.advanceTimersByTimeAsync(2 * UNDO_MS);
  expect(held.runs()).toBe(0);
});

test("whoever does not want to wait has it done at once, and once", async () => {
  const notices = new Notices();
  const held = wish();
  notices.hold(held);
  notices.now(first(notices)?.id ?? 0);
  await vi.advanceTimersByTimeAsync(UNDO_MS / 2);
  expect(held.runs()).toBe(1);
  await vi.advanceTimersByTimeAsync(UNDO_MS);
  expect(held.runs()).toBe(1);
});

test("the time stands still for whoever is at it, and is never short afterwards", async () => {
  const notices = new Notices();
  const held = wish();
  notices.hold(held);
  const id = first(notices)?.id ?? 0;
  await vi.advanceTimersByTimeAsync(UNDO_MS - 100);
  notices.pause(id);
  expect(first(notices)?.phase).toEqual({ name: "held", until: null });
  await vi.advanceTimersByTimeAsync(10 * UNDO_MS);
  expect(held.runs()).toBe(0);
  notices.resume(id);
  await vi.advanceTimersByTimeAsync(2_999);
  expect(held.runs()).toBe(0);
  await vi.advanceTimersByTimeAsync(1);
  expect(held.runs()).toBe(1);
});

test("how far it is is told, and it can be stopped", async () => {
  const notices = new Notices();
  let end: (outcome: Outcome) => void = () => {};
  let isStopped = () => false;
  notices.hold(
    wish({
      run: (report, stopped) => {
        report("1 of 2…");
        isStopped = stopped;
        return new Promise((resolve) => {
          end = resolve;
        });
      },
    }),
  );
  const id = first(notices)?.id ?? 0;
  notices.now(id);
  expect(first(notices)).toMatchObject({ words: "1 of 2…", phase: { name: "working", canStop: true } });
  notices.stop(id);
  expect(isStopped()).toBe(true);
  end({ words: "1 job canceled, 1 not.", problem: unavailable });
  // What went wrong stays until it was read.
  await vi.advanceTimersByTimeAsync(10 * UNDO_MS);
  expect(first(notices)).toMatchObject({ phase: { name: "done", problem: unavailable } });
  notices.close(id);
  expect(notices.all()).toEqual([]);
});

test("what was done is undone as long as that is offered, once", async () => {
  const notices = new Notices();
  let undone = 0;
  const undo = async () => {
    undone += 1;
    return null;
  };
  notices.offer({ words: "The queue default is paused.", undo });
  await notices.undo(first(notices)?.id ?? 0);
  expect([undone, notices.all()]).toEqual([1, []]);
  notices.offer({ words: "The queue default is paused.", undo });
  await vi.advanceTimersByTimeAsync(UNDO_MS);
  expect(notices.all()).toEqual([]);
  notices.offer({ words: "The queue default is paused.", undo: async () => unavailable });
  const id = first(notices)?.id ?? 0;
  await notices.undo(id);
  expect(first(notices)?.phase).toEqual({ name: "done", canUndo: false, problem: unavailable });
  await notices.undo(id);
  expect(undone).toBe(1);
});

test("all that wait in a queue are meant where the queue is", () => {
  const notices = new Notices();
  notices.hold(wish({ ids: [], queue: "default" }));
  expect(isAsked(notices.all(), "x", "default")).toBe(true);
  expect(isAsked(notices.all(), "x", "other")).toBe(false);
});
