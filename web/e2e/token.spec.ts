// A server that asks for a token: the page asks whoever reads it, goes on where it was, and keeps the token where it was told to.

import type { Page } from "@playwright/test";
import { chooseSample, runTheList, runWith } from "./support/graphiql";
import { Gate } from "./support/kinds";
import { expect, test } from "./support/test";

/** What a browser notes of an answer that refuses. */
const REFUSED = [/401/, /4403/, /WebSocket/];

async function signIn(page: Page, token: string, remember = false): Promise<void> {
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("This server asks for a token");
  const field = page.getByLabel("Token", { exact: true });
  await expect(field).toBeFocused();
  await field.fill(token);
  await page.getByRole("checkbox", { name: "Remember it in this tab" }).setChecked(remember);
  await page.getByRole("button", { name: "Go on" }).click();
}

/** Wherever a token could lie that outlives the page. */
function kept(page: Page): Promise<{ tab: string; all: string; address: string }> {
  return page.evaluate(() => ({
    tab: JSON.stringify(sessionStorage),
    all: JSON.stringify(localStorage) + document.cookie,
    address: location.href,
  }));
}

test.beforeEach(({ faults }) => faults.expect(...REFUSED));

test("a page goes on where it was, live, and forgets the token when it is loaded again", async ({
  page,
  server,
}) => {
  const gate = await Gate.make(server, "gate");
  const id = await server.startJob("gated", { pipe: gate.path });
  await server.askForTokens();
  const token = await server.makeToken("reader", "read");
  await page.goto(`/jobs/${id}`);
  await signIn(page, "lh_wrong");
  await expect(page.getByRole("alert")).toContainText("The server does not take this token");
  await expect(page.getByLabel("Token", { exact: true })).toHaveAttribute("aria-invalid", "true");
  await signIn(page, token);
  const state = page.getByRole("main").locator(".page-head").getByRole("status");
  await expect(state).toHaveText("Running");
  await expect(page.getByRole("main")).toBeFocused();
  await expect(page).toHaveURL(new RegExp(`/jobs/${id}$`));
  await gate.print("40% on its way\n");
  await expect(page.getByRole("region", { name: "Lines of the log" })).toContainText("on its way");
  await expect(page.getByRole("progressbar", { name: "Progress" })).toHaveAttribute("value", "40");
  await expect(page.getByText("Live", { exact: true })).toBeVisible();
  expect(JSON.stringify(await kept(page))).not.toContain(token);
  await page.reload();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("This server asks for a token");
});

test("a tab remembers a token where it was told to, GraphiQL takes it over, and it can be forgotten", async ({
  page,
  server,
}) => {
  await server.askForTokens();
  const token = await server.makeToken("reader", "read");
  await page.goto("/?state=QUEUED");
  await signIn(page, token, true);
  await expect(page.getByText("No job matches the filter.")).toBeVisible();
  await page.reload();
  await expect(page.getByText("No job matches the filter.")).toBeVisible();
  const { tab, all, address } = await kept(page);
  expect(tab).toContain(token);
  expect(all + address).not.toContain(token);
  await page.getByRole("link", { name: "GraphiQL" }).click();
  await runTheList(page);
  await page.goBack();
  await page.getByRole("button", { name: "Forget the token" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("This server asks for a token");
  await expect(page.getByRole("button", { name: "Forget the token" })).toHaveCount(0);
  expect(JSON.stringify(await kept(page))).not.toContain(token);
});

test("GraphiQL asks by itself where no token is remembered, and follows a job by it", async ({
  page,
  server,
}) => {
  const gate = await Gate.make(server, "gate");
  const id = await server.startJob("gated", { pipe: gate.path });
  await server.askForTokens();
  await page.goto("/graphiql");
  await signIn(page, await server.makeToken("reader", "read"));
  await chooseSample(page, "TrySubscribe");
  await runWith(page, { id });
  await expect(page.getByRole("region", { name: "Result Window" })).toContainText(/"state":\s*"RUNNING"/);
  await server.revoke("reader");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("This server asks for a token");
});

test("what was typed survives a token that ended meanwhile", async ({ page, server }) => {
  await server.askForTokens();
  await page.goto("/start?kind=script");
  await signIn(page, await server.makeToken("first", "start:*"));
  const script = page.getByRole("textbox", { name: "Script" });
  await script.fill("echo typed");
  await server.revoke("first");
  await expect(page.getByText(/it has expired or was revoked/)).toBeVisible();
  await expect(script).toBeHidden();
  await signIn(page, await server.makeToken("second", "start:script"));
  await expect(script).toHaveValue("echo typed");
  await page.getByRole("button", { name: "Start script" }).click();
  await expect(page.getByRole("region", { name: "Lines of the log" })).toContainText("typed");
});

test("another caller sees nothing of what was read before", async ({ page, server }) => {
  const id = await server.startJob("script", { script: "echo secret" });
  await server.ended(id);
  await server.askForTokens();
  await page.goto("/");
  await signIn(page, await server.makeToken("reader", "read"));
  const row = page.getByRole("link", { name: `…${id.slice(-8)}` });
  await expect(row).toBeVisible();
  await server.revoke("reader");
  await signIn(page, await server.makeToken("starter", "start:script"));
  await expect(page.getByText("No jobs yet.")).toBeVisible();
  await expect(row).toHaveCount(0);
});

test("a log is downloaded with the token", async ({ page, server }) => {
  const id = await server.startJob("script", { script: "echo printed" });
  await server.ended(id);
  await server.askForTokens();
  await page.goto(`/jobs/${id}`);
  await signIn(page, await server.makeToken("reader", "read"));
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download log" }).click();
  const file = await download;
  expect(file.suggestedFilename()).toBe(`${id}.log`);
  const pieces = await (await file.createReadStream()).toArray();
  expect(Buffer.concat(pieces).toString()).toBe("printed\n");
});

test("a list says what its token lacks, and a shared job is seen all the same", async ({
  page,
  server,
  faults,
}) => {
  faults.expect(/400/);
  const id = await server.startJob("script", { script: "echo shared" });
  await server.ended(id);
  await server.askForTokens();
  const token = await server.share(id);
  await page.goto("/");
  await signIn(page, token);
  await expect(page.getByRole("alert").first()).toContainText("A token with the scope read may do it");
  await page.goto(`/jobs/${id}`);
  await signIn(page, token);
  await expect(page.getByRole("region", { name: "Lines of the log" })).toContainText("shared");
});
