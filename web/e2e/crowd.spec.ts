// The list beside very many jobs: what a reader waits for is measured in the browser, beside the same question by fetch.
// `LONGHAUL_ROWS` is how many jobs there are.

import type { Page } from "@playwright/test";
import { allLoaded } from "./support/busy";
import { Crowd } from "./support/crowd";
import { ms, report, size } from "./support/report";
import { expect, test } from "./support/test";

const ROWS = size("LONGHAUL_ROWS", 400);
/** Beside other tests on the same machine: alone it is to be 200 (`npm run measure`). */
const MAX_MS = process.env.LONGHAUL_ALONE === undefined ? 10_000 : 200;

test.use({ config: Crowd.config });

/** Does it in the page, and waits until the page shows what it should; the time from one to the other's frame. */
async function inPage(page: Page, act: string, isDone: string): Promise<number> {
  return await page.evaluate(`new Promise((resolve) => {
    const begun = performance.now();
    const look = () => {
      if (${isDone}) {
        watch.disconnect();
        requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - begun)));
      }
    };
    const watch = new MutationObserver(look);
    watch.observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true });
    ${act};
    look();
  })`);
}

test("first rows, a filter, the next page and one job are there at once, however many jobs there are", async ({
  page,
  server,
}) => {
  test.setTimeout(300_000 + ROWS * 2);
  const began = Date.now();
  const crowd = await Crowd.fill(server, ROWS);
  report(`${ROWS} jobs stored in ${Math.round((Date.now() - began) / 1_000)} s`);
  let asked: { query: string; variables: object } | null = null;
  page.on("request", (request) => {
    const body = request.postData();
    if (body?.includes("query JobsPage") || body?.includes("query JobPage(")) {
      asked = JSON.parse(body);
    }
  });
  const rows = "document.querySelectorAll('main .jobs [data-row]')";
  const link = (text: string) =>
    `[...document.querySelectorAll('a')].find((a) => a.textContent === '${text}').click()`;
  const looks: [name: string, act: string, isDone: string][] = [
    ["first rows", link("Jobs"), `${rows}.length === 50`],
    [
      "filter",
      "[...document.querySelectorAll('.filters label')].find((one) => one.textContent === 'Canceled').click()",
      `document.querySelectorAll('main .state-canceled').length === 50`,
    ],
    [
      "next page",
      link("Older →"),
      `location.search.includes('after') && ${rows}.length > 0 && ${rows}[0].title !== window.first`,
    ],
  ];
  await page.goto("/kinds");
  await expect(page.getByText("Live", { exact: true })).toBeVisible();
  // What is loaded once is not what is measured.
  await allLoaded(page);
  for (const [name, act, isDone] of looks) {
    await page.evaluate("window.first = document.querySelector('main .jobs [data-row]')?.title");
    const shown = await inPage(page, act, isDone);
    await tell(name, shown);
  }
  // By the beginning of its id, as somebody pastes it.
  const { id } = crowd;
  await page.getByRole("button", { name: "Clear the filter" }).click();
  await expect(page.locator("main .jobs .state-queued").first()).toBeVisible();
  await expect(page.locator("main .jobs [data-row]")).toHaveCount(50);
  await page.getByLabel("Id, kind or label").fill(id);
  const enter =
    "document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true }))";
  await tell("found by its id", await inPage(page, enter, `${rows}.length === 1`));
  await tell(
    "jump to a job",
    await inPage(page, `${rows}[0].click()`, "document.querySelector('main .job-id code') !== null"),
  );

  async function tell(name: string, shown: number): Promise<void> {
    const question = asked as unknown as { query: string; variables: object };
    const begun = performance.now();
    await server.ask(question.query, question.variables);
    const fetched = performance.now() - begun;
    report(`${name.padEnd(16)} ${ms(shown)} in the browser, ${ms(fetched)} the same by fetch`);
    expect(shown, name).toBeLessThan(MAX_MS);
  }
});
