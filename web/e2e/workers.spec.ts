// A worker is drained and resumed from its page: by keyboard, undone, refused, and only by who may.

import type { Page } from "@playwright/test";
import { oneSlot } from "./support/kinds";
import { neverOver } from "./support/notices";
import type { Server } from "./support/server";
import { expect, test } from "./support/test";

test.use({ config: oneSlot.replace("slots = 1", 'slots = 1\nlabels = { gpu = "a100", zone = "b" }') });

const state = async (server: Server, id: string) => {
  const query = "query($id: ID!) { job(id: $id) { state wait { reason } } }";
  const { job } = await server.ask<{ job: { state: string; wait: { reason: string } | null } }>(query, {
    id,
  });
  return job.wait?.reason ?? job.state;
};

const drain = (page: Page) => page.getByRole("button", { name: "Drain", exact: true });
const question = (page: Page) => page.getByRole("dialog", { name: /^Drain the worker / });

test("a worker is drained and resumed by keyboard, after a question, and each is undone", async ({
  page,
  server,
}) => {
  await neverOver(page);
  await page.goto("/workers");
  await expect(page.getByText("gpu=a100, zone=b")).toBeVisible();
  await drain(page).focus();
  await page.keyboard.press("Enter");
  await expect(question(page)).toContainText("No other worker takes jobs: nothing starts until then.");
  await page.keyboard.press("Escape");
  await expect(question(page)).toHaveCount(0);
  await expect(drain(page)).toBeFocused();
  await expect(page.getByText("Draining")).toHaveCount(0);

  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Drain the worker" }).focus();
  await page.keyboard.press("Enter");
  await expect(question(page)).toHaveCount(0);
  await expect(page.getByText("Draining", { exact: true })).toBeVisible();
  await expect(page.getByRole("alert")).toContainText("Every live worker drains");
  const id = await server.startJob("script", { script: "true" });
  expect(await state(server, id)).toBe("DRAINING");

  await page.getByRole("button", { name: "Resume", exact: true }).focus();
  await page.keyboard.press("Enter");
  await expect(drain(page)).toBeVisible();
  await expect(page.getByText("Draining", { exact: true })).toHaveCount(0);
  expect(await server.ended(id)).toBe(0);

  // The last notice is that of the end of the drain.
  await expect(page.getByText(/^The worker .* is resumed\.$/)).toBeVisible();
  await page.getByRole("button", { name: "Undo" }).last().click();
  await expect(page.getByText("Draining", { exact: true })).toBeVisible();
});

test("what is under way is told, and so is why it was not done", async ({ page, faults }) => {
  faults.expect(/failed:/, /ERR_FAILED/);
  await page.goto("/workers");
  await drain(page).click();
  let release = () => {};
  const held = new Promise<void>((done) => {
    release = done;
  });
  await page.route("**/graphql", async (route) => {
    if (route.request().postData()?.includes("DrainWorker")) {
      await held;
      await route.abort();
    } else {
      await route.continue();
    }
  });
  await page.getByRole("button", { name: "Drain the worker" }).click();
  await expect(page.getByRole("button", { name: "Asking…" })).toBeDisabled();
  release();
  await expect(question(page).getByRole("alert")).toContainText("The worker could not be drained");
  await expect(page.getByRole("button", { name: "Drain the worker" })).toBeEnabled();
  await page.unroute("**/graphql");
  await page.getByRole("button", { name: "Drain the worker" }).click();
  await expect(question(page)).toHaveCount(0);
  await expect(page.getByText("Draining", { exact: true })).toBeVisible();
});

test("who may only look is offered nothing", async ({ page, server, faults }) => {
  faults.expect(/401/, /WebSocket/);
  await server.askForTokens();
  await page.goto("/workers");
  await page.getByLabel("Token", { exact: true }).fill(await server.makeToken("reader", "read"));
  await page.getByRole("button", { name: "Go on" }).click();
  await expect(page.getByText("gpu=a100, zone=b")).toBeVisible();
  await expect(drain(page)).toHaveCount(0);
});
