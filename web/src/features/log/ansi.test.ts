// Colours come through; nothing else of an escape does.

import { expect, test } from "vitest";
import { pieces } from "./ansi";
import { MAX_SHOWN, plain } from "./escapes";

const ESC = "\u001b";
const shown = (line: string) => pieces(line).pieces.map((piece) => [piece.text, piece.className]);
const text = (line: string) =>
  pieces(line)
    .pieces.map((piece) => piece.text)
    .join("");

test("the sixteen colours and the weights are classes", () => {
  expect(shown(`a${ESC}[31mb${ESC}[1;92mc${ESC}[0md`)).toEqual([
    ["a", ""],
    ["b", "ansi-red-fg"],
    ["c", "ansi-bold ansi-brightGreen-fg"],
    ["d", ""],
  ]);
});

test("a style without a number resets, and a number that was left out is none", () => {
  expect(shown(`${ESC}[31ma${ESC}[mb`)).toEqual([
    ["a", "ansi-red-fg"],
    ["b", ""],
  ]);
  expect(shown(`${ESC}[1ma${ESC}[;32mb`)[1]).toEqual(["b", "ansi-green-fg"]);
});

test("other colours are values", () => {
  expect(pieces(`${ESC}[38;5;208;48;2;1;2;3mx`).pieces[0]).toEqual({
    text: "x",
    className: "",
    color: "#ff8700",
    background: "#010203",
  });
  expect(pieces(`${ESC}[38;5;9mx`).pieces[0]?.className).toBe("ansi-brightRed-fg");
});

test("reversed text has its colours exchanged", () => {
  expect(shown(`${ESC}[7;31mx`)).toEqual([["x", "ansi-reverse ansi-red-bg"]]);
});

test("cursor moves, titles, links, character sets and broken sequences leave nothing", () => {
  expect(text(`${ESC}[2J${ESC}[10;10Ha${ESC}[?25l`)).toBe("a");
  expect(text(`${ESC}]0;title\u0007a${ESC}]8;;https://example.com${ESC}\\link${ESC}]8;;${ESC}\\`)).toBe(
    "alink",
  );
  expect(text(`${ESC}(Ba${ESC}cb${ESC}7c`)).toBe("abc");
  expect(text(`a${ESC}[4:3mb${ESC}[>4;2mc`)).toBe("abc");
  expect(text(`a${ESC}[31`)).toBe("a");
  expect(text(`a${ESC}]0;never ended`)).toBe("a");
  expect(text(`a${ESC}`)).toBe("a");
});

test("control characters and marks that turn the direction of text are shown as dots", () => {
  expect(text("a\u0000b\u0008c\td")).toBe("a·b·c\td");
  expect(text("user\u202etxt.exe")).toBe("user·txt.exe");
});

test("markup stays text", () => {
  const line = "<script>alert(1)</script>&amp;";
  expect(text(line)).toBe(line);
});

test("a very long line is shown in part, and says how much is missing", () => {
  const result = pieces("x".repeat(MAX_SHOWN + 10));
  expect(result.hidden).toBe(10);
  expect(result.pieces[0]?.text).toHaveLength(MAX_SHOWN);
});

test("what a search looks at is the text that is shown", () => {
  for (const line of [
    `a${ESC}[31mb${ESC}[;1mc${ESC}[0md`,
    `${ESC}]8;;https://example.com${ESC}\\link${ESC}]8;;${ESC}\\`,
    `a\u0000b\u202e${ESC}[4:3mc`,
    "x".repeat(MAX_SHOWN + 10),
    `a${ESC}[31`,
  ]) {
    expect(plain(line)).toBe(text(line));
  }
});
