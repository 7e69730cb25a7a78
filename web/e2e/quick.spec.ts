// A first visit is quick on a slow machine: what it takes is printed.

import { ms, report } from "./support/report";
import { expect, test } from "./support/test";

/** The processor is made slower by this. */
const SLOWER = 4;
/** Beside other tests on the same machine: alone it is to be 1,000 (`npm run measure`). */
const MAX_MS = process.env.LONGHAUL_ALONE === undefined ? 20_000 : 1_000;

/** What each page is opened for. */
const PAGES = {
  "/": "main .jobs [data-row]",
  "/overview": "main .counters",
  "/start?kind=gated": "main .args input",
};

test("what nobody asked for is loaded after the first page is there", async ({ page }) => {
  let answer = () => {};
  const held = new Promise<void>((resolve) => {
    answer = resolve;
  });
  await page.route("**/graphql", async (route) => {
    await held;
    await route.continue();
  });
  const loaded: string[] = [];
  page.on("request", (request) => loaded.push(new URL(request.url()).pathname));
  const rest = page.waitForRequest(/\/StartPage-[^/]*\.js$/);
  await page.goto("/");
  // It waits for its rows, with nothing else to do.
  await expect(page.getByText("Reading the jobs…")).toBeVisible();
  await page.evaluate(() => new Promise<void>((idle) => requestIdleCallback(() => idle())));
  expect(loaded.filter((path) => /Page-|Dialog-|Palette-|Help-/.test(path))).toEqual([]);
  answer();
  await rest;
});

test("the rows are asked for before the dashboard has come, and once", async ({ page, server }) => {
  await server.ended(await server.startJob("script", { script: "true" }));
  let asked = 0;
  let tellAsked = () => {};
  const isAsked = new Promise<void>((resolve) => {
    tellAsked = resolve;
  });
  page.on("request", (request) => {
    if (request.postData()?.includes("query JobsPage") === true) {
      asked += 1;
      tellAsked();
    }
  });
  await page.route(/\/assets\/main-[^/]*\.js$/, async (route) => {
    await isAsked;
    await route.continue();
  });
  await page.goto("/?kind=script&state=SUCCEEDED");
  await expect(page.locator("main .jobs [data-row]")).toHaveCount(1);
  expect(asked).toBe(1);
});

for (const [path, wanted] of Object.entries(PAGES)) {
  test(`${path} is there, and answers, within a second on a machine of a quarter of the speed`, async ({
    page,
    server,
  }) => {
    for (let i = 0; i < 20; i += 1) {
      await server.ended(await server.startJob("script", { script: "true" }));
    }
    const session = await page.context().newCDPSession(page);
    await session.send("Emulation.setCPUThrottlingRate", { rate: SLOWER });
    // Told by the page itself: to wait from here would have the page run what waits, which takes a slow one longer than
    // much of its own.
    await session.send("Runtime.enable");
    await session.send("Runtime.addBinding", { name: "tellInteractive" });
    const told = new Promise<number>((resolve) =>
      session.on("Runtime.bindingCalled", ({ payload }) => resolve(Number(payload))),
    );
    await page.addInitScript((wanted) => {
      const watch = new MutationObserver(() => {
        if (document.querySelector(wanted) !== null) {
          watch.disconnect();
          // Drawn, and no task left that was there before: the next one that comes is the reader's.
          requestAnimationFrame(() =>
            setTimeout(() =>
              (window as unknown as { tellInteractive(at: string): void }).tellInteractive(
                String(performance.now()),
              ),
            ),
          );
        }
      });
      watch.observe(document, { subtree: true, childList: true });
    }, wanted);
    await page.goto(path);
    const interactive = await told;
    // It answers a key.
    await page.keyboard.press("?");
    await expect(page.getByRole("dialog", { name: "Keys" })).toBeVisible();
    report(`${path.padEnd(18)} interactive after ${ms(interactive)}, the processor ${SLOWER} times slower`);
    expect(interactive).toBeLessThan(MAX_MS);
  });
}
