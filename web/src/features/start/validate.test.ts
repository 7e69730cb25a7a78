// The page finds what the server would refuse, says it in words, and leaves to the server what it can't judge.

import { expect, test, vi } from "vitest";
import { check, fits } from "./validate";

const schema = {
  type: "object",
  required: ["input"],
  additionalProperties: false,
  properties: {
    input: { type: "string", minLength: 1, pattern: "^/" },
    level: { type: "integer", minimum: 1, maximum: 9 },
    mode: { enum: ["fast", "small"] },
    tags: { type: "array", maxItems: 2, items: { $ref: "#/$defs/tag" } },
    "a/b": { type: "boolean" },
    size: { oneOf: [{ type: "integer" }, { type: "object", required: ["w"] }] },
  },
  $defs: { tag: { type: "string", minLength: 1 } },
};

const found = (value: unknown) =>
  check(schema, value).map((problem) => `${problem.pointer}: ${problem.message}`);

test("what fits has no problems", () => {
  expect(check(schema, { input: "/x", level: 9, mode: "fast", tags: ["a"], "a/b": true, size: 3 })).toEqual(
    [],
  );
});

test("each problem stands once, at its place, in words", () => {
  expect(found({})).toEqual([': "input" is required']);
  expect(found({ input: "x", level: 10, mode: "slow" })).toEqual([
    "/input: must match ^/",
    "/level: must be 9 or less",
    '/mode: must be one of "fast", "small"',
  ]);
  expect(found({ input: "/x", level: 1.5 })).toEqual(["/level: must be of type integer"]);
  expect(found({ input: "/x", tags: ["a", "b", "c"] })).toEqual(["/tags: must have 2 items or fewer"]);
  expect(found({ input: "/x", other: 1 })).toEqual(["/other: other is no argument of this kind"]);
});

test("a problem behind a reference and at a name with a slash is found", () => {
  expect(check(schema, { input: "/x", tags: [""] }).map((problem) => problem.pointer)).toEqual(["/tags/0"]);
  expect(check(schema, { input: "/x", "a/b": 1 }).map((problem) => problem.pointer)).toEqual(["/a~1b"]);
});

test("of several ways none of which fits, only the choice is told", () => {
  expect(
    check(schema, { input: "/x", size: "no" }).map((problem) => [problem.pointer, problem.keyword]),
  ).toEqual([["/size", "oneOf"]]);
});

test("the schema is left as it was: nothing is written into it", () => {
  const frozen = { properties: { a: Object.freeze({ type: "string" }) } };
  expect(check(Object.freeze(frozen), { a: 1 })).toHaveLength(1);
  expect(fits(frozen, { a: 1 })).toBe(false);
  expect(fits(frozen, { a: "x" })).toBe(true);
});

test("what this validator can't judge is left to the server", () => {
  expect(check({ properties: { a: { pattern: "(?i)x" } } }, { a: "y" })).toEqual([]);
  expect(check({ $ref: "https://example.com/none" }, {})).toEqual([]);
  expect(fits({ $ref: "#/nowhere" }, {})).toBe(false);
});

test("nothing is compiled: the page's policy forbids eval", () => {
  const compiler = vi.spyOn(globalThis, "Function");
  const evaluator = vi.spyOn(globalThis, "eval");
  check(schema, { input: "x" });
  expect(compiler).not.toHaveBeenCalled();
  expect(evaluator).not.toHaveBeenCalled();
});
