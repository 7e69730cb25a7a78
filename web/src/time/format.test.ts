// Times and durations read well at every size.

import { expect, test, vi } from "vitest";
import { bytes, count, duration, exactTime, relativeTime } from "./format";

test("durations have two units at most", () => {
  const all = [-5, 340, 4_260, 42_900, 185_000, 7_620_000, 442_800_000].map(duration);
  expect(all).toEqual(["0 ms", "340 ms", "4.2 s", "42 s", "3 min 05 s", "2 h 07 min", "5 d 03 h"]);
});

test("a duration never rounds up into a unit that it does not reach", () => {
  expect([999, 9_999, 59_999, 3_599_999].map(duration)).toEqual(["999 ms", "9.9 s", "59 s", "59 min 59 s"]);
});

test("relative times are coarse, and dates from a day on", () => {
  const now = Date.parse("2026-11-25T12:00:00.000Z");
  const at = (seconds: number) => relativeTime(now + seconds * 1_000, now);
  expect([at(0), at(-30), at(-90), at(-7_200), at(600)]).toEqual([
    "just now",
    "30 s ago",
    "1 min ago",
    "2 h ago",
    "in 10 min",
  ]);
  expect(at(-90_000)).toMatch(/2026/);
});

test("the exact instant names the zone and UTC with milliseconds", () => {
  expect(exactTime(Date.parse("2026-11-25T04:44:34.120Z"))).toMatch(/GMT.*\(2026-11-25T04:44:34\.120Z\)$/);
});

test("sizes", () => {
  expect([0, 999, 1_400, 52_428_800].map(bytes)).toEqual(["0 B", "999 B", "1.4 kB", "52 MB"]);
});

test("only numbers that have something to separate have a formatter made for them, and one is enough", () => {
  const NumberFormat = Intl.NumberFormat;
  const made = vi.spyOn(Intl, "NumberFormat").mockImplementation(function make(...how: unknown[]) {
    return Reflect.construct(NumberFormat, how);
  });
  expect([0, 7, 999, -999].map(count)).toEqual(["0", "7", "999", "-999"]);
  expect(made).not.toHaveBeenCalled();
  const separator = (1_000).toLocaleString().slice(1, -3);
  expect([1_000, 1_234_567].map(count)).toEqual([`1${separator}000`, `1${separator}234${separator}567`]);
  expect(made).toHaveBeenCalledTimes(1);
});
