// What stands at the server's door, tried with the heads of requests that no browser sends: `Host`, `Origin`, `Sec-Fetch-*` in every combination, over
// a bare socket (P15). A mutation comes by POST, a query by GET and an upgrade to a WebSocket, so that each door is tried.

import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import type { Server } from "./support/server";
import { expect, test } from "./support/test";

test.use({
  config: `
[server]
allowed_hosts = ["jobs.lan", "box:9000"]
allowed_origins = ["http://localhost:5173"]
[kinds.mark]
command = ["true"]
`,
});

const body = JSON.stringify({ query: 'mutation { startJob(input: {kind: "mark"}) { job { id } } }' });
const query = encodeURIComponent("{ jobs { totalCount } }");

/** A request, but for what is tried: its first line without the version, and its other headers. */
const doors = {
  post: {
    line: "POST /graphql",
    rest: ["Content-Type: application/json", `Content-Length: ${body.length}`],
    body,
    opens: 200,
  },
  get: {
    line: `GET /graphql?query=${query}`,
    rest: ["GraphQL-Require-Preflight: 1"],
    body: "",
    opens: 200,
  },
  upgrade: {
    line: "GET /graphql",
    rest: [
      "Upgrade: websocket",
      "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
      "Sec-WebSocket-Protocol: graphql-transport-ws",
    ],
    body: "",
    opens: 101,
  },
};

/** The status that these bytes are answered with; 0 where the connection ends without one. */
async function status(port: number, head: string[], body = ""): Promise<number> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => socket.destroy());
  socket.write(`${head.join("\r\n")}\r\n\r\n${body}`);
  const first = await Promise.race([once(socket, "data"), once(socket, "close").then(() => [""])]);
  socket.destroy();
  return Number(/^HTTP\/1\.[01] (\d+)/.exec(String(first[0]))?.[1] ?? 0);
}

const own = (port: number) => `Host: localhost:${port}`;

/** Heads that let nobody in, by what is wrong with them. */
const closed: [string, (port: number) => string[]][] = [
  ["no Host", () => []],
  ["two Hosts", (port) => [own(port), own(port)]],
  ["an empty Host", () => ["Host: "]],
  ["a name of elsewhere", (port) => [`Host: evil.example:${port}`]],
  ["a name that begins as ours", (port) => [`Host: localhost.evil.example:${port}`]],
  ["a name that ends as ours", (port) => [`Host: evil.localhost:${port}`]],
  ["a name that looks like an address", (port) => [`Host: 127.0.0.1.evil.example:${port}`]],
  ["an address of elsewhere", () => ["Host: 10.0.0.7"]],
  ["an address in another notation", (port) => [`Host: 0x7f000001:${port}`]],
  ["an address as a number", (port) => [`Host: 2130706433:${port}`]],
  ["every address", (port) => [`Host: 0.0.0.0:${port}`]],
  ["a port of another's allowed name", () => ["Host: box:9001"]],
  ["a name with a user", (port) => [`Host: localhost:${port}@evil.example`]],
  ["a forwarded name", (port) => [`Host: evil.example:${port}`, `X-Forwarded-Host: localhost:${port}`]],
  ["an Origin of elsewhere", (port) => [own(port), "Origin: http://evil.example"]],
  ["no Origin at all, by name", (port) => [own(port), "Origin: null"]],
  ["an empty Origin", (port) => [own(port), "Origin: "]],
  ["an Origin on another port", (port) => [own(port), `Origin: http://localhost:${port + 1}`]],
  ["an Origin without a port", (port) => [own(port), "Origin: http://localhost"]],
  ["an Origin by another name of ours", (port) => [own(port), `Origin: http://127.0.0.1:${port}`]],
  ["an Origin that begins as ours", (port) => [own(port), `Origin: http://localhost:${port}.evil.example`]],
  ["an Origin with a user", (port) => [own(port), `Origin: http://localhost:${port}@evil.example`]],
  ["an Origin of another scheme", (port) => [own(port), `Origin: chrome-extension://localhost:${port}`]],
  ["an Origin that begins as an allowed one", (port) => [own(port), "Origin: http://localhost:51730"]],
  ["an allowed Origin by another scheme", (port) => [own(port), "Origin: https://localhost:5173"]],
  ["two Origins", (port) => [own(port), "Origin: http://localhost:5173", "Origin: http://evil.example"]],
  ["two Origins in one", (port) => [own(port), "Origin: http://localhost:5173, http://evil.example"]],
  ["an allowed Origin at a name of elsewhere", () => ["Host: evil.example", "Origin: http://localhost:5173"]],
  ["its own Origin at a name of elsewhere", () => ["Host: evil.example", "Origin: http://evil.example"]],
  ["another site", (port) => [own(port), "Sec-Fetch-Site: cross-site"]],
  ["the same site", (port) => [own(port), "Sec-Fetch-Site: same-site"]],
  ["a site of no known kind", (port) => [own(port), "Sec-Fetch-Site: sibling"]],
  ["a site in capitals", (port) => [own(port), "Sec-Fetch-Site: SAME-ORIGIN"]],
  ["an empty site", (port) => [own(port), "Sec-Fetch-Site: "]],
  ["two sites", (port) => [own(port), "Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: cross-site"]],
  [
    "a link from another site",
    (port) => [
      own(port),
      "Sec-Fetch-Site: cross-site",
      "Sec-Fetch-Mode: navigate",
      "Sec-Fetch-Dest: document",
      "Sec-Fetch-User: ?1",
    ],
  ],
  ["in advance", (port) => [own(port), "Sec-Fetch-Site: none", "Sec-Purpose: prefetch"]],
  [
    "in advance, to be shown",
    (port) => [own(port), "Sec-Fetch-Site: none", "Sec-Purpose: prefetch;prerender"],
  ],
  [
    "the same origin, of an Origin of elsewhere",
    (port) => [own(port), "Origin: http://evil.example", "Sec-Fetch-Site: same-origin"],
  ],
  [
    "nobody's, of an Origin of elsewhere",
    (port) => [own(port), "Origin: http://evil.example", "Sec-Fetch-Site: none"],
  ],
  [
    "its own Origin, from another site",
    (port) => [own(port), `Origin: http://localhost:${port}`, "Sec-Fetch-Site: cross-site"],
  ],
];

/** Heads that let everybody in. */
const open: [string, (port: number) => string[]][] = [
  ["a program", (port) => [own(port)]],
  ["a program, by address", (port) => [`Host: 127.0.0.1:${port}`]],
  ["a program, by another address of the loopback", (port) => [`Host: [::1]:${port}`]],
  ["a program, behind a forwarded port", () => ["Host: localhost:1"]],
  ["a program, by an allowed name", () => ["Host: jobs.lan"]],
  ["a program, by an allowed name with a port", () => ["Host: BOX:9000"]],
  ["its own page", (port) => [own(port), `Origin: http://localhost:${port}`, "Sec-Fetch-Site: same-origin"]],
  ["its own page, behind TLS", () => ["Host: jobs.lan", "Origin: https://jobs.lan"]],
  ["an allowed page", (port) => [own(port), "Origin: http://localhost:5173", "Sec-Fetch-Site: same-site"]],
  [
    "an allowed page of another site",
    (port) => [own(port), "Origin: http://localhost:5173", "Sec-Fetch-Site: cross-site"],
  ],
  ["whoever typed the address", (port) => [own(port), "Sec-Fetch-Site: none"]],
  ["its own page, in advance", (port) => [own(port), "Sec-Fetch-Site: same-origin", "Sec-Purpose: prefetch"]],
];

const port = (server: Server) => Number(new URL(server.url).port);

async function jobs(server: Server): Promise<number> {
  return (await server.ask<{ jobs: { totalCount: number } }>("{ jobs { totalCount } }")).jobs.totalCount;
}

/** What each door answers to a head. */
async function tried(server: Server, head: (port: number) => string[]): Promise<number[]> {
  const seen: number[] = [];
  for (const [door, { line, rest, body }] of Object.entries(doors)) {
    const connection = door === "upgrade" ? "Connection: Upgrade" : "Connection: close";
    const lines = [`${line} HTTP/1.1`, ...head(port(server)), connection, ...rest];
    seen.push(await status(port(server), lines, body));
  }
  return seen;
}

/** Tries all of these; those that were not answered so. */
async function others(server: Server, heads: typeof closed, expected: number[]): Promise<string[]> {
  const row = (what: string, cells: unknown[]) =>
    `  ${what.padEnd(46)} ${cells.map((cell) => String(cell).padEnd(8)).join("")}\n`;
  let table = row("head", [...Object.keys(doors), "expected"]);
  const wrong: string[] = [];
  for (const [what, head] of heads) {
    const seen = await tried(server, head);
    table += row(what, [...seen, expected.join(" ")]);
    if (seen.join() !== expected.join()) {
      wrong.push(`${what}: ${seen}`);
    }
  }
  process.stdout.write(table);
  return wrong;
}

test("no head that is not in order passes a door", async ({ server }) => {
  const refused = Object.keys(doors).map(() => 403);
  expect(await others(server, closed, refused)).toEqual([]);
  expect(await jobs(server)).toBe(0);
});

test("whoever is in order passes every door", async ({ server }) => {
  const opened = Object.values(doors).map(({ opens }) => opens);
  expect(await others(server, open, opened)).toEqual([]);
  expect(await jobs(server)).toBe(open.length);
});

test("a target with a host of its own, an old version or a new one open nothing", async ({ server }) => {
  const { rest } = doors.post;
  const at = port(server);
  const post = (target: string, version: string, head: string[]) =>
    status(at, [`POST ${target} HTTP/${version}`, ...head, "Connection: close", ...rest], body);
  expect(await post(`http://evil.example:${at}/graphql`, "1.1", [own(at)])).toBe(403);
  expect(await post("/graphql", "1.0", [])).toBe(403);
  expect(await post("/graphql", "1.0", ["Host: evil.example"])).toBe(403);
  const both = ["Transfer-Encoding: chunked"];
  expect(await post("/graphql", "1.1", ["Host: evil.example", ...both])).toBe(403);
  // HTTP/2 without TLS, which no browser speaks, names the host elsewhere.
  const session = connectHttp2(server.url);
  const answered = new Promise((seen) => {
    session.on("error", () => seen("no HTTP/2")).on("close", () => seen("no HTTP/2"));
    const stream = session.request({ ":path": "/graphql", ":method": "POST", ":authority": "evil.example" });
    stream.on("error", () => seen("no HTTP/2"));
    stream.on("response", (headers) => seen(headers[":status"]));
    stream.end(body);
  });
  expect([403, "no HTTP/2"]).toContain(await answered);
  session.destroy();
  expect(await jobs(server)).toBe(0);
});
