// What a page shows is taken along as a command, and the command does the same.

import { execFile } from "node:child_process";
import { dirname } from "node:path";
import { promisify } from "node:util";
import type { Page } from "@playwright/test";
import { binary } from "./support/server";
import { expect, test } from "./support/test";

/** What a shell says to it. */
async function run(command: string): Promise<string> {
  const env = { PATH: `${dirname(binary)}:${process.env.PATH}`, HOME: "/nonexistent" };
  return (await promisify(execFile)("sh", ["-c", command], { env })).stdout;
}

async function copied(page: Page, way: string): Promise<string> {
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("tab", { name: way, exact: true }).click();
  // The one before it may still be on its way out.
  const panel = dialog.getByRole("tabpanel", { name: way, exact: true });
  await panel.getByRole("button", { name: "Copy" }).click();
  await expect(panel.getByText("Copied.")).toBeVisible();
  return await page.evaluate(() => navigator.clipboard.readText());
}

test.beforeEach(({ context }) => context.grantPermissions(["clipboard-read", "clipboard-write"]));

test("a filter is copied as commands that list the same", async ({ page, server }) => {
  await server.ended(await server.startJob("script", { script: "exit 3" }));
  const good = await server.startJob("script", { script: "true" });
  await server.ended(good);
  await page.goto("/?state=SUCCEEDED&kind=script");
  await expect(page.getByRole("row")).toHaveCount(2);
  await page.getByRole("button", { name: "Copy as…" }).click();
  expect(await run(`${await copied(page, "Command")} --output name`)).toBe(`${good}\n`);
  const { data } = JSON.parse(await run(await copied(page, "curl")));
  expect(data.jobs.nodes.map(({ id }: { id: string }) => id)).toEqual([good]);
  expect(await copied(page, "GraphQL")).toContain('"SUCCEEDED"');
});

test("a job is looked at and started again by commands", async ({ page, server }) => {
  const id = await server.startJob("script", { script: "echo 'its words'" });
  await server.ended(id);
  await page.goto(`/jobs/${id}`);
  await page.getByRole("button", { name: "Copy as…" }).click();
  const looked = await run(await copied(page, "Command"));
  expect(looked).toContain("SUCCEEDED");
  expect(looked).toContain("its words");
  const { data } = JSON.parse(await run(await copied(page, "curl")));
  expect(data.job).toMatchObject({ id, state: "SUCCEEDED" });
  await page.getByRole("radio", { name: "Start the same again" }).check();
  const again = (await run(await copied(page, "Command"))).trim();
  expect(again).toMatch(/^[0-9a-f-]{36}$/);
  await server.ended(again);
  const { job } = await server.ask<{ job: { args: unknown } }>("query($id: ID!) { job(id: $id) { args } }", {
    id: again,
  });
  expect(job.args).toEqual({ script: "echo 'its words'" });
});

test("where the browser gives no clipboard, the text is selected", async ({ page }) => {
  await page.addInitScript(() => Object.defineProperty(navigator, "clipboard", { value: undefined }));
  await page.goto("/");
  await page.getByRole("button", { name: "Copy as…" }).click();
  await page.getByRole("button", { name: "Copy", exact: true }).click();
  await expect(page.getByText("It is selected: copy it by your keyboard.")).toBeVisible();
  expect(await page.evaluate(() => String(getSelection()))).toMatch(/^longhaul list --server '/);
});
