// Queues, kinds, workers and tokens: what each shows is live, and what can be done there is done.

import { Hands } from "./support/busy";
import { Gate } from "./support/kinds";
import { expect, test } from "./support/test";

test("a queue shows who runs and who waits, and is paused and resumed", async ({ page, server, context }) => {
  const gate = await Gate.make(server, "gate");
  const running = await server.startJob("gated", { pipe: gate.path });
  await gate.print("40% on its way\n");
  await page.goto("/queues");
  const queue = page.getByRole("region", { name: "default" });
  const slots = queue.getByRole("list", { name: "Slots of default" });
  await expect(slots.getByRole("link")).toHaveText(new RegExp(`Gated work …${running.slice(-8)}`));
  await expect(queue.getByText("Nothing waits.")).toBeVisible();
  await server.startJob("script", { script: "true" });
  const second = await server.startJob("script", { script: "echo second" });
  const line = queue.getByRole("list", { name: "Next up in default" });
  await expect(line.getByRole("listitem")).toHaveCount(2);
  await expect(line.getByRole("listitem").last()).toContainText("#2");
  await expect(line.getByRole("listitem").last()).toContainText(second.slice(-8));
  await expect(page).toHaveTitle(/^2 waiting · Queues/);

  await queue.getByRole("button", { name: "Pause" }).click();
  const pause = page.getByRole("dialog", { name: "Pause the queue default?" });
  await pause.getByLabel("Note (optional)").fill("repairs");
  await pause.getByRole("button", { name: "Pause the queue" }).click();
  await expect(queue.getByText(/Nothing starts here.*: repairs/)).toBeVisible();
  await expect(line.getByRole("listitem").first()).toContainText("is paused");
  await gate.close();
  await expect(slots.getByRole("link")).toHaveCount(0);
  // Its own page, in another tab, says the same.
  const other = await context.newPage();
  await other.goto("/queues/default");
  await expect(other).toHaveTitle(/^Paused: queue default/);
  await other.getByRole("button", { name: "Resume" }).click();
  await expect(queue.getByText("Nothing waits.")).toBeVisible();
  await expect(queue.getByRole("button", { name: "Pause" })).toBeVisible();
});

test("a queue's own page counts what it accepted in the last hour", async ({ page, server }) => {
  await page.goto("/queues/default");
  const chart = (count: number) =>
    page.getByRole("img", { name: `${count} jobs accepted in the last hour, by five minutes` });
  await expect(chart(0)).toBeVisible();
  await server.ended(await server.startJob("script", { script: "true" }));
  await expect(chart(1)).toBeVisible();
});

test("a queue gets another number of slots", async ({ page, server }) => {
  await page.goto("/queues/default");
  await page.getByRole("button", { name: "Set slots" }).click();
  const dialog = page.getByRole("dialog", { name: "How many jobs of default may run at once?" });
  await dialog.getByRole("textbox", { name: "Slots" }).fill("3");
  await dialog.getByRole("button", { name: "Set the slots" }).click();
  await expect(page.getByRole("list", { name: "Slots of default" }).getByText("Free")).toHaveCount(3);
  const { queue } = await server.ask<{ queue: { slots: number } }>("{ queue { slots } }");
  expect(queue.slots).toBe(3);
});

test("the overview counts, leads to what it counted, and says what needs attention", async ({
  page,
  server,
}) => {
  await server.ended(await server.startJob("script", { script: "true" }));
  await page.goto("/overview");
  const counter = (name: string) => page.getByRole("link", { name: new RegExp(`^${name}`) });
  await expect(page.getByText("Nothing needs attention.")).toBeVisible();
  await expect(counter("Succeeded of the last hour")).toContainText("1");
  await expect(page.getByText("No job has failed.")).toBeVisible();
  await expect(page.getByRole("img", { name: /^1 jobs? accepted in the last hour/ })).toBeVisible();
  const failed = await server.startJob("script", { script: "echo its last words >&2; exit 3" });
  await server.ended(failed);
  const failures = page.getByRole("region", { name: "Recent failures" });
  await expect(failures.getByRole("link")).toHaveAttribute("title", failed);
  await expect(failures).toContainText("its last words");
  await server.ask("mutation { pauseQueue { changed } }");
  await expect(page.getByText("Queue default is paused; 0 wait.")).toBeVisible();
  await expect(page).toHaveTitle(/^1 to look at · Overview/);
  await expect(counter("Failed of the last hour")).toContainText("1");
  await counter("Failed of the last hour").click();
  await expect(page).toHaveURL(/state=FAILED&since=/);
  await expect(page.getByRole("row")).toHaveCount(2);
  await expect(page.getByRole("link", { name: `…${failed.slice(-8)}` })).toBeVisible();
  await page.getByRole("button", { name: /^Accepted since/ }).click();
  await expect(page).toHaveURL(/state=FAILED$/);
});

test("a queue that is not declared is told", async ({ page }) => {
  await page.goto("/queues/nothing");
  await expect(page.getByText("This server declares no queue")).toBeVisible();
  await page.getByRole("link", { name: "Show all queues" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Queues");
});

test("the kinds say what they take and usually do", async ({ page, server }) => {
  await page.goto("/kinds");
  const kind = page.getByRole("region", { name: /Gated work/ });
  await expect(kind.getByText("none has ended well yet")).toBeVisible();
  await kind.getByText("Schema of its arguments").click();
  await expect(kind.getByRole("region", { name: "Schema of the arguments of gated" })).toContainText(
    '"pipe"',
  );
  await server.ended(await server.startJob("script", { script: "true" }));
  await page.reload();
  const script = page.getByRole("region", { name: "script" });
  await expect(script.getByText(/^\d+ ms$|^\d.* s$/)).toBeVisible();
  await script.getByRole("link", { name: "Start script" }).click();
  await expect(page).toHaveURL(/\/start\?kind=script$/);
});

test("the worker shows what it runs", async ({ page, server }) => {
  const gate = await Gate.make(server, "gate");
  await page.goto("/workers");
  await expect(page.getByText("One worker: the server itself")).toBeVisible();
  await expect(page.getByText("0 of 1")).toBeVisible();
  const id = await server.startJob("gated", { pipe: gate.path });
  await gate.print("begun\n");
  await expect(page.getByRole("link", { name: `…${id.slice(-8)}` })).toBeVisible();
  await expect(page.getByText("1 of 1")).toBeVisible();
  await gate.close();
  await expect(page.getByText("0 of 1")).toBeVisible();
});

test("the first token closes the server, and another one is made, shown once and revoked", async ({
  page,
  faults,
}) => {
  faults.expect(/401/, /4403/, /WebSocket/);
  await page.goto("/tokens");
  await expect(page.getByText("asks nobody for one")).toBeVisible();
  const make = page.getByRole("button", { name: "Make a token" });
  const dialog = page.getByRole("dialog");
  await make.click();
  await dialog.getByLabel("Name of its holder").fill("root");
  await dialog.getByRole("button", { name: "Make it" }).click();
  await expect(dialog.locator("pre")).toHaveText(/^lh_\S+$/);
  await dialog.getByRole("button", { name: "Go on in this page with it" }).click();
  const row = (name: string) => page.getByRole("row", { name: new RegExp(`^${name} `) });
  await expect(row("root")).toContainText("admin");

  await make.click();
  await dialog.getByLabel("Name of its holder").fill("reader");
  await dialog.getByLabel("Expires").selectOption("In 7 days");
  await dialog.getByRole("button", { name: "Make it" }).click();
  const secret = (await dialog.locator("pre").textContent()) ?? "";
  expect(secret).toMatch(/^lh_\S+$/);
  await dialog.getByRole("button", { name: "I have it" }).click();
  await expect(row("reader")).toContainText("expires");
  await expect(page.getByText(secret)).toHaveCount(0);
  await row("reader").getByRole("button", { name: "Revoke" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Revoke it" }).click();
  await expect(row("reader")).toContainText(/revoked (just now|\d+ s ago)/);
});

test("whoever may not make tokens is not led to them, and is told which scope is missing", async ({
  page,
  server,
  faults,
}) => {
  faults.expect(/400/, /401/, /WebSocket/);
  await server.askForTokens();
  await page.goto("/tokens");
  await page.getByLabel("Token", { exact: true }).fill(await server.makeToken("reader", "read"));
  await page.getByRole("button", { name: "Go on" }).click();
  await expect(page.getByRole("alert")).toContainText("A token with the scope admin may do it");
  await expect(page.getByRole("navigation").getByRole("link", { name: "Queues" })).toBeVisible();
  // What the caller may do is known once the server has said what it is.
  await expect(page.getByText("Live", { exact: true })).toHaveAttribute("title", /^longhaul /);
  await expect(page.getByRole("navigation").getByRole("link", { name: "Tokens" })).toHaveCount(0);
  await page.getByRole("link", { name: "Queues" }).click();
  await expect(page.getByRole("list", { name: "Slots of default" })).toBeVisible();
  await expect(page.getByRole("button", { name: "Pause" })).toHaveCount(0);
});

test("every list is read by keys alone", async ({ page, server }) => {
  for (const script of ["true", "echo this one"]) {
    await server.ended(await server.startJob("script", { script }));
  }
  await page.goto("/overview");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Overview");
  const hands = await Hands.at(page);
  await hands.press("g", 0);
  await hands.press("j", 900);
  await expect(page.getByRole("row")).toHaveCount(3);
  const links = page.locator("main [data-row]");
  // The end of `g j` is no `j`.
  await hands.press("g", 100);
  await hands.press("j", 900);
  await expect(links.first()).not.toBeFocused();
  // Once the time for a second key is over, it is one.
  await hands.press("k", 200);
  await expect(links.first()).toBeFocused();
  await hands.press("j", 100);
  await expect(links.last()).toBeFocused();
  await hands.press("k", 100);
  await expect(links.first()).toBeFocused();
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog", { name: "Keys" })).toContainText("g q");
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await page.keyboard.press("/");
  const search = page.getByLabel("Id, kind or label");
  await expect(search).toBeFocused();
  await page.keyboard.type("jkog?");
  await expect(search).toHaveValue("jkog?");
  await search.clear();
  await page.getByRole("heading", { level: 1 }).click();
  await hands.press("j", 100);
  await expect(links.first()).toBeFocused();
  await hands.press("o", 100);
  await expect(page.getByRole("region", { name: "Lines of the log" })).toContainText("this one");
});
