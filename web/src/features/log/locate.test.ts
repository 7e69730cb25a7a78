// A numbered line is found from the nearer side, and said to be missing where it is.

import { expect, test } from "vitest";
import type { Place } from "./feed";
import { locate } from "./locate";
import { pageOf, unavailable } from "./testing";

const LENGTH = 100_000;

function log(length = LENGTH) {
  const reads: Place[] = [];
  const numbers = async (place: Place) => {
    reads.push(place);
    return pageOf(length, place);
  };
  return { reads, numbers };
}

test("every line is found, the first, the last, and those at the edges of a page", async () => {
  for (const wanted of [1, 2, 5_000, 5_001, 50_000, 95_000, 95_001, LENGTH - 1, LENGTH]) {
    expect(await locate(log().numbers, wanted)).toMatchObject({ at: { number: wanted } });
  }
});

test("it is looked for from the nearer side", async () => {
  const start = log();
  await locate(start.numbers, 7_000);
  expect(start.reads).toHaveLength(3);
  const end = log();
  await locate(end.numbers, LENGTH - 7_000);
  expect(end.reads).toHaveLength(3);
});

test("a line that was not printed is beyond the end", async () => {
  expect(await locate(log().numbers, LENGTH + 1)).toEqual({ missing: "beyond" });
  expect(await locate(log(0).numbers, 1)).toEqual({ missing: "beyond" });
});

test("a line that the cap left out is missing, from either side, and nothing is read beyond its place", async () => {
  // The positions are those of the lines that are kept.
  const kept = 40_000;
  const holed = log(kept + 20_000);
  const numbers = async (place: Place) => {
    const page = await holed.numbers(place);
    const lines = page.lines.map((line) => ({
      ...line,
      number: line.number > kept ? line.number + 100_000 : line.number,
    }));
    return { ...page, lines };
  };
  expect(await locate(numbers, kept)).toMatchObject({ at: { number: kept } });
  holed.reads.length = 0;
  expect(await locate(numbers, kept + 1)).toEqual({ missing: "left out" });
  expect(holed.reads).toHaveLength(1 + kept / 5_000 + 1);
  holed.reads.length = 0;
  expect(await locate(numbers, kept + 100_000)).toEqual({ missing: "left out" });
  expect(holed.reads).toHaveLength(1 + 4 + 1);
});

test("a failure is told", async () => {
  expect(await locate(async () => ({ problem: unavailable }), 1)).toEqual({ problem: unavailable });
});
