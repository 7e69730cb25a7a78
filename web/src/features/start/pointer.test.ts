// Problems find their fields.

import { expect, test } from "vitest";
import { errorSchemaOf, fieldOf, pointerOf, steps } from "./pointer";

test("a pointer and its steps are the same thing", () => {
  for (const pointer of ["", "/a", "/a~1b/~0/0", "/"]) {
    expect(pointerOf(steps(pointer))).toBe(pointer);
  }
  expect(steps("/a~1b/~0/0")).toEqual(["a/b", "~", "0"]);
});

test("what is missing belongs to the field that stands empty", () => {
  expect(fieldOf({ pointer: "", keyword: "required", message: '"mode" is a required property' })).toEqual([
    "mode",
  ]);
  expect(
    fieldOf({ pointer: "/size", keyword: "required", message: '"a\\"b" is a required property' }),
  ).toEqual(["size", 'a"b']);
});

test("what can't be told apart stays where the server put it", () => {
  expect(fieldOf({ pointer: "/a", keyword: "required", message: "something is missing" })).toEqual(["a"]);
  expect(fieldOf({ pointer: "/a/0", keyword: "pattern", message: '"x" does not match' })).toEqual(["a", "0"]);
});

test("a form gets the problems as a tree of its fields", () => {
  const tree = errorSchemaOf([
    { pointer: "/tags/1", keyword: "minLength", message: "too short" },
    { pointer: "", keyword: "required", message: '"input" is a required property' },
    { pointer: "", keyword: "maxProperties", message: "too many" },
  ]);
  expect(tree).toEqual({
    __errors: ["too many"],
    tags: { 1: { __errors: ["too short"] } },
    input: { __errors: ['"input" is a required property'] },
  });
});
