// @vitest-environment happy-dom
// A page before a real server that asks for a token: it asks once, goes on by itself once it has one, and keeps it nowhere
// that it was not told to.

import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import type { Access } from "./access";
import type { Connection } from "./connection";
import { serve, type TestServer } from "./testing";

/** The tokens that the server takes at the moment. */
const good = new Set<string>();
/** What each try of a socket and each request showed. */
const tries: (string | null)[] = [];
let server: TestServer;
let access: Access;
let connection: Connection;
let modules: typeof import("./access") & typeof import("./connection") & typeof import("./follow");

/** Says once how many tries there were, and stays open. */
async function* tick() {
  yield { data: { tick: { number: tries.length } } };
  await new Promise(() => {});
}

vi.setConfig({ testTimeout: 20_000 });

beforeAll(async () => {
  const admits = (token: string | null) => {
    tries.push(token);
    return token !== null && good.has(token);
  };
  server = await serve({
    answer: (request, response) => {
      const isGood = admits(request.headers.authorization?.replace("Bearer ", "") ?? null);
      response.writeHead(isGood ? 200 : 401, { "content-type": "application/json" }).end("{}");
    },
    subscribe: tick,
    admits,
  });
  modules = {
    ...(await import("./access")),
    ...(await import("./connection")),
    ...(await import("./follow")),
  };
});

afterAll(() => server.close());

beforeEach(() => {
  good.clear();
  tries.length = 0;
  sessionStorage.clear();
  localStorage.clear();
});

afterEach(() => connection?.end());

function open(): void {
  access = new modules.Access(sessionStorage);
  connection = new modules.Connection(server.socketUrl, access);
  connection.start();
}

/** Waits until it holds; looks whenever anything changes. */
function until(holds: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      if (holds()) {
        resolve();
      }
    };
    access.subscribe(look);
    connection.subscribe(look);
    look();
  });
}

const isLive = () => connection.state().phase === "live";

/** As a server does when it revokes. */
function revoke(token: string): void {
  good.delete(token);
  for (const socket of server.sockets) {
    socket.close(4403, "Forbidden");
  }
}

test("a socket that is refused is not tried again before there is a token; then it is, with the token", async () => {
  open();
  await until(() => access.state().wanted === "first");
  await new Promise(setImmediate);
  expect(connection.state()).toMatchObject({ phase: "lost", nextTryAt: null });
  good.add("lh_a");
  access.take("lh_a", false);
  await until(isLive);
  expect(tries).toEqual([null, "lh_a"]);
  expect(connection.state().recoveries).toBe(1);
});

test("a subscription goes on when its token was revoked and there is another", async () => {
  good.add("lh_a");
  open();
  access.take("lh_a", false);
  const heard: unknown[] = [];
  let hear = () => {};
  const unfollow = modules.follow(connection, { query: "subscription { tick { number } }" }, (result) => {
    heard.push(result.data?.tick.number);
    hear();
  });
  await new Promise<void>((resolve) => {
    hear = resolve;
  });
  revoke("lh_a");
  await until(() => access.state().wanted === "ended");
  expect(access.state().token).toBeNull();
  good.add("lh_b");
  const again = new Promise<void>((resolve) => {
    hear = resolve;
  });
  access.take("lh_b", false);
  await again;
  expect(heard).toHaveLength(2);
  expect(tries.at(-1)).toBe("lh_b");
  unfollow();
});

test("a socket that was opened without a token is opened anew with one", async () => {
  open();
  good.add("lh_a");
  await until(() => access.state().wanted === "first");
  access.take("lh_a", false);
  await until(isLive);
  // A request was refused while the socket lived on: all that it may comes from its token.
  good.add("lh_b");
  access.refused("lh_a");
  access.take("lh_b", false);
  await until(() => isLive() && tries.at(-1) === "lh_b");
});

test("what is said late of an earlier token is void", async () => {
  open();
  access.take("lh_new", false);
  access.refused("lh_old");
  access.refused(null);
  expect(access.state()).toEqual({ token: "lh_new", wanted: false });
});

test("a token is kept in memory alone, unless the tab is to remember it; a refused one is kept nowhere", () => {
  open();
  access.take("lh_a", false);
  expect(sessionStorage.length).toBe(0);
  expect(new modules.Access(sessionStorage).state().token).toBeNull();
  access.take("lh_b", true);
  expect(new modules.Access(sessionStorage).state().token).toBe("lh_b");
  expect(localStorage.length).toBe(0);
  access.refused("lh_b");
  expect(sessionStorage.length).toBe(0);
});

test("a token is shown to the server before it is used, and what is wrong with one is told", async () => {
  good.add("lh_good");
  const { signIn, access } = modules;
  expect(await signIn("two words", false)).toMatch(/one word/);
  expect(tries).toEqual([]);
  expect(await signIn("lh_bad", false)).toMatch(/does not take this token/);
  expect(access.state().token).toBeNull();
  expect(await signIn("lh_good", true)).toBeNull();
  expect(access.state()).toEqual({ token: "lh_good", wanted: false });
  expect(sessionStorage.getItem("longhaul-token")).toBe("lh_good");
});

test("requests carry the token, and a refused one asks for another", async () => {
  const { fetchWithToken, access } = modules;
  access.take("lh_a", false);
  good.add("lh_a");
  expect((await fetchWithToken("/graphql")).status).toBe(200);
  good.clear();
  expect((await fetchWithToken("/graphql")).status).toBe(401);
  expect(tries).toEqual(["lh_a", "lh_a"]);
  expect(access.state()).toEqual({ token: null, wanted: "ended" });
});
