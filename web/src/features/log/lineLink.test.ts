// A link to a line says which one, and nothing else is a link.

import { expect, test } from "vitest";
import { isLinked, lineLink, parseLineLink } from "./lineLink";

test("a link is read as it was written", () => {
  for (const text of ["L1", "L120", "L120-L130", "A2-L7", "A2-L7-L9"]) {
    const link = parseLineLink(text);
    expect(link === null ? null : lineLink(link)).toBe(text);
  }
  expect(parseLineLink("L130-L120")).toEqual({ attempt: 1, from: 120, to: 130 });
});

test("what is no line is no link", () => {
  for (const text of ["", "content", "L0", "L", "L1x", "A0-L1", "L1-2", "L9999999999999999"]) {
    expect(parseLineLink(text)).toBeNull();
  }
});

test("the lines of a link are those of its attempt", () => {
  const link = parseLineLink("A2-L7-L9");
  const is = (attempt: number, number: number) => isLinked(link, { attempt, number });
  expect([is(2, 6), is(2, 7), is(2, 9), is(2, 10), is(1, 8)]).toEqual([false, true, true, false, false]);
});
