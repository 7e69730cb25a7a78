// The page that README shows, as it stands there, on another port than the server: followed where it is allowed, refused where not.

import { Gate } from "./support/kinds";
import { Site } from "./support/site";
import { at, snippets } from "./support/snippets";
import { test as base, expect } from "./support/test";

/** The only HTML of README. */
async function ownPage(server: string): Promise<string> {
  const found = (await snippets("README.md")).filter(({ language }) => language === "html");
  expect(found).toHaveLength(1);
  return at(server, found[0]?.text ?? "");
}

const test = base.extend<{ site: Site; isAllowed: boolean }>({
  isAllowed: [true, { option: true }],
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads what a fixture needs off this pattern.
  site: async ({}, use) => {
    const site = await Site.open();
    await use(site);
    site.close();
  },
  config: async ({ site, isAllowed }, use) => {
    // In place of the built-in `demo`: one whose end is the test's to say.
    await use(`
      [server]
      allowed_origins = [${isAllowed ? `"${site.origin}"` : ""}]
      [kinds.demo]
      command = ["sh", "-c", 'echo "$1 s, 40%"; exec cat "$HOME/gate"', "demo", "{seconds}"]
      [kinds.demo.args]
      type = "object"
      required = ["seconds"]
      properties.seconds = { type = "integer" }
      [kinds.demo.progress]
      pattern = '(?P<percent>\\d+)%'
    `);
  },
});

test("it follows a job where its origin is allowed", async ({ page, server, site }) => {
  const gate = await Gate.make(server, "gate");
  site.html = await ownPage(server.url);
  await page.goto(site.origin);
  await expect(page.getByRole("status")).toHaveText("RUNNING");
  await expect(page.getByRole("progressbar")).toHaveJSProperty("value", 40);
  await gate.print("80%\n");
  await expect(page.getByRole("progressbar")).toHaveJSProperty("value", 80);
  await gate.close();
  await expect(page.getByRole("status")).toHaveText("SUCCEEDED");
});

test.describe("where its origin is not allowed", () => {
  test.use({ isAllowed: false });

  test("it is refused, and the key that would let it is named", async ({ page, server, site, faults }) => {
    faults.expect(/403/, /CORS policy/, /ERR_FAILED/, /WebSocket/);
    site.html = await ownPage(server.url);
    await page.goto(site.origin);
    await expect(page.getByRole("status")).toHaveText(/^failed: /);
    // The browser keeps the reason from the page; its author finds it where the server runs.
    const { host } = new URL(server.url);
    await expect.poll(() => server.said).toContain(`a page of \`${site.origin}\` may not use this server`);
    expect(server.said).toContain("`server.allowed_origins`");
    const socket = await page.evaluate(
      (url) =>
        new Promise((ended) => {
          const opened = new WebSocket(url, "graphql-transport-ws");
          opened.onopen = () => ended("open");
          opened.onclose = () => ended("closed");
        }),
      `ws://${host}/graphql`,
    );
    expect(socket).toBe("closed");
    const { jobs } = await server.ask<{ jobs: { totalCount: number } }>("{ jobs { totalCount } }");
    expect(jobs.totalCount).toBe(0);
  });
});
