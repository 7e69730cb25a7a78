// The server goes away and comes back: the page says so, and is right again by itself.

import { MAX_PAUSE_MS } from "../src/graphql/backoff";
import { allLoaded } from "./support/busy";
import { Gate } from "./support/kinds";
import { expect, test } from "./support/test";

// A page tries again after pauses that grow, for as long as its server is away: on a busy machine that is long.
const TRIED_AGAIN = { timeout: 2 * MAX_PAUSE_MS + 60_000 };

/** What a browser notes of a server that is away. */
const AWAY = [/ERR_CONNECTION_REFUSED/, /ERR_CONNECTION_RESET/, /ERR_EMPTY_RESPONSE/, /WebSocket/];

test("a page that looks at a job outlives its server", async ({ page, server, faults }) => {
  faults.expect(...AWAY);
  const gate = await Gate.make(server, "gate");
  const id = await server.startJob("gated", { pipe: gate.path });
  await page.goto(`/jobs/${id}`);
  await gate.print("20% before\n");
  await expect(page.getByRole("progressbar", { name: "Progress" })).toHaveAttribute("value", "20");
  const log = page.getByRole("region", { name: "Lines of the log" });
  await expect(log).toContainText("20% before");
  await server.kill();
  await expect(page.getByText(/Connection lost, data as of \d/)).toBeVisible();
  // What was known stays.
  await expect(log).toContainText("20% before");

  await server.startAgain();
  await expect(page.getByText(/Connection lost/)).toHaveCount(0, TRIED_AGAIN);
  await expect(page.getByText("Live", { exact: true })).toBeVisible();
  const attempt = page.getByRole("region", { name: "Facts" }).getByText("Attempt").locator("xpath=..");
  await expect(attempt).toContainText("2");
  await gate.reopen();
  await gate.print("80% after\n");
  await expect(page.getByRole("progressbar", { name: "Progress" })).toHaveAttribute("value", "80");
  await expect(log).toContainText("80% after");
  await gate.close();
  const state = page.getByRole("main").locator(".page-head").getByRole("status");
  await expect(state).toHaveText("Succeeded");
});

test("a list that was open learns what happened without it", async ({ page, server, faults }) => {
  faults.expect(...AWAY);
  await page.goto("/");
  await expect(page.getByText("No jobs yet.")).toBeVisible();
  await server.kill();
  await expect(page.getByText(/Connection lost/)).toBeVisible();
  await server.startAgain();
  const id = await server.startJob("script", { script: "echo" });
  const row = page.getByRole("row", { name: new RegExp(id.slice(-8)) });
  await expect(row).toContainText("Succeeded", TRIED_AGAIN);
  await expect(page.getByText(/Connection lost/)).toHaveCount(0);
});

test("a page that is opened while the server is away is there once it is back", async ({
  page,
  server,
  faults,
}) => {
  faults.expect(...AWAY);
  const id = await server.startJob("script", { script: "echo hello" });
  await server.ended(id);
  await page.goto("/");
  const row = page.getByRole("row", { name: new RegExp(id.slice(-8)) });
  await expect(row).toContainText("Succeeded");
  // What the other pages are made of comes after this one.
  await allLoaded(page);
  await server.kill();
  await expect(page.getByText(/Connection lost/)).toBeVisible();
  await row.getByRole("link").click();
  await expect(page.getByText(/The job could not be read: the server at .* does not answer/)).toBeVisible();
  await page.getByRole("link", { name: "Start", exact: true }).click();
  await expect(page.getByText(/The kinds could not be read: the server at .* does not answer/)).toBeVisible();
  await page.goBack();
  await server.startAgain();
  await expect(page.getByRole("region", { name: "Lines of the log" })).toContainText("hello", TRIED_AGAIN);
  const state = page.getByRole("main").locator(".page-head").getByRole("status");
  await expect(state).toHaveText("Succeeded");
});
