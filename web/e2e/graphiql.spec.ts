// GraphiQL with the network cut: a mutation, a query and a subscription run, and nothing is asked of anybody else.

import { chooseSample, runWith } from "./support/graphiql";
import { Gate } from "./support/kinds";
import { expect, test } from "./support/test";

test("runs a mutation, a query and a subscription, and asks nobody else", async ({
  page,
  context,
  server,
}) => {
  const asked = new Set<string>();
  context.on("request", (request) => asked.add(new URL(request.url()).origin));
  page.on("websocket", (socket) => asked.add(socket.url()));
  const gate = await Gate.make(server, "pipe");
  await page.goto("/graphiql");
  const result = page.getByRole("region", { name: "Result Window" });
  const run = async (sample: string, variables: object) => {
    await chooseSample(page, sample);
    await runWith(page, variables);
  };

  await run("TryStart", { input: { kind: "gated", args: { pipe: gate.path } } });
  await expect(result).toContainText(/"created":\s*true/);
  const id = /"id":\s*"([0-9a-f-]{36})"/.exec((await result.textContent()) ?? "")?.[1];
  await gate.print("10% begun\n");

  await run("TryQuery", { id });
  await expect(result).toContainText(/"state":\s*"RUNNING"/);

  await run("TrySubscribe", { id });
  await expect(result).toContainText(/"percent":\s*10/);
  await gate.print("70% nearly\n");
  await expect(result).toContainText(/"percent":\s*70/);
  await gate.close();
  await expect(result).toContainText(/"state":\s*"SUCCEEDED"/);
  await expect(result).toContainText(/"terminal":\s*true/);

  const { origin, host } = new URL(server.url);
  expect([...asked].sort()).toEqual([origin, `ws://${host}/graphql`]);
});

test("finds its samples with their variables, and keeps what was typed", async ({ page }) => {
  await page.goto("/graphql");
  await expect(page).toHaveURL(/\/graphiql$/);
  const names = ["TryStart", "TryQuery", "TrySubscribe", "TryCancel", "TryList"];
  const tabs = page
    .getByRole("list", { name: "Select active operation" })
    .getByRole("button", { name: /^Try/ });
  const current = page.locator('[aria-current="true"]');
  await expect(tabs).toHaveText(names);
  const variables = page.getByRole("region", { name: "Variables" });
  await expect(variables).toContainText("demo");
  await expect(current).toHaveText("TryStart");
  await page.getByRole("button", { name: "TryList", exact: true }).click();
  await expect(current).toHaveText("TryList");
  await expect(variables).toContainText("first");
  // It keeps what is typed a moment later, and each part by itself.
  for (const [part, text] of [
    ["query", "TryList"],
    ["variables", "first"],
    ["tabState", '"activeTabIndex":4'],
  ] as const) {
    await expect
      .poll(() => page.evaluate((key) => localStorage.getItem(key), `graphiql:${part}`))
      .toContain(text);
  }
  await page.reload();
  await expect(tabs).toHaveText(names);
  await expect(variables).toContainText("first");
  await page.getByRole("link", { name: "Longhaul" }).click();
  await expect(page).toHaveURL(/\/$/);
});
