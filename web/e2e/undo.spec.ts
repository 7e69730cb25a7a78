// What waits in a queue is canceled, one, some or all of it, and what was asked for is undone in time.

import type { Locator, Page } from "@playwright/test";
import { Gate } from "./support/kinds";
import { neverOver } from "./support/notices";
import type { Server } from "./support/server";
import { expect, test } from "./support/test";

const states = async (server: Server, ids: readonly string[]) => {
  const all: string[] = [];
  for (const id of ids) {
    const { job } = await server.ask<{ job: { state: string } }>(
      "query($id: ID!) { job(id: $id) { state } }",
      {
        id,
      },
    );
    all.push(job.state);
  }
  return all;
};

/** Who holds the slot, and three that wait. */
async function line(page: Page, server: Server): Promise<string[]> {
  const gate = await Gate.make(server, "gate");
  await server.startJob("gated", { pipe: gate.path });
  await gate.print("begun\n");
  const ids: string[] = [];
  for (let i = 0; i < 3; i += 1) {
    ids.push(await server.startJob("script", { script: "true" }));
  }
  await page.goto("/queues/default");
  await expect(page.getByRole("list", { name: "Next up in default" }).getByRole("listitem")).toHaveCount(3);
  return ids;
}

const name = (id: string | undefined) => `…${id?.slice(-8)}`;

test("a cancel is held, undone by its button and by a key, and then not done", async ({ page, server }) => {
  await neverOver(page);
  const ids = await line(page, server);
  const [first, second] = ids;
  const row = (id: string | undefined) => page.getByRole("listitem").filter({ hasText: name(id) });
  await page.getByRole("button", { name: `Cancel ${name(first)}` }).click();
  const undo = page.getByRole("status").filter({ hasText: `Job ${name(first)} will be canceled` });
  await expect(undo).toContainText(/in \d s\./);
  await expect(row(first)).toContainText("will be canceled");
  await undo.getByRole("button", { name: "Undo" }).click();
  await expect(row(first).getByRole("button", { name: "Cancel" })).toBeVisible();
  await expect(page.locator("main")).toBeFocused();

  await page.getByRole("button", { name: `Cancel ${name(second)}` }).click();
  await expect(row(second)).toContainText("will be canceled");
  await page.keyboard.press("u");
  await expect(row(second).getByRole("button", { name: "Cancel" })).toBeVisible();
  await expect(page.getByRole("button", { name: "Undo" })).toHaveCount(0);
  expect(await states(server, ids)).toEqual(["QUEUED", "QUEUED", "QUEUED"]);
});

test("what was not undone is done when its time is over, on whatever page", async ({ page, server }) => {
  await page.clock.install();
  const ids = await line(page, server);
  await page.getByRole("checkbox", { name: `Select ${name(ids[0])}` }).check();
  await page.getByRole("checkbox", { name: `Select ${name(ids[2])}` }).check();
  // From here on time goes by as it is told to, however long the machine takes.
  await page.clock.pauseAt((await page.evaluate(() => Date.now())) + 60_000);
  await page.getByRole("button", { name: "Cancel 2 selected" }).click();
  await expect(page.getByText("2 jobs will be canceled")).toBeVisible();
  await page.mouse.move(0, 0);
  await page.getByRole("link", { name: "Kinds" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Kinds");
  await page.clock.fastForward(7_000);
  expect(await states(server, ids)).toEqual(["QUEUED", "QUEUED", "QUEUED"]);
  await page.clock.fastForward(1_500);
  await expect(page.getByText("2 jobs canceled.")).toBeVisible();
  expect(await states(server, ids)).toEqual(["CANCELED", "QUEUED", "CANCELED"]);
});

test("all that wait are canceled at once by whoever does not want to wait, and the slot's holder is left alone", async ({
  page,
  server,
}) => {
  await neverOver(page);
  const ids = await line(page, server);
  await page.getByRole("button", { name: "Cancel all 3 that wait" }).click();
  await expect(page.getByText("will be canceled", { exact: true })).toHaveCount(3);
  await page.getByRole("button", { name: "Now" }).click();
  await expect(page.getByText("3 jobs canceled.")).toBeVisible();
  await expect(page.getByText("Nothing waits.")).toBeVisible();
  expect(await states(server, ids)).toEqual(["CANCELED", "CANCELED", "CANCELED"]);
  await expect(page.getByRole("list", { name: "Slots of default" }).getByRole("link")).toHaveCount(1);
});

test("a pause, its end and other slots are undone", async ({ page, server }) => {
  await neverOver(page);
  const queue = () =>
    server
      .ask<{ queue: { paused: boolean; slots: number } }>("{ queue { paused slots } }")
      .then((data) => data.queue);
  // The page hears of each from the server: what it shows then is what the server has.
  const undo = async (words: string, done: Locator, undone: Locator) => {
    await expect(page.getByText(words)).toBeVisible();
    await expect(done).toBeVisible();
    await page.getByRole("button", { name: "Undo" }).click();
    await expect(page.getByText(words)).toHaveCount(0);
    await expect(undone).toBeVisible();
  };
  const pause = page.getByRole("button", { name: "Pause" });
  const resume = page.getByRole("button", { name: "Resume" });
  await page.goto("/queues/default");
  await pause.click();
  await page.getByRole("button", { name: "Pause the queue" }).click();
  await undo("The queue default is paused.", resume, pause);
  expect((await queue()).paused).toBe(false);
  await server.ask('mutation { pauseQueue(note: "repairs") { changed } }');
  await resume.click();
  await undo("The queue default is resumed.", pause, page.getByText(/Nothing starts here.*: repairs/));
  await page.getByRole("button", { name: "Set slots" }).click();
  await page.getByRole("textbox", { name: "Slots" }).fill("3");
  await page.getByRole("button", { name: "Set the slots" }).click();
  await undo(
    "The queue default has 3 slots.",
    page.getByText("0 of 3", { exact: true }),
    page.getByText("0 of 1", { exact: true }),
  );
  expect((await queue()).slots).toBe(1);
});

test("whoever leaves the page before something held is done is asked", async ({ page, server }) => {
  await neverOver(page);
  const [first] = await line(page, server);
  await page.getByRole("button", { name: `Cancel ${name(first)}` }).click();
  const asked = page.waitForEvent("dialog");
  const left = page.close({ runBeforeUnload: true });
  const dialog = await asked;
  expect(dialog.type()).toBe("beforeunload");
  await dialog.dismiss();
  await left;
  await page.getByRole("button", { name: "Undo" }).click();
});
