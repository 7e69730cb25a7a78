// What was found is marked, whatever colours it has.

import { expect, test } from "vitest";
import { pieces } from "./ansi";
import { marked } from "./marks";
import type { Span } from "./match";

const ESC = "\u001b";
const parts = (line: string, spans: Span[]) =>
  marked(pieces(line).pieces, spans).map(({ text, className, isFound }) => [text, className, isFound]);

test("a line without anything found is as it was", () => {
  expect(parts(`a${ESC}[31mb`, [])).toEqual([
    ["a", "", false],
    ["b", "ansi-red-fg", false],
  ]);
});

test("what is found is cut out, at the beginning, the middle and the end", () => {
  expect(
    parts("abcdef", [
      [0, 1],
      [2, 3],
      [5, 6],
    ]),
  ).toEqual([
    ["a", "", true],
    ["b", "", false],
    ["c", "", true],
    ["de", "", false],
    ["f", "", true],
  ]);
});

test("over a change of colour it is marked on both sides", () => {
  expect(parts(`ab${ESC}[31mcd${ESC}[0mef`, [[1, 5]])).toEqual([
    ["a", "", false],
    ["b", "", true],
    ["cd", "ansi-red-fg", true],
    ["e", "", true],
    ["f", "", false],
  ]);
});
