// Takes every page at the widths of a phone, a tablet and a desk, into docs/pictures: `npm run pictures`.

import { mkdir, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { Page } from "@playwright/test";
import { runTheList } from "../e2e/support/graphiql";
import { expect, test } from "../e2e/support/test";
import { type Cast, play, scene } from "./scene";

const FOLDER = resolve(import.meta.dirname, "../../docs/pictures");
const WIDTHS = [320, 768, 1440] as const;
/** What is longer than this is cut: a picture shows what a page is like. */
const MAX_HEIGHT = 1_400;

type Open = (page: Page, cast: Cast) => Promise<void>;

const pages: Record<string, Open> = {
  overview: async (page) => {
    await page.goto("/overview");
    await expect(page.getByRole("img", { name: /accepted in the last hour/ })).toBeVisible();
  },
  jobs: async (page) => {
    await page.goto("/");
    await expect(page.getByRole("progressbar").first()).toBeVisible();
  },
  job: async (page, { running }) => {
    await page.goto(`/jobs/${running}`);
    await expect(page.getByRole("region", { name: "Lines of the log" })).toContainText("frame 41");
    await expect(page.getByText(/First output after/)).toBeVisible();
  },
  "failed-job": async (page, { failed }) => {
    await page.goto(`/jobs/${failed}`);
    await page.getByRole("button", { name: "First error" }).click();
    await expect(page.locator(".is-linked")).toBeVisible();
  },
  "waiting-job": async (page, { waiting }) => {
    await page.goto(`/jobs/${waiting}`);
    await expect(page.getByText(/in the queue default/).first()).toBeVisible();
  },
  copy: async (page, { failed }) => {
    await page.goto(`/jobs/${failed}`);
    await page.getByRole("button", { name: "Copy as…" }).click();
    await expect(page.getByRole("dialog").getByRole("tab")).toHaveCount(3);
  },
  start: async (page) => {
    await page.goto("/start?kind=render");
    await page.getByRole("textbox", { name: "Clip" }).fill("spring-trailer");
    await expect(page.getByText(/It would be number/)).toBeVisible();
  },
  queues: async (page) => {
    await page.goto("/queues");
    await expect(page.getByRole("list", { name: "Next up in default" })).toBeVisible();
    await expect(page.getByRole("list", { name: "Next up in nightly" })).toBeVisible();
  },
  queue: async (page) => {
    await page.goto("/queues/default");
    await page
      .getByRole("button", { name: /^Cancel …/ })
      .last()
      .click();
    await page.mouse.move(0, 0);
    await expect(page.getByRole("button", { name: "Undo" })).toBeVisible();
  },
  kinds: async (page) => {
    await page.goto("/kinds");
    await expect(page.getByRole("region", { name: /Render a video/ })).toBeVisible();
  },
  workers: async (page) => {
    await page.goto("/workers");
    await expect(page.getByText("4 of 5")).toBeVisible();
  },
  palette: async (page) => {
    await page.goto("/");
    await expect(page.getByRole("progressbar").first()).toBeVisible();
    await page.keyboard.press("Control+k");
    // The page below has lists to choose from as well, until the palette is there.
    await expect(page.getByRole("dialog", { name: "Go to" }).getByRole("combobox")).toBeFocused();
    await page.keyboard.type("re");
    await expect(page.getByRole("option").first()).toBeVisible();
  },
  keys: async (page) => {
    await page.goto("/");
    await expect(page.getByRole("progressbar").first()).toBeVisible();
    await page.keyboard.press("?");
    await expect(page.getByRole("dialog")).toBeVisible();
  },
  graphiql: async (page) => {
    await page.goto("/graphiql");
    await expect(page.getByRole("region", { name: "Operation Editor" })).toContainText("TryStart");
    // Where there is room for what it answers.
    if ((page.viewportSize()?.width ?? 0) > 1_000) {
      await runTheList(page);
    }
  },
  "new-token": async (page) => {
    await page.goto("/tokens");
    await page.getByRole("button", { name: "Make a token" }).click();
    await expect(page.getByRole("dialog")).toBeVisible();
  },
};
/** In the dark as well. */
const DARK = ["overview", "job"];

test.use({ config: scene });

test("pictures of every page", async ({ page, server, faults }) => {
  test.setTimeout(600_000);
  // GraphiQL is left while it still asks.
  faults.expect(/graphiql|401|4403|WebSocket/, /ERR_CONNECTION/);
  await mkdir(FOLDER, { recursive: true });
  const cast = await play(server);
  for (const [name, open] of Object.entries(pages)) {
    for (const width of WIDTHS) {
      await take(page, `${name}-${width}`, width, "light", (page) => open(page, cast));
    }
    if (DARK.includes(name)) {
      await take(page, `${name}-dark-1440`, 1_440, "dark", (page) => open(page, cast));
    }
  }
  for (const width of WIDTHS) {
    await take(page, `unknown-job-${width}`, width, "light", async (page) => {
      await page.goto("/jobs/019ab3c0-5a50-7c3e-8f00-3b6f2c1d9e77");
      await expect(page.getByRole("heading", { level: 1 })).toHaveText("Not found");
    });
  }
  await page.goto("/overview");
  await expect(page.getByText("Live", { exact: true })).toBeVisible();
  await server.kill();
  await expect(page.getByText(/Connection lost/)).toBeVisible();
  for (const width of WIDTHS) {
    await take(page, `connection-lost-${width}`, width, "light", async () => {});
  }
});

test("pictures of a server that asks for a token, and of an empty one", async ({ page, server, faults }) => {
  faults.expect(/401|4403|WebSocket/);
  for (const width of WIDTHS) {
    await take(page, `empty-${width}`, width, "light", async (page) => {
      await page.goto("/");
      await expect(page.getByText("No jobs yet.")).toBeVisible();
    });
  }
  await server.askForTokens();
  await server.makeToken("dashboard", "read");
  for (const width of WIDTHS) {
    await take(page, `token-${width}`, width, "light", async (page) => {
      await page.goto("/tokens");
      await expect(page.getByLabel("Token", { exact: true })).toBeVisible();
    });
    await take(page, `tokens-${width}`, width, "light", async (page) => {
      await page.getByLabel("Token", { exact: true }).fill(server.token ?? "");
      await page.getByRole("button", { name: "Go on" }).click();
      await expect(page.getByRole("row")).toHaveCount(3);
    });
  }
});

async function take(
  page: Page,
  name: string,
  width: number,
  colorScheme: "light" | "dark",
  open: (page: Page) => Promise<void>,
): Promise<void> {
  await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
  await page.setViewportSize({ width, height: { 320: 640, 768: 1_024, 1440: 900 }[width] ?? 900 });
  await open(page);
  const height = await page.evaluate(() => document.documentElement.scrollHeight);
  const view = page.viewportSize()?.height ?? 0;
  // What is fixed to the screen stays where it is: the screen is as high as the picture.
  await page.setViewportSize({ width, height: Math.min(MAX_HEIGHT, Math.max(height, view)) });
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  const session = await page.context().newCDPSession(page);
  const { data } = await session.send("Page.captureScreenshot", { format: "webp", quality: 75 });
  await session.detach();
  await writeFile(resolve(FOLDER, `${name}.webp`), Buffer.from(data, "base64"));
}
