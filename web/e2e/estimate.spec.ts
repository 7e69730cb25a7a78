// When a job will probably start and end is told wherever one waits for it.

import { Gate } from "./support/kinds";
import { expect, test } from "./support/test";

test("a job that waits or runs says when it will probably start or end, and counts down", async ({
  page,
  server,
  context,
}) => {
  for (const script of Array.from({ length: 12 }, () => "true")) {
    await server.ended(await server.startJob("script", { script }));
  }
  const gate = await Gate.make(server, "gate");
  const running = await server.startJob("script", { script: `cat ${gate.path}` });
  await gate.print("begun\n");
  const waiting = await server.startJob("script", { script: "true" });
  const told = page.locator(".expected");

  await page.goto(`/jobs/${waiting}`);
  await expect(told).toHaveText(/^Starts (in about|any moment)/);
  await expect(told).toHaveAttribute("title", /from 1\d past runs$/);
  await page.goto("/queues/default");
  await expect(page.getByRole("list", { name: "Next up in default" }).locator(".expected")).toHaveText(
    /^Starts /,
  );
  await page.goto("/start?kind=script");
  await page.getByRole("textbox", { name: "Script" }).fill("true");
  await expect(told).toHaveText(/^Starts /);

  // Pushed: what runs was told without a reload, and what ended says nothing of the kind any more.
  const other = await context.newPage();
  await other.goto(`/jobs/${running}`);
  await expect(other.locator(".expected")).toHaveText(/^Ends /);
  await gate.close();
  await expect(other.getByText("Succeeded", { exact: true })).toBeVisible();
  await expect(other.locator(".expected")).toHaveCount(0);
});

test("a kind without a history says nothing", async ({ page, server }) => {
  const gate = await Gate.make(server, "gate");
  await server.startJob("gated", { pipe: gate.path });
  await gate.print("begun\n");
  const waiting = await server.startJob("gated", { pipe: gate.path });
  await page.goto(`/jobs/${waiting}`);
  await expect(page.getByText("Next in the queue default.")).toBeVisible();
  await expect(page.locator(".expected")).toHaveCount(0);
});
