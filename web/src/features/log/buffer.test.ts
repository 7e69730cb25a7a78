// The buffer is one bounded run of lines.

import { expect, test } from "vitest";
import { type Line, LogBuffer, leftOutBefore } from "./buffer";

function line(number: number, text = "x", attempt = 1): Line {
  return {
    cursor: `c${number}`,
    number,
    at: "2026-11-25T12:00:00.000Z",
    stream: "STDOUT",
    attempt,
    text,
    cut: false,
  };
}

const run = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => line(from + index));
const ends = (buffer: LogBuffer) => [buffer.lines[0]?.number, buffer.lines.at(-1)?.number];

test("more than fits costs the oldest lines at the end, and the newest at the beginning", () => {
  const buffer = new LogBuffer({ lines: 100, characters: 1e6 });
  buffer.replace(run(101, 200));
  expect(buffer.append(run(201, 210))).toBe(true);
  expect(ends(buffer)).toEqual([121, 210]);
  expect(buffer.prepend(run(101, 120))).toBe(true);
  expect(ends(buffer)).toEqual([101, 190]);
});

test("the base tells how far the first line has moved", () => {
  const buffer = new LogBuffer({ lines: 100, characters: 1e6 });
  buffer.replace(run(101, 150));
  buffer.prepend(run(91, 100));
  expect(buffer.base).toBe(-10);
  buffer.append(run(151, 200));
  expect(buffer.base).toBe(10);
  expect(buffer.lines[0]?.number).toBe(111);
});

test("few long lines are too many as well", () => {
  const buffer = new LogBuffer({ lines: 1_000, characters: 1_000 });
  buffer.replace([line(1, "a".repeat(600))]);
  expect(buffer.hasRoom([line(2, "b".repeat(600))])).toBe(false);
  buffer.append([line(2, "b".repeat(600))]);
  expect(ends(buffer)).toEqual([2, 2]);
});

test("one line that is larger than everything is still shown", () => {
  const buffer = new LogBuffer({ lines: 10, characters: 10 });
  buffer.append([line(1, "a".repeat(50))]);
  expect(buffer.lines).toHaveLength(1);
});

test("a jump of numbers within an attempt says how many lines were left out", () => {
  expect(leftOutBefore(line(10), line(4))).toBe(5);
  expect(leftOutBefore(line(5), line(4))).toBe(0);
  expect(leftOutBefore(line(1, "x", 2), line(900))).toBe(0);
  expect(leftOutBefore(line(7), undefined)).toBe(0);
});
