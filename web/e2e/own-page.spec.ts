// The page that README shows, as it stands there, on another port than the server: followed where it is allowed, refused where not.

import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { resolve } from "node:path";
import { Gate } from "./support/kinds";
import { test as base, expect } from "./support/test";

const web = resolve(import.meta.dirname, "..");

/** The only HTML of README, which names the server's default address. */
async function snippet(server: string): Promise<string> {
  const readme = await readFile(resolve(web, "../README.md"), "utf8");
  const found = [...readme.matchAll(/^```html\n(.*?)^```$/gms)].map(([, html]) => html);
  expect(found).toHaveLength(1);
  const html = found[0] ?? "";
  expect(html).toContain("http://127.0.0.1:8080/");
  return html.replace("http://127.0.0.1:8080/", `${server}/`);
}

/** A plain static server, as somebody else's front end has. */
async function answer(request: IncomingMessage, response: ServerResponse, html: string): Promise<void> {
  const { pathname } = new URL(request.url ?? "/", "http://localhost");
  if (pathname === "/") {
    response.setHeader("content-type", "text/html; charset=utf-8").end(html);
  } else if (/^\/node_modules\/graphql-ws\/dist\/[\w-]+\.js$/.test(pathname)) {
    response.setHeader("content-type", "text/javascript").end(await readFile(resolve(web, `.${pathname}`)));
  } else {
    // A browser asks for an icon of its own accord.
    response.writeHead(204).end();
  }
}

class Site {
  origin = "";
  html = "";
}

const test = base.extend<{ site: Site; isAllowed: boolean }>({
  isAllowed: [true, { option: true }],
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads what a fixture needs off this pattern.
  site: async ({}, use) => {
    const site = new Site();
    const server = createServer((request, response) => void answer(request, response, site.html));
    await once(server.listen(0, "127.0.0.1"), "listening");
    site.origin = `http://localhost:${(server.address() as AddressInfo).port}`;
    await use(site);
    server.closeAllConnections();
    server.close();
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
  site.html = await snippet(server.url);
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
    site.html = await snippet(server.url);
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
