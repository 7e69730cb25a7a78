// Marks of progress are what was seen, when it was said, and nothing else.

import { expect, test } from "vitest";
import { NOTHING_SEEN, type Said, see } from "./reached";

const reached = (...all: [attempt: number, percent: number][]) =>
  all
    .map(([attempt, percent], index): Said => ({ attempt, percent, at: index }))
    .reduce(see, NOTHING_SEEN)
    .reached.map(({ attempt, percent, at, isFirst }) => [attempt, percent, at, isFirst]);

test("each quarter has the first that was seen of it, as it was said", () => {
  expect(reached([1, 0], [1, 24.9], [1, 25], [1, 31], [1, 52], [1, 74], [1, 100], [1, 100])).toEqual([
    [1, 25, 2, false],
    [1, 52, 4, false],
    [1, 100, 6, false],
  ]);
});

test("what was so when the page began to look is told apart", () => {
  expect(reached([1, 60], [1, 76])).toEqual([
    [1, 60, 0, true],
    [1, 76, 1, false],
  ]);
});

test("a command that goes back reaches nothing twice, another attempt begins anew", () => {
  expect(reached([1, 10], [1, 50], [1, 20], [1, 50], [2, 5], [2, 50])).toEqual([
    [1, 50, 1, false],
    [2, 50, 5, false],
  ]);
});

test("what says nothing new is the same", () => {
  const seen = [1, 30].map((percent, at) => ({ attempt: 1, percent, at })).reduce(see, NOTHING_SEEN);
  expect(see(seen, { attempt: 1, percent: 49, at: 9 })).toBe(seen);
});
