// A search finds what the reader sees.

import { expect, test } from "vitest";
import { compile, MAX_SPANS, type Pattern, spans } from "./match";

function found(line: string, text: string, isRegex = false) {
  const expression = compile({ text, isRegex } satisfies Pattern);
  return expression instanceof RegExp ? spans([line], expression)[0] : expression.wrong;
}

test("plain text stands for itself, every time it stands there", () => {
  expect(found("a.b axb a.b", "a.b")).toEqual([
    [0, 3],
    [8, 11],
  ]);
  expect(found("(x) [y] {z} a|b \\ ^$ *+?", "[y] {z} a|b \\ ^$ *+?")).toEqual([[4, 24]]);
});

test("a capital letter makes case matter", () => {
  expect(found("Error error", "error")).toHaveLength(2);
  expect(found("Error error", "Error")).toEqual([[0, 5]]);
  // The capital of an escape is none.
  expect(found("Error 5", "e\\S+", true)).toEqual([[0, 5]]);
});

test("colours neither hide what is searched for nor move its place", () => {
  expect(found("\u001b[31mer\u001b[1mror\u001b[0m", "error")).toEqual([[0, 5]]);
  expect(found("31m", "31m")).toEqual([[0, 3]]);
  expect(found("\u001b[31mred", "31m")).toEqual([]);
});

test("an expression is one only where that is wanted, and what is wrong with it is told", () => {
  expect(found("took 12 ms", "\\d+", true)).toEqual([[5, 7]]);
  expect(found("took 12 ms", "\\d+")).toEqual([]);
  expect(found("x", "(", true)).toMatch(/Unterminated group/);
});

test("an expression that fits nothing at every place finds nothing, and ends", () => {
  expect(found("abc", "x*", true)).toEqual([]);
});

test("so many places in one line, and no more", () => {
  expect(found("x".repeat(MAX_SPANS + 1), "x")).toHaveLength(MAX_SPANS);
});
