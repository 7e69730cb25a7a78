// A line of JSON is laid out without a change to what it says.

import { expect, test } from "vitest";
import { isJson, lay, MAX_JSON, moved } from "./json";

test("each value has a line, and what is empty stays together", () => {
  const { text } = lay('{"a":1,"b":[true,null,{"c":"x"}],"d":{},"e":[ ],  "f" : [[]]}');
  expect(text).toBe(
    [
      "{",
      '  "a": 1,',
      '  "b": [',
      "    true,",
      "    null,",
      "    {",
      '      "c": "x"',
      "    }",
      "  ],",
      '  "d": {},',
      '  "e": [],',
      '  "f": [',
      "    []",
      "  ]",
      "}",
    ].join("\n"),
  );
});

test("it is the same JSON, sign by sign", () => {
  const line = '{"n":12345678901234567890.10,"n":1e400,"s":"\\u001b[31m<b>\\" {, :[] \\\\","é":"a b"}';
  const { text } = lay(line);
  expect(text).toContain('"n": 12345678901234567890.10,\n  "n": 1e400,');
  expect(text).toContain('"s": "\\u001b[31m<b>\\" {, :[] \\\\"');
  expect(text.replace(/\n */g, "").replace(/": /g, '":')).toBe(line);
});

test("what is no JSON, or of one value, or too long, stays one line", () => {
  const all = [
    "",
    "{",
    "{}",
    "[ ]",
    "{ }",
    "7",
    '"x"',
    "null",
    "[INFO] done [1]",
    "{a: 1}",
    "{'a': 1}",
    '{"a":1} x',
  ];
  expect(all.filter(isJson)).toEqual([]);
  expect(['{"a":1}', ' { "a" : [ ] } ', "[1]", "[[]]"].filter((line) => !isJson(line))).toEqual([]);
  const long = (length: number) => `["${"x".repeat(length - 4)}"]`;
  expect([isJson(long(MAX_JSON)), isJson(long(MAX_JSON + 1))]).toEqual([true, false]);
});

test("what was found in the line is found in its layout", () => {
  const line = '{"a":  1,"b":["x","y"]}';
  const laid = lay(line);
  const at = (part: string) => [line.indexOf(part), line.indexOf(part) + part.length] as const;
  const found = moved([at('"a"'), at("1"), at('"x","y"')], laid).map(([from, to]) =>
    laid.text.slice(from, to),
  );
  expect(found).toEqual(['"a"', "1", '"x",\n    "y"']);
  // The gap itself is where the next value stands.
  expect(moved([[5, 7]], laid).map(([from, to]) => laid.text.slice(from, to))).toEqual(["1"]);
});

test("a line of brackets only takes no more than a page can hold", () => {
  const deep = "[".repeat(MAX_JSON / 2) + "]".repeat(MAX_JSON / 2);
  expect(isJson(deep)).toBe(true);
  expect(lay(deep).text.length).toBeLessThan(5e6);
});
