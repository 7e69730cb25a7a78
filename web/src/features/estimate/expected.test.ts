// An estimate is told as a time that counts down, with how late it may be.

import { expect, test } from "vitest";
import { expected, grounds } from "./expected";

const now = Date.parse("2026-11-25T12:00:00.000Z");
const at = (seconds: number) => new Date(now + seconds * 1_000).toISOString();
const none = { startAt: null, startAtLatest: null, endAt: null, endAtLatest: null, basedOnRuns: 12 };

test("what waits starts, what runs ends", () => {
  const waits = { ...none, startAt: at(80), startAtLatest: at(200), endAt: at(300), endAtLatest: at(500) };
  expect(expected(waits, now)).toBe("starts in about 1 min 20 s, within 3 min 20 s almost surely");
  const runs = { ...none, endAt: at(7.2), endAtLatest: at(31) };
  expect(expected(runs, now)).toBe("ends in about 8 s, within 31 s almost surely");
});

test("it counts down, and says so when its time has come or is over", () => {
  const estimate = { ...none, startAt: at(2), startAtLatest: at(5) };
  expect(expected(estimate, now + 1_000)).toBe("starts in about 1 s, within 4 s almost surely");
  expect(expected(estimate, now + 1_001)).toBe("starts any moment, within 4 s almost surely");
  expect(expected(estimate, now + 5_999)).toBe("starts any moment");
  expect(expected(estimate, now + 6_000)).toBe("starts any moment, later than most");
});

test("a job that nobody has started yet is not late", () => {
  const estimate = { ...none, startAt: at(0), startAtLatest: at(0) };
  expect(expected(estimate, now)).toBe("starts any moment");
  expect(expected(estimate, now + 60_000, true)).toBe("starts any moment");
});

test("a range that is none is left out, and so is what is not known", () => {
  expect(expected({ ...none, startAt: at(60), startAtLatest: at(60) }, now)).toBe(
    "starts in about 1 min 00 s",
  );
  expect(expected(none, now)).toBeNull();
});

test("what it rests on", () => {
  expect(grounds(none)).toBe("from 12 past runs");
  expect(grounds({ ...none, basedOnRuns: 1 })).toBe("from one past run");
});
