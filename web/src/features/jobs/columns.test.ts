// What was kept of a choice of columns is taken as far as it means something.

import { expect, test } from "vitest";
import { parseColumns } from "./columns";

test("in their order, whatever the order in which they were chosen", () => {
  expect(parseColumns('["exit", "queue"]')).toEqual(["queue", "exit"]);
  expect(parseColumns("[]")).toEqual([]);
});

test("columns that there are no more are left out; what is no choice is none", () => {
  expect(parseColumns('["queue", "weight", 3]')).toEqual(["queue"]);
  for (const kept of [null, "", "{", "null", '"queue"']) {
    expect(parseColumns(kept)).toEqual(["queue", "accepted", "ran"]);
  }
});
