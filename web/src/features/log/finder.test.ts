// A search looks at every line once, however long the log is and however it goes on.

import { expect, test } from "vitest";
import type { Page, Place } from "./feed";
import { FIND_PAGE, Finder, MAX_FOUND, step } from "./finder";
import { pageOf, unavailable } from "./testing";

const hits = async (lines: readonly string[]) =>
  lines.map((text) => (text.includes("hit") ? [[0, 3] as const] : []));

class Log {
  length: number;
  fails = false;
  reads: Place[] = [];
  readonly text: (number: number) => string;
  constructor(length: number, text: (number: number) => string) {
    this.length = length;
    this.text = text;
  }
  readonly texts = async (place: Place): Promise<Page | { problem: typeof unavailable }> => {
    this.reads.push(place);
    return this.fails ? { problem: unavailable } : pageOf(this.length, place, this.text);
  };
}

const every = (n: number) => (number: number) => (number % n === 0 ? "hit" : "x");

test("every line is looked at, page by page, and what is found is in order", async () => {
  const log = new Log(FIND_PAGE * 2 + 10, every(FIND_PAGE));
  const finder = new Finder(log.texts, hits);
  await finder.readOn();
  expect(log.reads).toHaveLength(3);
  expect(finder.state()).toMatchObject({ searched: FIND_PAGE * 2 + 10, isBusy: false, stopped: null });
  expect(finder.state().found.map(({ number }) => number)).toEqual([FIND_PAGE, FIND_PAGE * 2]);
});

test("what is printed later is looked at once, also if it comes while it reads", async () => {
  const log = new Log(3, every(3));
  const finder = new Finder(log.texts, hits);
  const first = finder.readOn();
  void finder.readOn();
  await first;
  log.length = 6;
  await finder.readOn();
  expect(finder.state().found.map(({ number }) => number)).toEqual([3, 6]);
  expect(finder.state().searched).toBe(6);
});

test("it ends where nobody would step through more", async () => {
  const log = new Log(MAX_FOUND * 2, every(1));
  const finder = new Finder(log.texts, hits);
  await finder.readOn();
  await finder.readOn();
  expect(finder.state()).toMatchObject({ stopped: "full", isBusy: false });
  expect(finder.state().found).toHaveLength(MAX_FOUND);
  expect(log.reads).toHaveLength(MAX_FOUND / FIND_PAGE);
});

test("an expression that takes too long ends the search", async () => {
  const finder = new Finder(new Log(10, every(1)).texts, async () => null);
  await finder.readOn();
  expect(finder.state()).toMatchObject({ stopped: "slow", isBusy: false, found: [] });
});

test("a failure is told, and reading on goes on where it was", async () => {
  const log = new Log(FIND_PAGE, every(FIND_PAGE));
  const finder = new Finder(log.texts, hits);
  await finder.readOn();
  log.length += FIND_PAGE;
  log.fails = true;
  await finder.readOn();
  expect(finder.state().problem).toBe(unavailable);
  log.fails = false;
  await finder.readOn();
  expect(finder.state()).toMatchObject({ problem: null, searched: FIND_PAGE * 2 });
  expect(finder.state().found).toHaveLength(2);
});

test("once it is stopped it says nothing more", async () => {
  const finder = new Finder(new Log(10, every(1)).texts, hits);
  const reading = finder.readOn();
  finder.stop();
  await reading;
  expect(finder.state().found).toEqual([]);
});

test("the next and the one before, around the ends, over attempts", () => {
  const at = (attempt: number, number: number) => ({ cursor: `${attempt}.${number}`, attempt, number });
  const found = [at(1, 5), at(1, 9), at(2, 3)];
  expect(step(found, at(1, 5), 1)).toBe(found[1]);
  expect(step(found, at(1, 6), 1)).toBe(found[1]);
  expect(step(found, at(1, 100), 1)).toBe(found[2]);
  expect(step(found, at(2, 3), 1)).toBe(found[0]);
  expect(step(found, at(2, 3), -1)).toBe(found[1]);
  expect(step(found, at(1, 5), -1)).toBe(found[2]);
  expect(step([], at(1, 5), 1)).toBeNull();
});
