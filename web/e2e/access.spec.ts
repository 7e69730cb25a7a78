// Everybody can use every page: axe finds nothing, in light and in dark, wide and narrow.

import { AxeBuilder } from "@axe-core/playwright";
import type { Page } from "@playwright/test";
import { allLoaded, drawn } from "./support/busy";
import { runTheList } from "./support/graphiql";
import { Gate } from "./support/kinds";
import { neverOver } from "./support/notices";
import type { Server } from "./support/server";
import { expect, type Faults, test } from "./support/test";

/** Each state that a page can be in, and what tells that it is there. */
const pages: Record<string, (page: Page, server: Server, faults: Faults) => Promise<void>> = {
  "an empty list": async (page) => {
    await page.goto("/");
    await expect(page.getByText("No jobs yet.")).toBeVisible();
  },
  "a list": async (page, server) => {
    const gate = await Gate.make(server, "gate");
    await server.ended(await server.startJob("script", { script: "exit 3" }));
    await server.startJob("gated", { pipe: gate.path });
    await gate.print("30% on its way\n");
    await server.startJob("gated", { pipe: gate.path });
    await page.goto("/");
    await expect(page.getByRole("progressbar")).toBeVisible();
    await expect(page.getByRole("row")).toHaveCount(4);
  },
  "a running job": async (page, server) => {
    const gate = await Gate.make(server, "gate");
    const id = await server.startJob("gated", { pipe: gate.path });
    await gate.print("\u001b[31m30% on its way\u001b[0m \u001b[33myellow\u001b[0m \u001b[34mblue\u001b[0m\n");
    await page.goto(`/jobs/${id}`);
    await expect(page.getByRole("region", { name: "Lines of the log" })).toContainText("on its way");
    await expect(page.getByRole("progressbar")).toBeVisible();
  },
  "a failed job": async (page, server) => {
    const id = await server.startJob("script", { script: "echo out; echo err >&2; exit 3" });
    await server.ended(id);
    await page.goto(`/jobs/${id}`);
    await expect(page.getByRole("region", { name: "Lines of the log" })).toContainText("err");
  },
  "a searched log": async (page, server) => {
    const script = "echo one needle; echo another needle >&2; seq 40";
    const id = await server.startJob("script", { script });
    await server.ended(id);
    await page.goto(`/jobs/${id}#L1`);
    await page.getByRole("button", { name: "Wrap" }).click();
    await page.getByLabel("Times of the lines").selectOption("Since the start");
    await page.getByRole("searchbox", { name: "Search the log" }).fill("needle");
    await expect(page.locator("mark")).toHaveCount(2);
    await page.getByRole("button", { name: "Next match" }).click();
    await expect(page.locator(".log-line.is-current")).toBeVisible();
  },
  "a question": async (page, server) => {
    const gate = await Gate.make(server, "gate");
    const id = await server.startJob("gated", { pipe: gate.path });
    await page.goto(`/jobs/${id}`);
    await page.getByRole("button", { name: "Cancel" }).click();
    await expect(page.getByRole("alertdialog")).toBeVisible();
  },
  "the choice of a kind": async (page) => {
    await page.goto("/start");
    await expect(page.getByText("Gated work")).toBeVisible();
  },
  "a form": async (page) => {
    await page.goto("/start?kind=gated");
    await expect(page.getByRole("textbox", { name: "Pipe" })).toBeVisible();
  },
  "an unknown job": async (page) => {
    await page.goto("/jobs/019ab3c0-5a50-7c3e-8f00-3b6f2c1d9e77");
    await expect(page.getByRole("heading", { level: 1 })).toHaveText(/not found/i);
  },
  "a lost connection": async (page, server, faults) => {
    await page.goto("/");
    await expect(page.getByText("No jobs yet.")).toBeVisible();
    // What nobody asked for comes after that; a style that did not would be missed by who judges the page.
    await allLoaded(page);
    faults.expect(/ERR_CONNECTION|ECONNREFUSED|net::ERR/);
    await server.kill();
    await expect(page.getByText(/connection lost/i)).toBeVisible();
  },
  "a form with a fault": async (page) => {
    await page.goto("/start?kind=gated");
    await page.getByRole("button", { name: "Start Gated work" }).click();
    await expect(page.getByRole("textbox", { name: "Pipe" })).toHaveAttribute("aria-invalid", "true");
  },
  "a question for a token": async (page, server, faults) => {
    faults.expect(/401/, /WebSocket/);
    await server.askForTokens();
    await page.goto("/");
    await page.getByLabel("Token", { exact: true }).fill("lh_wrong");
    await page.getByRole("button", { name: "Go on" }).click();
    await expect(page.getByRole("alert")).toContainText("does not take this token");
  },
  "a token that may not do it": async (page, server, faults) => {
    faults.expect(/400/, /401/, /WebSocket/);
    const gate = await Gate.make(server, "gate");
    const id = await server.startJob("gated", { pipe: gate.path });
    await server.askForTokens();
    await page.goto(`/jobs/${id}`);
    await page.getByLabel("Token", { exact: true }).fill(await server.makeToken("reader", "read"));
    await page.getByRole("button", { name: "Go on" }).click();
    await expect(page.getByRole("list", { name: "Events" })).toBeVisible();
    await expect(page.getByText("This token may not cancel it")).toBeVisible();
    await expect(page.getByRole("button", { name: "Cancel" })).toHaveCount(0);
  },
  "the overview": async (page, server) => {
    const gate = await Gate.make(server, "gate");
    await server.ended(await server.startJob("script", { script: "echo err >&2; exit 3" }));
    await server.startJob("gated", { pipe: gate.path });
    await gate.print("30% on its way\n");
    await server.ask("mutation { pauseQueue { changed } }");
    await page.goto("/overview");
    await expect(page.getByRole("list", { name: "Slots of default" }).getByRole("link")).toBeVisible();
    await expect(page.getByRole("img", { name: /accepted in the last hour/ })).toBeVisible();
  },
  queues: async (page, server) => {
    const gate = await Gate.make(server, "gate");
    await server.startJob("gated", { pipe: gate.path });
    await gate.print("30% on its way\n");
    await server.startJob("gated", { pipe: gate.path });
    await server.ask('mutation { pauseQueue(note: "repairs") { changed } }');
    await page.goto("/queues");
    await expect(page.getByRole("list", { name: "Next up in default" })).toBeVisible();
    await expect(page.getByText(/repairs/)).toBeVisible();
  },
  "the slots of a queue": async (page) => {
    await page.goto("/queues/default");
    await page.getByRole("button", { name: "Set slots" }).click();
    await expect(page.getByRole("dialog")).toBeVisible();
  },
  kinds: async (page) => {
    await page.goto("/kinds");
    await page.getByText("Schema of its arguments").first().click();
    await expect(page.getByRole("region", { name: "Schema of the arguments of gated" })).toBeVisible();
  },
  workers: async (page, server) => {
    const gate = await Gate.make(server, "gate");
    await server.startJob("gated", { pipe: gate.path });
    await gate.print("begun\n");
    await page.goto("/workers");
    await expect(page.getByText("1 of 1")).toBeVisible();
  },
  tokens: async (page, server, faults) => {
    faults.expect(/401/, /WebSocket/);
    await server.askForTokens();
    await server.makeToken("reader", "read");
    await page.goto("/tokens");
    await page.getByLabel("Token", { exact: true }).fill(server.token ?? "");
    await page.getByRole("button", { name: "Go on" }).click();
    await expect(page.getByRole("row")).toHaveCount(3);
  },
  "a new token": async (page) => {
    await page.goto("/tokens");
    await page.getByRole("button", { name: "Make a token" }).click();
    await expect(page.getByRole("dialog")).toBeVisible();
  },
  "many at once": async (page, server) => {
    await server.ask(
      'mutation { startJob(input: {kind: "script", args: {script: "true"}, labels: [{key: "team", value: "red"}]}) { created } }',
    );
    await page.goto("/?label=team%3Dred");
    await page.getByRole("checkbox", { name: /^Select/ }).check();
    await page.getByRole("button", { name: "Cancel…" }).click();
    await expect(page.getByRole("alertdialog")).toBeVisible();
  },
  "the keys": async (page) => {
    await page.goto("/");
    await expect(page.getByText("No jobs yet.")).toBeVisible();
    await page.keyboard.press("?");
    await expect(page.getByRole("dialog", { name: "Keys" })).toBeVisible();
  },
  "the palette": async (page) => {
    await page.goto("/");
    await expect(page.getByText("No jobs yet.")).toBeVisible();
    await page.keyboard.press("Control+k");
    await expect(page.getByRole("dialog", { name: "Go to" }).getByRole("option").first()).toBeVisible();
    await page.keyboard.type("e");
    await expect(page.getByRole("option", { name: "Queues" })).toBeVisible();
  },
  "what can be undone": async (page, server) => {
    const gate = await Gate.make(server, "gate");
    await server.startJob("gated", { pipe: gate.path });
    await gate.print("begun\n");
    await server.startJob("script", { script: "true" });
    await neverOver(page);
    await page.goto("/queues/default");
    await page.getByRole("button", { name: "Cancel …" }).click();
    await expect(page.getByRole("button", { name: "Undo" })).toBeVisible();
  },
  "ways to copy": async (page, server) => {
    const id = await server.startJob("script", { script: "echo ERROR no; echo WARN slow >&2" });
    await server.ended(id);
    await page.goto(`/jobs/${id}`);
    await expect(page.locator(".is-error")).toBeVisible();
    await page.getByRole("button", { name: "Copy as…" }).click();
    await expect(page.getByRole("dialog").getByRole("tab")).toHaveCount(3);
  },
  "a choice of columns": async (page, server) => {
    await server.ended(await server.startJob("script", { script: "exit 3" }));
    await page.goto("/");
    await expect(page.getByRole("row")).toHaveCount(2);
    await page.getByText("Columns", { exact: true }).click();
    for (const name of ["Waited", "Exit", "Worker", "Started by"]) {
      await page.getByRole("checkbox", { name }).check();
    }
  },
  "an unknown address": async (page) => {
    await page.goto("/nothing");
    await expect(page.getByRole("heading", { level: 1 })).toHaveText("Not found");
  },
  GraphiQL: async (page) => {
    await page.goto("/graphiql");
    await expect(page.getByRole("region", { name: "Operation Editor" })).toContainText("TryStart");
    await runTheList(page);
  },
};

/** What axe finds in the page as it looks now, and how much wider than its window it is. */
async function judge(page: Page) {
  // A chart is drawn anew for another width.
  await drawn(page);
  const { violations } = await new AxeBuilder({ page }).analyze();
  const found = violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ target, failureSummary }) => ({ id, help, target: target.join(" "), failureSummary })),
  );
  const overflow = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  return { found, overflow };
}

const schemes = ["light", "dark"] as const;

for (const [what, open] of Object.entries(pages)) {
  const isGraphiQL = what === "GraphiQL";
  // GraphiQL takes its colours when it is loaded; ours change while they are looked at, as their width does.
  for (const loaded of isGraphiQL ? schemes : (["light"] as const)) {
    test(isGraphiQL ? `${what}, ${loaded}` : what, async ({ page, server, faults }) => {
      await page.emulateMedia({ colorScheme: loaded, reducedMotion: "reduce" });
      await page.setViewportSize({ width: 1280, height: 720 });
      await open(page, server, faults);
      for (const width of isGraphiQL ? [1280] : [1280, 320]) {
        await page.setViewportSize({ width, height: 720 });
        for (const colorScheme of isGraphiQL ? [loaded] : schemes) {
          await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
          expect(await judge(page), `${colorScheme}, ${width} px`).toEqual({ found: [], overflow: 0 });
        }
      }
    });
  }
}
