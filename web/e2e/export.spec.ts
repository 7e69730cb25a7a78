// The list as a file, and the icon that tells how a job does.

import type { Download, Page } from "@playwright/test";
import { Gate } from "./support/kinds";
import { expect, test } from "./support/test";

async function text(download: Download): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of await download.createReadStream()) {
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString();
}

test("all jobs that match are saved, over all pages, as either format", async ({ page, server }) => {
  const failed = await server.startJob("script", { script: "exit 3" });
  await server.ended(failed);
  let last = failed;
  for (let i = 0; i < 105; i += 1) {
    last = await server.startJob("script", { script: "true" });
  }
  await server.ended(last);
  await page.goto("/?state=SUCCEEDED");
  const saved = async (name: string) => {
    const waiting = page.waitForEvent("download");
    await page.getByRole("button", { name }).click();
    return await waiting;
  };
  const csv = await saved("Save as CSV");
  expect(csv.suggestedFilename()).toBe("jobs.csv");
  const lines = (await text(csv)).split("\r\n");
  expect(lines[0]).toMatch(/^id,state,kind,/);
  expect(lines).toHaveLength(1 + 105 + 1);
  expect(lines[1]).toContain(`${last},SUCCEEDED,script,default,`);
  await expect(page.getByText("105 jobs saved.")).toBeVisible();
  await page.getByRole("checkbox", { name: "Succeeded" }).uncheck();
  // Its buttons go with the list that they save, and the address tells of the next one before it is there.
  await expect(page.getByText("105 jobs saved.")).toHaveCount(0);
  const ndjson = await saved("Save as NDJSON");
  const jobs = (await text(ndjson))
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(jobs).toHaveLength(106);
  expect(jobs.at(-1)).toMatchObject({ id: failed, state: "FAILED", exit_code: 3 });
});

test("the icon of the tab tells the job's state, and is the page's own elsewhere", async ({
  page,
  server,
}) => {
  const icon = (page: Page) =>
    page.locator('link[rel="icon"]').evaluate((link) => decodeURIComponent((link as HTMLLinkElement).href));
  const gate = await Gate.make(server, "gate");
  const id = await server.startJob("gated", { pipe: gate.path });
  await gate.print("begun\n");
  await page.goto(`/jobs/${id}`);
  await expect.poll(() => icon(page)).toContain("M12 9v14l11-7z");
  await gate.close();
  await expect.poll(() => icon(page)).toContain("M8 17l5 5 11-12");
  await page.getByRole("link", { name: "Queues" }).click();
  await expect.poll(() => icon(page)).toMatch(/^http.*\.svg$/);
});
