// Whether a page freezes, and whether it grows.

import type { Page } from "@playwright/test";

interface Seen {
  longest: number;
  frames: number;
  last: number;
}

/** From now on the frames of the page are watched. */
export async function watchFrames(page: Page): Promise<void> {
  await page.evaluate(() => {
    const seen: Seen = { longest: 0, frames: 0, last: performance.now() };
    Object.assign(window, { seen });
    const frame = (now: number) => {
      seen.longest = Math.max(seen.longest, now - seen.last);
      seen.frames += 1;
      seen.last = now;
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  });
}

/** The longest time between two frames so far, in milliseconds, and how many there were. */
export async function framesSeen(page: Page): Promise<Omit<Seen, "last">> {
  return await page.evaluate(() => (window as unknown as { seen: Seen }).seen);
}

interface Traced {
  name: string;
  pid: number;
  tid: number;
  /** Of the processor, in microseconds. */
  tdur?: number;
  args: { name?: string };
}

/**
 * Does this; the longest time meanwhile for which a page could do nothing else, in milliseconds of the processor: what other
 * programs of a busy machine take is none of it.
 */
export async function longestTask(page: Page, act: () => Promise<void>): Promise<number> {
  const browser = page.context().browser();
  if (browser === null) {
    throw new Error("the browser is the test's own");
  }
  await browser.startTracing(page, { categories: ["toplevel"] });
  await act();
  const traced = await browser.stopTracing();
  const { traceEvents } = JSON.parse(traced.toString()) as { traceEvents: Traced[] };
  const thread = ({ pid, tid }: Traced) => `${pid} ${tid}`;
  const ofPages = new Set(
    traceEvents
      .filter(({ name, args }) => name === "thread_name" && args.name === "CrRendererMain")
      .map(thread),
  );
  const tasks = traceEvents.filter((event) => event.name.endsWith("RunTask") && ofPages.has(thread(event)));
  // One that began before the trace or ends after it has no time of its own.
  const times = tasks.flatMap(({ tdur }) => (tdur === undefined ? [] : [tdur / 1_000]));
  if (times.length < tasks.length / 2) {
    throw new Error(`of ${tasks.length} tasks the time of ${times.length} is known`);
  }
  return times.reduce((longest, time) => Math.max(longest, time), 0);
}

/** What the page's scripts hold once all that nobody needs is gone, in bytes. */
export async function heap(page: Page): Promise<number> {
  const session = await page.context().newCDPSession(page);
  await session.send("HeapProfiler.collectGarbage");
  const { usedSize } = await session.send("Runtime.getHeapUsage");
  await session.detach();
  return usedSize;
}
