// No request that a browser can be tricked into sending from another page reaches a resolver (P15): a real browser tries every way there is,
// from every kind of place, and what the server answered is judged, not only what the page could read.

import type { Frame, Page } from "@playwright/test";
import { Attacker, secure, served } from "./support/attacker";
import type { Server } from "./support/server";
import { test as base, expect } from "./support/test";
import { type Ask, markup, preflighted, scripts, sockets } from "./support/ways";
import { type Seen, Witness } from "./support/witness";

const secret = "what-no-page-may-read";

const config = (origins: string[]) => `
[server]
allowed_hosts = ["jobs.lan"]
allowed_origins = ${JSON.stringify(origins)}
[kinds.mark]
command = ["echo", "{text}"]
`;

const test = base.extend<{ attacker: Attacker; witness: Witness; allowed: boolean }>({
  allowed: [false, { option: true }],
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads what a fixture needs off this pattern.
  attacker: async ({}, use) => {
    const attacker = await Attacker.open();
    await use(attacker);
    attacker.close();
  },
  config: async ({ attacker, allowed }, use) => {
    await use(config(allowed ? [`http://localhost:${attacker.port}`] : []));
  },
  witness: async ({ server }, use) => {
    const witness = await Witness.before(server.url);
    await use(witness);
    witness.close();
  },
});

/** Where a page stands that attacks, and by which name it finds the server. */
interface Place {
  page: string;
  server: string;
  /** What the page shows in a frame and attacks from there. */
  frame?: string;
  /** The browser takes both for secure. */
  isSecure?: boolean;
}

const sandbox = "allow-scripts allow-forms allow-popups";
const places: Record<string, Place> = {
  "another site": { page: "evil.example", server: "localhost" },
  "another site that counts as secure": { page: "evil.localhost", server: "localhost", isSecure: true },
  "another address": { page: "localhost", server: "127.0.0.1", isSecure: true },
  "another port of the same site": { page: "localhost", server: "localhost", isSecure: true },
  "a sandboxed frame": {
    page: "localhost",
    server: "localhost",
    frame: `<iframe sandbox="${sandbox}" src="/">`,
  },
  "a data: frame": { page: "localhost", server: "localhost", frame: '<iframe src="data:text/html,<body>">' },
  "a blob: frame": { page: "localhost", server: "localhost", frame: "<iframe data-blob>" },
  "another site, the server by a name": { page: "evil.example", server: "jobs.lan" },
};

/** The page at its place, ready to attack. */
async function stand(page: Page, { page: host, frame }: Place, attacker: Attacker): Promise<Frame> {
  await page.goto(`http://${host}:${attacker.port}/`);
  if (frame === undefined) {
    return page.mainFrame();
  }
  await page.evaluate((html) => {
    document.body.innerHTML = html;
    const blob = URL.createObjectURL(new Blob(["<body>"], { type: "text/html" }));
    document.querySelector("[data-blob]")?.setAttribute("src", blob);
    return new Promise((loaded) => {
      (document.body.firstElementChild as HTMLElement).onload = loaded;
    });
  }, frame);
  const child = page.frames()[1];
  if (child === undefined) {
    throw new Error("the frame is not there");
  }
  return child;
}

/** Adds this to a page, sends its forms and follows its links. */
function insert(html: string): void {
  const box = document.createElement("div");
  box.append(document.createRange().createContextualFragment(html));
  document.body.append(box);
  for (const form of box.querySelectorAll("form")) {
    form.submit();
  }
  for (const link of box.querySelectorAll("a")) {
    link.click();
  }
}

function ask(way: string, authority: string): Ask {
  const query = `mutation { startJob(input: {kind: "mark", args: {text: "${way}"}}) { job { id } } }`;
  const read = "{ jobs { nodes { args } } }";
  const url = `http://${authority}/graphql?way=${encodeURIComponent(way)}`;
  return {
    url,
    socket: url.replace("http", "ws"),
    query,
    body: JSON.stringify({ query }),
    read,
    get: `${url}&query=${encodeURIComponent(read).replaceAll("(", "%28").replaceAll(")", "%29")}`,
  };
}

type Script = (ask: Ask) => unknown;

/** What a frame does, a way each. */
function ways(place: Place): Record<string, (frame: Frame, ask: Ask) => Promise<unknown>> {
  const evaluated = (all: Record<string, Script>) =>
    Object.entries(all).map(([way, script]) => [
      way,
      (frame: Frame, ask: Ask) => frame.evaluate(script, ask),
    ]);
  return Object.fromEntries([
    // Before anything that opens a tab: a page that nobody sees may fetch nothing in advance.
    ...evaluated(place.isSecure ? secure : {}),
    ...Object.entries(markup).map(([way, html]) => [
      way,
      (frame: Frame, ask: Ask) => frame.evaluate(insert, html(ask)),
    ]),
    ...evaluated({ ...scripts, ...preflighted, ...sockets, ...(place.frame ? {} : served) }),
  ]);
}

/** Goes all ways from a frame to the server at `authority`; what the page could read of each. */
async function attack(
  frame: Frame,
  authority: string,
  witness: Witness,
  place: Place,
  isLast?: (seen: Seen) => boolean,
): Promise<Record<string, unknown>> {
  const read: Record<string, unknown> = {};
  for (const [way, go] of Object.entries(ways(place))) {
    const act = async () => {
      read[way] = await go(frame, ask(way, authority)).catch(() => undefined);
      await witness.saw(way, isLast);
    };
    // So that the way which nothing came of is named.
    await test.step(way, act, { timeout: 60_000 });
  }
  return read;
}

/** What must have been answered: where the browser says whose page asks, 403; else whatever comes before a resolver. */
function expected({ headers }: Seen): number[] {
  return headers.origin !== undefined || headers["sec-fetch-site"] !== undefined ? [403] : [400, 406];
}

/** What was expected and seen of which ways. */
function table(requests: Seen[], expected: (seen: Seen) => number[]): string {
  const rows = new Map<string, string[]>();
  for (const seen of requests) {
    const row = `  ${expected(seen).join(" or ").padEnd(10)} ${`${seen.status} ${seen.method}`.padEnd(11)}`;
    rows.set(row, [...(rows.get(row) ?? []), seen.way]);
  }
  const lines = [...rows].map(([row, ways]) => `${row} ${ways.join(", ")}`);
  return ["  expected   seen        ways", ...lines, ""].join("\n");
}

const jobs = "{ jobs { nodes { args } } }";

/** The texts of all jobs, the latest first. */
async function texts(server: Server): Promise<string[]> {
  const { jobs: found } = await server.ask<{ jobs: { nodes: { args: { text: string } }[] } }>(jobs);
  return found.nodes.map(({ args }) => args.text);
}

/** That no request got past the doors, and nobody read or did anything. */
async function nothingReached(
  { server, witness }: { server: Server; witness: Witness },
  read: Record<string, unknown>,
  expected: (seen: Seen) => number[],
): Promise<void> {
  const reached = witness.seen.filter(
    (seen) => !expected(seen).includes(seen.status) || /"data"/.test(seen.answer),
  );
  expect(reached).toEqual([]);
  expect(JSON.stringify([read, witness.seen])).not.toContain(secret);
  expect(await texts(server)).toEqual([secret]);
}

for (const [where, place] of Object.entries(places)) {
  test(`no way from ${where} reaches a resolver`, async ({ page, server, attacker, witness, faults }) => {
    faults.expect(/./);
    await server.startJob("mark", { text: secret });
    const frame = await stand(page, place, attacker);
    const read = await attack(frame, `${place.server}:${witness.port}`, witness, place);
    process.stdout.write(`from ${where}:\n${table(witness.seen, expected)}`);
    await nothingReached({ server, witness }, read, expected);
  });
}

/** Pages whose own name has come to mean the server, so that the browser takes each for its page. */
const rebound: Record<string, { name: string; isKept?: boolean; expected: (seen: Seen) => number[] }> = {
  "a page whose name was rebound": { name: "rebind.example", expected: () => [403] },
  "a page of a name that is the loopback's": { name: "evil.localhost", expected: () => [403] },
  // Where everybody needs a token, any name will do: such a page has none.
  "a page whose name was rebound, without a token": {
    name: "rebind.example",
    isKept: true,
    expected: ({ headers }) => (headers.upgrade === undefined ? [400, 401, 405] : [101]),
  },
};

for (const [where, { name, isKept, expected }] of Object.entries(rebound)) {
  test(`no way from ${where} reaches a resolver`, async ({ page, server, witness, faults }) => {
    faults.expect(/./);
    await server.startJob("mark", { text: secret });
    if (isKept) {
      await server.askForTokens();
    }
    const authority = `${name}:${witness.port}`;
    witness.pages.set(authority, "<!doctype html><title>Hostile</title><body>");
    await page.goto(`http://${authority}/`);
    // From now on it is the server whom the browser finds there.
    witness.pages.clear();
    const place = { page: name, server: name, frame: "its own" };
    const read = await attack(page.mainFrame(), authority, witness, place);
    process.stdout.write(`from ${where}:\n${table(witness.seen, expected)}`);
    await nothingReached({ server, witness }, read, expected);
  });
}

test.describe("an allowed page", () => {
  test.use({ allowed: true });

  /** What takes a preflight, or is a WebSocket, is meant; an order in any other clothes is none. */
  function expectedOfAllowed({ headers, method }: Seen): number[] {
    if (headers.origin === undefined || headers.origin === "null") {
      return [403];
    }
    if (method === "OPTIONS") {
      return [204];
    }
    if (method === "GET") {
      return headers.upgrade === undefined ? [200] : [101];
    }
    return headers["content-type"] === "application/json" ? [200] : [415];
  }

  test("reaches the resolvers only as a client does", async ({ page, server, attacker, witness, faults }) => {
    faults.expect(/./);
    await server.startJob("mark", { text: secret });
    const place = { page: "localhost", server: "localhost" };
    const frame = await stand(page, place, attacker);
    // The method is not among ours; a beacon comes with credentials, which we never ask for.
    const refused = ["fetch put", "beacon blob json"];
    const isLast = ({ method, way }: Seen) => method !== "OPTIONS" || refused.includes(way);
    const read = await attack(frame, `localhost:${witness.port}`, witness, place, isLast);
    process.stdout.write(`from an allowed page:\n${table(witness.seen, expectedOfAllowed)}`);
    const other = witness.seen.filter((seen) => !expectedOfAllowed(seen).includes(seen.status));
    expect(other).toEqual([]);
    for (const way of ["fetch get", "fetch get, marked", "xhr get", "fetch get events"]) {
      expect(read[way]).toContain(secret);
    }
    const orders = ["fetch json", "fetch json keepalive", "xhr json", "WebSocket"];
    expect((await texts(server)).sort()).toEqual([...orders, secret].sort());
  });
});

test("no page of elsewhere can show ours in a frame, or run a log", async ({
  page,
  server,
  attacker,
  witness,
  faults,
}) => {
  faults.expect(/./);
  const job = await server.startJob("mark", { text: "window.stolen = true" });
  await server.ended(job);
  for (const host of ["localhost", "jobs.lan"]) {
    const origin = `http://${host}:${witness.port}`;
    for (const path of ["/", "/start?kind=mark", `/jobs/${job}`, "/graphiql"]) {
      await page.goto(`http://evil.example:${attacker.port}/`);
      await page.evaluate(
        (url) =>
          new Promise((loaded) => {
            const frame = document.createElement("iframe");
            frame.src = url;
            frame.onload = loaded;
            document.body.append(frame);
          }),
        origin + path,
      );
      const frame = page.frames()[1];
      const shows = await frame?.evaluate(() => document.querySelector("script[src], #root") !== null);
      expect(shows, origin + path).toBe(false);
    }
    const stolen = await page.evaluate(
      (url) =>
        new Promise((ran) => {
          const script = document.createElement("script");
          script.src = url;
          script.onload = script.onerror = () => ran("stolen" in window);
          document.body.append(script);
        }),
      `${origin}/jobs/${job}/log`,
    );
    expect(stolen, host).toBe(false);
  }
});
