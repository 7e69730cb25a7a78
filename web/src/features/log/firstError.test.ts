// The first error is found wherever it is; without one, the first line on standard error stands for it.

import { expect, test } from "vitest";
import { firstError, type Levels } from "./firstError";
import { pageOf, unavailable } from "./testing";

/** A log of ten lines in pages; `texts` by number, those that begin with `!` on standard error. */
function log(texts: Record<number, string>): Levels {
  return async (place) => {
    const page = pageOf(10, place, (number) => texts[number] ?? "fine");
    return {
      ...page,
      lines: page.lines.map((line) => ({
        ...line,
        text: line.text.replace(/^!/, ""),
        stream: line.text.startsWith("!") ? ("STDERR" as const) : ("STDOUT" as const),
      })),
    };
  };
}

const always = () => true;

test("the first of several, on any page, in colours too", async () => {
  const levels = log({ 2: "!a word", 7: "\u001b[31mERROR\u001b[0m no", 9: "ERROR later" });
  expect(await firstError(levels, 3, always)).toMatchObject({ at: { number: 7 }, isSure: true });
});

test("the first on standard error where no line tells one", async () => {
  const levels = log({ 4: "!a word", 8: "!another" });
  expect(await firstError(levels, 3, always)).toMatchObject({ at: { number: 4 }, isSure: false });
});

test("none", async () => {
  expect(await firstError(log({}), 3, always)).toEqual({ at: null });
});

test("how far it is is told, and it can be stopped", async () => {
  const told: number[] = [];
  const report = (looked: number) => told.push(looked) < 2;
  expect(await firstError(log({ 10: "ERROR" }), 3, report)).toEqual({ at: null });
  expect(told).toEqual([3, 6]);
});

test("what fails is told", async () => {
  expect(await firstError(async () => ({ problem: unavailable }), 3, always)).toEqual({
    problem: unavailable,
  });
});
