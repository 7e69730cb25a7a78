// Every address can be opened, shared and loaded again, also one that leads nowhere.

import { expect, test } from "./support/test";

const NOBODY = "019ab3c0-5a50-7c3e-8f00-3b6f2c1d9e77";

test("every page opens at its address, and again when it is reloaded", async ({ page, server }) => {
  const id = await server.startJob("script", { script: "echo done" });
  await server.ended(id);
  for (const [path, heading] of [
    ["/", "Jobs"],
    ["/?state=SUCCEEDED", "Jobs"],
    ["/start", "Start a job"],
    ["/start?kind=gated", "Start a job"],
    [`/jobs/${id}`, "script"],
    ["/nothing/here", "Not found"],
    ["/graphiql", "GraphiQL of this Longhaul server"],
  ] as const) {
    await page.goto(path);
    await expect(page.getByRole("heading", { level: 1 })).toHaveText(heading);
    await page.reload();
    await expect(page.getByRole("heading", { level: 1 })).toHaveText(heading);
    expect(new URL(page.url()).pathname).toBe(path.split("?")[0]);
  }
});

test("the raw log stays a file of its own below the page of its job", async ({ page, server }) => {
  const id = await server.startJob("script", { script: "echo printed" });
  await server.ended(id);
  await page.goto(`/jobs/${id}`);
  const download = page.waitForEvent("download");
  await page.getByRole("link", { name: "Download log" }).click();
  const stream = await (await download).createReadStream();
  const pieces = await stream.toArray();
  expect(Buffer.concat(pieces).toString()).toBe("printed\n");
});

for (const id of [NOBODY, "42"]) {
  test(`an id that names no job says so: ${id}`, async ({ page }) => {
    await page.goto(`/jobs/${id}`);
    await expect(page.getByRole("heading", { level: 1 })).toHaveText("Not found");
    await expect(page.getByRole("main")).toContainText(`No job has the id ${id}.`);
    await page.getByRole("link", { name: "Show all jobs" }).click();
    await expect(page.getByRole("heading", { level: 1 })).toHaveText("Jobs");
  });
}
