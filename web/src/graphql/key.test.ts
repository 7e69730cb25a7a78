// One key for one wish.

import { expect, test } from "vitest";
import { KeyKeeper, newKey } from "./key";

test("keys are never the same and short enough", () => {
  const keys = new Set(Array.from({ length: 1_000 }, newKey));
  expect(keys.size).toBe(1_000);
  expect([...keys].every((key) => /^web-[0-9a-f]{32}$/.test(key))).toBe(true);
});

test("the same content keeps its key until it is done; other content gets another", () => {
  const keeper = new KeyKeeper();
  const first = keeper.keyFor("a");
  expect(keeper.keyFor("a")).toBe(first);
  const other = keeper.keyFor("b");
  expect(other).not.toBe(first);
  keeper.done();
  expect(keeper.keyFor("b")).not.toBe(other);
});
