// Pauses grow to a bound, are never the same for all, and can be cut short.

import { afterEach, expect, test, vi } from "vitest";
import { MAX_PAUSE_MS, pause, pauseBefore } from "./backoff";

afterEach(() => vi.useRealTimers());

test("each pause is twice the one before, up to the bound", () => {
  const most = (tries: number) => pauseBefore(tries, () => 1);
  expect([0, 1, 2, 3].map(most)).toEqual([500, 1_000, 2_000, 4_000]);
  expect(most(6)).toBe(MAX_PAUSE_MS);
  expect(most(10_000)).toBe(MAX_PAUSE_MS);
});

test("half of a pause is chance", () => {
  expect(pauseBefore(1, () => 0)).toBe(500);
  expect(pauseBefore(1, () => 0.5)).toBe(750);
});

test("a pause ends when it is told to, long before its time", async () => {
  vi.useFakeTimers();
  const waiting = pause(60_000);
  waiting.end();
  await waiting.ended;
  expect(vi.getTimerCount()).toBe(0);
});
