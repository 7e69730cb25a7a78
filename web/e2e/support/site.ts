// A plain static server on another port than Longhaul's, as somebody else's front end has.

import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { resolve } from "node:path";

const web = resolve(import.meta.dirname, "../..");

export class Site {
  /** Where a browser finds it. */
  origin = "";
  /** The page at its root. */
  html = "";
  private readonly server = createServer((request, response) => void this.answer(request, response));

  static async open(): Promise<Site> {
    const site = new Site();
    await once(site.server.listen(0, "127.0.0.1"), "listening");
    site.origin = `http://localhost:${(site.server.address() as AddressInfo).port}`;
    return site;
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    if (pathname === "/") {
      response.setHeader("content-type", "text/html; charset=utf-8").end(this.html);
    } else if (/^\/node_modules\/graphql-ws\/dist\/[\w-]+\.js$/.test(pathname)) {
      response.setHeader("content-type", "text/javascript").end(await readFile(resolve(web, `.${pathname}`)));
    } else {
      // A browser asks for an icon of its own accord.
      response.writeHead(204).end();
    }
  }
}
