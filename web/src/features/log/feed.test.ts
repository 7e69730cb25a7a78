// A log is read from its end, goes on live, and never has a hole or a repeat, however the reader moves.

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Problem } from "../../graphql/problem";
import { LogBuffer } from "./buffer";
import { type Chunk, LogFeed, PAGE_LINES, type Page, type Place, type Source } from "./feed";
import { pageOf, run, unavailable } from "./testing";

/** A job that has printed `length` lines and may print more. */
class Printer implements Source {
  length: number;
  isOver = false;
  fails: Problem | null = null;
  listener: { next(chunk: Chunk): void; failed(problem: Problem): void } | null = null;
  position = 0;

  constructor(length: number) {
    this.length = length;
  }

  async page(place: Place): Promise<Page | { problem: Problem }> {
    if (this.fails !== null) {
      return { problem: this.fails };
    }
    const page = pageOf(this.length, place);
    return { ...page, complete: this.isOver && !page.hasNewer };
  }

  tail(after: string | null, listener: Printer["listener"]): () => void {
    this.listener = listener;
    this.position = Number(after ?? 0);
    this.tell();
    return () => {
      this.listener = null;
    };
  }

  print(count: number): void {
    this.length += count;
    this.tell();
  }

  private tell(): void {
    const lines = run(this.position + 1, this.length);
    this.position = this.length;
    this.listener?.next({ lines, cursor: String(this.position), droppedBytes: 0, complete: this.isOver });
  }
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

async function open(printer: Printer, lines = 3_000): Promise<LogFeed> {
  const feed = new LogFeed(printer, new LogBuffer({ lines, characters: 1e9 }));
  await feed.toEnd();
  vi.advanceTimersByTime(200);
  return feed;
}

/** First, last, and whether all between are there once. */
function span(feed: LogFeed): [number | undefined, number | undefined, boolean] {
  vi.advanceTimersByTime(200);
  const { lines } = feed.state();
  const whole = lines.every(
    (one, index) => index === 0 || one.number === (lines[index - 1]?.number ?? 0) + 1,
  );
  return [lines[0]?.number, lines.at(-1)?.number, whole];
}

test("a large log is read from its end", async () => {
  const feed = await open(new Printer(1_000_000));
  expect(span(feed)).toEqual([1_000_000 - PAGE_LINES + 1, 1_000_000, true]);
  expect(feed.state().hasOlder).toBe(true);
});

test("a log that has nothing yet is followed from its start", async () => {
  const printer = new Printer(0);
  const feed = await open(printer);
  printer.print(3);
  expect(span(feed)).toEqual([1, 3, true]);
});

test("a follower of a flood keeps the end within the bounds", async () => {
  const printer = new Printer(10);
  const feed = await open(printer);
  for (let i = 0; i < 100; i += 1) {
    printer.print(500);
  }
  const [, last, whole] = span(feed);
  expect([last, whole]).toEqual([50_010, true]);
  expect(feed.state().lines.length).toBeLessThanOrEqual(3_000);
  expect(feed.state().hasOlder).toBe(true);
});

test("lines that come while the reader looks up are counted and take nothing away; at the end of the room it detaches", async () => {
  const printer = new Printer(2_000);
  const feed = await open(printer);
  feed.setFollowing(false);
  printer.print(500);
  expect(feed.state().lines[0]?.number).toBe(1_001);
  printer.print(5_000);
  expect(span(feed)).toEqual([1_001, 2_500, true]);
  expect(feed.state()).toMatchObject({ hasNewer: true, unseen: 5_500 });
  expect(printer.listener).toBeNull();
});

test("whoever reads on downwards arrives at the end and is live again", async () => {
  const printer = new Printer(2_000);
  const feed = await open(printer);
  feed.setFollowing(false);
  printer.print(3_000);
  while (feed.state().hasNewer) {
    await feed.newer();
    vi.advanceTimersByTime(200);
  }
  expect(span(feed)[1]).toBe(5_000);
  feed.setFollowing(true);
  printer.print(1);
  expect(span(feed).slice(1)).toEqual([5_001, true]);
  expect(feed.state().unseen).toBe(0);
});

test("older pages come before, within the bounds, and detach from the end when it has to go", async () => {
  const printer = new Printer(10_000);
  const feed = await open(printer);
  feed.setFollowing(false);
  await feed.older();
  await feed.older();
  expect(span(feed)).toEqual([7_001, 10_000, true]);
  await feed.older();
  const [first, last, whole] = span(feed);
  expect([first, whole]).toEqual([6_001, true]);
  expect(last).toBeLessThan(10_000);
  expect(feed.state().hasNewer).toBe(true);
  expect(printer.listener).toBeNull();
});

test("the jump to the end shows it from wherever the reader was", async () => {
  const printer = new Printer(10_000);
  const feed = await open(printer);
  feed.setFollowing(false);
  for (let i = 0; i < 5; i += 1) {
    await feed.older();
  }
  await feed.toEnd();
  printer.print(2);
  expect(span(feed)).toEqual([9_001, 10_002, true]);
});

test("a log that can get no more is complete and not followed", async () => {
  const printer = new Printer(5);
  printer.isOver = true;
  const feed = await open(printer);
  expect(feed.state().complete).toBe(true);
  expect(printer.listener).toBeNull();
});

test("a failure is told, keeps what is there, and can be tried again", async () => {
  const printer = new Printer(5);
  const feed = await open(printer);
  printer.fails = unavailable;
  await feed.toEnd();
  expect(span(feed)).toEqual([1, 5, true]);
  expect(feed.state().problem?.code).toBe("UNAVAILABLE");
  printer.fails = null;
  await feed.toEnd();
  span(feed);
  expect(feed.state().problem).toBeNull();
});

test("whoever listens is told at most ten times a second", async () => {
  const printer = new Printer(0);
  const feed = await open(printer);
  const told = vi.fn();
  feed.subscribe(told);
  for (let i = 0; i < 1_000; i += 1) {
    printer.print(1);
    vi.advanceTimersByTime(1);
  }
  expect(told.mock.calls.length).toBeLessThanOrEqual(11);
  expect(span(feed)[1]).toBe(1_000);
});

test("who goes back to the end while older lines are on their way finds the end", async () => {
  const printer = new Printer(100_000);
  const feed = await open(printer);
  feed.setFollowing(false);
  await feed.older();
  await feed.older();
  const late = feed.older();
  feed.returnToEnd();
  await late;
  expect(span(feed)).toEqual([100_000 - 3 * PAGE_LINES + 1, 100_000, true]);
  expect(feed.state()).toMatchObject({ hasNewer: false, loading: "none" });
  printer.print(1);
  expect(span(feed)[1]).toBe(100_001);
});

test("who goes back to an end that is no longer there has it read again", async () => {
  const printer = new Printer(100_000);
  const feed = await open(printer);
  feed.setFollowing(false);
  for (let i = 0; i < 4; i += 1) {
    await feed.older();
  }
  expect(span(feed)[1]).toBeLessThan(100_000);
  feed.returnToEnd();
  await vi.advanceTimersByTimeAsync(200);
  expect(span(feed)).toEqual([100_000 - PAGE_LINES + 1, 100_000, true]);
});

test("a line is shown with what is around it, and whoever reads on from there arrives at the end", async () => {
  const printer = new Printer(10_000);
  const feed = await open(printer);
  await feed.around("5000");
  expect(span(feed)).toEqual([4_500, 5_499, true]);
  expect(feed.state()).toMatchObject({ hasOlder: true, hasNewer: true });
  expect(printer.listener).toBeNull();
  await feed.older();
  while (feed.state().hasNewer) {
    await feed.newer();
    vi.advanceTimersByTime(200);
  }
  printer.print(1);
  expect(span(feed).slice(1)).toEqual([10_001, true]);
});

test("the first line has nothing before it, and lines near the end are live at once", async () => {
  const printer = new Printer(700);
  const feed = await open(printer);
  await feed.around("1");
  expect(span(feed)).toEqual([1, 500, true]);
  await feed.around("600");
  printer.print(1);
  expect(span(feed)).toEqual([100, 701, true]);
  expect(feed.state().unseen).toBe(1);
});
