// What a reader does is done as they meant it also where the machine is busy: pages and frames come late, and what was pressed is told late.

import type { Page } from "@playwright/test";
import { block, drawn, Hands, holdFrames } from "./support/busy";
import { Gate } from "./support/kinds";
import { expect, test } from "./support/test";

/** Answers what is asked for at such addresses only once the function that it returns is called. */
async function hold(page: Page, addresses: RegExp | string, body = ""): Promise<() => void> {
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  await page.route(addresses, async (route) => {
    if (route.request().postData()?.includes(body) ?? body === "") {
      await released;
    }
    await route.continue();
  });
  return release;
}

test("what is chosen of a filter before the list of the choice before is there is chosen beside it", async ({
  page,
}) => {
  await page.goto("/");
  await expect(page.getByText("No jobs yet.")).toBeVisible();
  const chosen = await page.evaluate(async () => {
    const box = (name: string) =>
      [...document.querySelectorAll(".filters label")]
        .find((label) => label.textContent === name)
        ?.querySelector("input") as HTMLInputElement;
    const boxes = ["Queued", "Failed", "Canceled"].map(box);
    // One after the other, and nothing between them, not even what the pages do at once.
    for (const one of boxes) {
      one.click();
    }
    return boxes.map(({ checked }) => checked);
  });
  expect(chosen).toEqual([true, true, true]);
  await expect(page).toHaveURL(/\?state=QUEUED&state=FAILED&state=CANCELED$/);
  await page.goto("/start");
  const kind = page.getByRole("radio", { name: /Gated work/ });
  expect(
    await kind.evaluate((radio: HTMLInputElement) => {
      radio.click();
      return radio.checked;
    }),
  ).toBe(true);
  await expect(page).toHaveURL(/kind=gated$/);
});

test("whoever types on after a filter was chosen is still in its field", async ({ page }) => {
  await page.goto("/?text=red");
  const field = page.getByLabel("Id, kind or label");
  await field.press("End");
  await page.keyboard.type("dish");
  await page.keyboard.press("Enter");
  await page.keyboard.type("-blue");
  await expect(page).toHaveURL(/text=reddish$/);
  await expect(field).toBeFocused();
  await expect(field).toHaveValue("reddish-blue");
  // What the address comes to say otherwise is what the field says.
  await page.getByRole("button", { name: "Clear the filter" }).click();
  await expect(field).toHaveValue("");
  await expect(page).not.toHaveURL(/text/);
  await page.goBack();
  await expect(field).toHaveValue("reddish-blue");
});

test("what is typed as soon as a question is there is typed into it", async ({ page }) => {
  await page.goto("/queues/default");
  const pause = page.getByRole("button", { name: "Pause" });
  await pause.focus();
  const release = await holdFrames(page);
  await page.keyboard.press("Enter");
  await page.keyboard.type("repairs");
  const dialog = page.getByRole("dialog", { name: "Pause the queue default?" });
  await expect(dialog.getByLabel("Note (optional)")).toHaveValue("repairs");
  await page.keyboard.press("Enter");
  await release();
  await expect(dialog).toHaveCount(0);
  await expect(page.getByText(/Nothing starts here.*: repairs/)).toBeVisible();
});

test("two keys that follow each other in time belong together, however late the page is told", async ({
  page,
}) => {
  await page.goto("/overview");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Overview");
  const hands = await Hands.at(page);
  await hands.press("g", 0);
  await block(page, 1_200);
  await hands.press("k", 900);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Kinds");
});

test("a field that was gone to through the palette stays the reader's when the palette is gone", async ({
  page,
}) => {
  await page.goto("/queues");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Queues");
  const dialog = page.getByRole("dialog", { name: "Go to" });
  await page.keyboard.press("Control+k");
  await expect(dialog.getByRole("combobox")).toBeFocused();
  await page.keyboard.type("gated");
  await expect(dialog.getByRole("option", { name: "Start Gated work" })).toBeVisible();
  const release = await holdFrames(page);
  await page.keyboard.press("Enter");
  const pipe = page.getByRole("textbox", { name: "Pipe", includeHidden: true });
  await pipe.focus();
  await release();
  await expect(dialog).toHaveCount(0);
  await expect(pipe).toBeFocused();
});

test("what is typed while the palette is on its way is its own, and not the page's", async ({ page }) => {
  const release = await hold(page, /\/Palette-[^/]*\.js$/);
  await page.goto("/queues");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Queues");
  await page.keyboard.press("Control+k");
  await page.keyboard.type("g");
  await page.keyboard.type("k");
  release();
  const field = page.getByRole("dialog", { name: "Go to" }).getByRole("combobox");
  await expect(field).toBeFocused();
  await page.keyboard.type("j");
  await expect(field).toHaveValue("gkj");
  await expect(page).toHaveURL(/\/queues$/);
});

test("who presses again while the job's page is on its way starts no other job", async ({ page, server }) => {
  const gate = await Gate.make(server, "gate");
  const release = await hold(page, /\/JobPage-[^/]*\.js$/);
  await page.goto("/start?kind=gated");
  await page.getByRole("textbox", { name: "Pipe" }).fill(gate.path);
  const answered = page.waitForResponse((response) =>
    Boolean(response.request().postData()?.includes("mutation StartJob")),
  );
  await page.getByRole("button", { name: "Start Gated work" }).click();
  await (await answered).finished();
  await drawn(page);
  await expect(page.getByRole("button", { name: "Starting…" })).toBeDisabled();
  release();
  await expect(page).toHaveURL(/\/jobs\//);
  const { jobs } = await server.ask<{ jobs: { totalCount: number } }>("{ jobs { totalCount } }");
  expect(jobs.totalCount).toBe(1);
});

test("what is typed while a token is asked about is kept", async ({ page, server, faults }) => {
  faults.expect(/401/, /4403/, /WebSocket/);
  await server.askForTokens();
  await page.goto("/");
  const field = page.getByLabel("Token", { exact: true });
  const release = await hold(page, "**/graphql", "{ __typename }");
  await field.fill("lh_wrong");
  await page.keyboard.press("Enter");
  await page.keyboard.type("_not");
  release();
  await expect(page.getByRole("alert")).toContainText("does not take this token");
  await page.keyboard.type("_this");
  await expect(field).toHaveValue("lh_wrong_not_this");
});

test("a search waits for what looks, however late that comes", async ({ page, server }) => {
  await page.clock.install();
  const id = await server.startJob("script", { script: "echo needle" });
  await server.ended(id);
  const release = await hold(page, /match\.worker[^/]*\.js$/);
  await page.goto(`/jobs/${id}`);
  await expect(page.getByRole("region", { name: "Lines of the log" })).toContainText("needle");
  const asked = page.waitForRequest(/match\.worker[^/]*\.js$/);
  await page.getByRole("searchbox", { name: "Search the log" }).fill("needle");
  await page.clock.fastForward(1_000);
  await asked;
  await page.clock.fastForward(60_000);
  release();
  await expect(page.locator(".log-found[role=status]")).toHaveText("1 line");
});
