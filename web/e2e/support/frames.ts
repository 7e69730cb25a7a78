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

/** What the page's scripts hold once all that nobody needs is gone, in bytes. */
export async function heap(page: Page): Promise<number> {
  const session = await page.context().newCDPSession(page);
  await session.send("HeapProfiler.collectGarbage");
  const { usedSize } = await session.send("Runtime.getHeapUsage");
  await session.detach();
  return usedSize;
}
