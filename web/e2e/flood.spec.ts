// Very much at once freezes no page: the longest frame, and what the page holds, are printed. `LONGHAUL_EVENTS` is how many
// committed changes a second, `LONGHAUL_LINES` how many lines of a log a second, `LONGHAUL_SECONDS` for how long.

import type { Page } from "@playwright/test";
import { allLoaded } from "./support/busy";
import { Crowd, cancelMany, startMany } from "./support/crowd";
import { framesSeen, heap, watchFrames } from "./support/frames";
import { mb, ms, report, size } from "./support/report";
import type { Server } from "./support/server";
import { expect, test } from "./support/test";

const SECONDS = size("LONGHAUL_SECONDS", 2);
const EVENTS = size("LONGHAUL_EVENTS", 500);
const LINES = size("LONGHAUL_LINES", 2_000);
/** Beside other tests on the same machine: alone it is to be 100 (`npm run measure`). */
const MAX_FRAME_MS = process.env.LONGHAUL_ALONE === undefined ? 5_000 : 100;
/** Whatever has been heard, so much more may be held. */
const MAX_GROWTH = 20e6;

/** Starts and cancels as many as were asked for, for as long as was asked for; how many there were. */
async function flood(server: Server): Promise<number> {
  const EACH = 25;
  const until = performance.now() + SECONDS * 1_000;
  const began = performance.now();
  let done = 0;
  let taken = 0;
  const one = async () => {
    while (performance.now() < until) {
      // Nobody goes before their time.
      const due = began + (taken / EVENTS) * 1_000;
      taken += 2 * EACH;
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - performance.now())));
      const ids = await startMany(server, EACH);
      await cancelMany(server, ids);
      done += 2 * EACH;
    }
  };
  await Promise.all(Array.from({ length: 32 }, one));
  return done;
}

async function tell(page: Page, what: string, before: number): Promise<void> {
  const { longest, frames } = await framesSeen(page);
  const after = await heap(page);
  report(`${what}: longest frame ${ms(longest)} of ${frames}, held ${mb(before)} before, ${mb(after)} after`);
  expect(longest).toBeLessThan(MAX_FRAME_MS);
  expect(after - before).toBeLessThan(MAX_GROWTH);
}

test.describe("many changes", () => {
  test.use({ config: Crowd.config });
  for (const path of ["/", "/overview"]) {
    test(`${path} stays smooth, and holds no more than before`, async ({ page, server }) => {
      test.setTimeout(300_000 + SECONDS * 3_000);
      await startMany(server, 50);
      await page.goto(path);
      await expect(page.locator("main .jobs [data-row], main .counters").first()).toBeVisible();
      await allLoaded(page);
      const before = await heap(page);
      await watchFrames(page);
      const done = await flood(server);
      await tell(
        page,
        `${path} under ${Math.round(done / SECONDS)} changes a second for ${SECONDS} s`,
        before,
      );
      // It is still true: a job that comes now is shown.
      await page.goto("/");
      const [id] = await startMany(server, 1);
      await expect(page.getByRole("link", { name: `…${id?.slice(-8)}` })).toBeVisible();
    });
  }
});

test("a log that is printed faster than anybody reads is followed to its end", async ({ page, server }) => {
  test.setTimeout(300_000 + SECONDS * 3_000);
  const number = LINES * SECONDS;
  // A tenth of a second's lines at a time.
  const script = `i=0; while [ $i -lt ${number} ]; do seq -f 'line %.0f of very many that come' $((i + 1)) $((i + ${LINES / 10})); i=$((i + ${LINES / 10})); sleep 0.1; done; echo the end`;
  const id = await server.startJob("script", { script });
  await page.goto(`/jobs/${id}`);
  const lines = page.getByRole("region", { name: "Lines of the log" });
  await expect(lines).toContainText("of very many");
  const before = await heap(page);
  await watchFrames(page);
  await expect(lines).toContainText("the end", { timeout: 60_000 + SECONDS * 2_000 });
  await tell(page, `a log of ${LINES} lines a second for ${SECONDS} s`, before);
});
