// The palette: by a few letters to a page, a kind's form, a queue, or a job.

import { holdFrames } from "./support/busy";
import { expect, test } from "./support/test";

test("a few letters lead to a page, a form, a queue and a job, by keys alone", async ({ page, server }) => {
  const id = await server.startJob("script", { script: "true" });
  await server.ended(id);
  await page.goto("/queues");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Queues");
  const dialog = page.getByRole("dialog", { name: "Go to" });
  const input = dialog.getByRole("combobox");

  await page.keyboard.press("Control+k");
  await expect(input).toBeFocused();
  await page.keyboard.type("workers");
  await expect(dialog.getByRole("option")).toHaveText(["Workersg w"]);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Workers");
  await expect(dialog).toHaveCount(0);
  await expect(page.locator("main")).toBeFocused();

  await page.keyboard.press("Control+k");
  await page.keyboard.type("gated");
  await expect(dialog.getByRole("option", { name: "Start Gated work" })).toBeVisible();
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\/start\?kind=gated$/);
  // Another form of the same page: its beginning has the focus, too.
  await page.keyboard.press("Control+k");
  await page.keyboard.type("start script");
  await expect(dialog.getByRole("option", { name: "Start script" })).toBeVisible();
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\/start\?kind=script$/);
  await expect(page.locator("main")).toBeFocused();
  await page.goBack();

  // Also from a field, and arrows go down and up.
  await page.getByRole("textbox", { name: "Pipe" }).focus();
  await page.keyboard.press("Control+k");
  await page.keyboard.type("queue");
  await expect(dialog.getByRole("option")).toHaveText(["Queuesg q", "Queue default"]);
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\/queues\/default$/);

  await page.keyboard.press("Control+k");
  await page.keyboard.type(id.slice(0, 13));
  await expect(dialog.getByRole("option").first()).toContainText(id.slice(-8));
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(new RegExp(`/jobs/${id}$`));

  // Whoever only looked is where they were.
  await page.keyboard.press("Control+k");
  await page.keyboard.type("nothing of that");
  await expect(dialog.getByText("Nothing fits.")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(dialog).toHaveCount(0);
  await expect(page).toHaveURL(new RegExp(`/jobs/${id}$`));
  await expect(page.locator("main")).toBeFocused();
});

test("what is typed at once is its own, however late the next frame is", async ({ page }) => {
  await page.goto("/start?kind=gated");
  const pipe = page.getByRole("textbox", { name: "Pipe", includeHidden: true });
  await pipe.focus();
  const dialog = page.getByRole("dialog", { name: "Go to" });
  const input = dialog.getByRole("combobox");
  // It is loaded now.
  await page.keyboard.press("Control+k");
  await expect(input).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(dialog).toHaveCount(0);
  await expect(pipe).toBeFocused();
  // The machine is busy: from here on no frame comes.
  const release = await holdFrames(page);
  await page.keyboard.press("Control+k");
  await page.keyboard.type("workers");
  await expect(input).toHaveValue("workers");
  await expect(pipe).toHaveValue("");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { level: 1, includeHidden: true })).toHaveText("Workers");

  // It is still on its way out, and opens again, without what was typed before.
  await page.keyboard.press("Control+k");
  await expect(input).toHaveValue("");
  await page.keyboard.type("kinds");
  await expect(input).toHaveValue("kinds");
  await release();
  await expect(input).toHaveValue("kinds");
  await page.keyboard.press("Escape");
  await expect(dialog).toHaveCount(0);
  await expect(page.locator("main")).toBeFocused();
});

test("it opens by its button, and is part of the list of keys", async ({ page }) => {
  await page.goto("/");
  await page.getByRole("button", { name: "Go to" }).click();
  const dialog = page.getByRole("dialog", { name: "Go to" });
  await dialog.getByRole("option", { name: "Kinds" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Kinds");
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog", { name: "Keys" })).toContainText("Ctrl K");
});
