// The programs of docs/clients.md as they stand there: each follows a job over a server that is killed or stopped in the middle, to the end
// that the job really has (P7, P11), and hears what is wrong with its arguments.

import { existsSync } from "node:fs";
import { symlink, writeFile } from "node:fs/promises";
import { delimiter, join, resolve } from "node:path";
import type { TestInfo } from "@playwright/test";
import { Gate } from "./support/kinds";
import { Program } from "./support/program";
import { binary, type Server } from "./support/server";
import { Site } from "./support/site";
import { at, snippets } from "./support/snippets";
import { test as base, expect } from "./support/test";

/** In place of the built-in `demo`: each attempt does what comes through a pipe of its own. */
const demo = `
[kinds.demo]
command = ["sh", "-c", 'exec sh "$HOME/gate$LONGHAUL_ATTEMPT"', "demo", "{seconds}"]
[kinds.demo.args]
type = "object"
required = ["seconds"]
properties.seconds = { type = "integer", minimum = 0 }
[kinds.demo.progress]
pattern = '(?P<percent>\\d+)%'
`;

const test = base.extend<{ site: Site }>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads what a fixture needs off this pattern.
  site: async ({}, use) => {
    const site = await Site.open();
    await use(site);
    site.close();
  },
  config: async ({ site }, use) => {
    await use(`[server]\ndrain_timeout = "0s"\nallowed_origins = ["${site.origin}"]\n${demo}`);
  },
});

/** The program below a heading. */
async function program(heading: string): Promise<string> {
  const found = (await snippets("docs/clients.md")).filter((snippet) => snippet.heading === heading);
  expect(found).toHaveLength(1);
  return found[0]?.text ?? "";
}

/** Runs a program for this server. It is found as `longhaul`, and what Node's programs import where they lie. */
async function run(file: string, text: string, server: Server, info: TestInfo): Promise<Program> {
  const path = info.outputPath(file);
  await writeFile(path, at(server.url, text));
  await symlink(binary, join(server.folder, "longhaul"));
  const interpreters: Record<string, string> = {
    sh: "sh",
    mjs: process.execPath,
    py: resolve(import.meta.dirname, "../../target/python/bin/python"),
  };
  const interpreter = interpreters[file.split(".")[1] ?? ""] ?? file;
  if (interpreter.includes("/") && !existsSync(interpreter)) {
    throw new Error(`${interpreter} is not there: \`make test\` makes it`);
  }
  const env = {
    PATH: [server.folder, process.env.PATH].join(delimiter),
    HOME: server.folder,
    ...(server.token === null ? {} : { LONGHAUL_TOKEN: server.token }),
  };
  const started = new Program(interpreter, [path], { env, cwd: info.outputDir });
  server.atEnd(() => started.kill());
  return started;
}

interface Client {
  file: string;
  /** That it runs, where it says so. */
  running?: RegExp;
  /** That it was there before and after the cut, and heard of this end. */
  ended: (state: string) => RegExp;
  /** That the arguments do not fit, and why. */
  refused?: RegExp;
}

const twice = (state: string) => new RegExp(`SNAPSHOT[^]*RUNNING[^]*SNAPSHOT[^]*${state}`);
const node: Client = { file: "client.mjs", running: /RUNNING/, ended: twice };

/** By the heading that its program stands below. */
const clients: Record<string, Client> = {
  curl: { file: "client.sh", ended: (state) => new RegExp(`"state":"${state}","terminal":true`) },
  "curl -N": { file: "client.sh", running: /"RUNNING"/, ended: twice },
  "The command": {
    file: "client.sh",
    running: /running/i,
    ended: (state) => new RegExp(`connected again[^]*${state}`, "i"),
    // It speaks to a person, who needs no code.
    refused: /the arguments do not fit the kind `demo`: at `\/seconds`/,
  },
  "graphql-ws in Node": node,
  "graphql-sse": node,
  urql: node,
  "urql without a WebSocket": node,
  "Apollo Client": node,
  "gql in Python": { file: "client.py", running: /RUNNING/, ended: twice },
};

interface Cut {
  down: (server: Server) => Promise<void>;
  /** Everybody must show a token. */
  isKept: boolean;
  /** What the second attempt does, and how the job ends by that. */
  does: string;
  state: string;
  exitCode: number;
}

const cuts: Record<string, Cut> = {
  killed: {
    down: (server) => server.kill(),
    isKept: false,
    does: "exit 0\n",
    state: "SUCCEEDED",
    exitCode: 0,
  },
  stopped: { down: (server) => server.stop(), isKept: true, does: "exit 3\n", state: "FAILED", exitCode: 3 },
};

/** The only job. */
async function theJob(server: Server) {
  const { jobs } = await server.ask<{
    jobs: { nodes: { state: string; attempt: number; exitCode: number }[] };
  }>("{ jobs { nodes { state attempt exitCode } } }");
  expect(jobs.nodes).toHaveLength(1);
  return jobs.nodes[0];
}

async function count(server: Server): Promise<number> {
  return (await server.ask<{ jobs: { totalCount: number } }>("{ jobs { totalCount } }")).jobs.totalCount;
}

for (const [heading, client] of Object.entries(clients)) {
  for (const [how, { down, isKept, does, state, exitCode }] of Object.entries(cuts)) {
    test(`${heading}: follows a job to its end over a server that is ${how}${isKept ? ", with a token" : ""}`, async ({
      server,
    }, info) => {
      if (isKept) {
        await server.askForTokens();
      }
      const [first, second] = [await Gate.make(server, "gate1"), await Gate.make(server, "gate2")];
      const work = await run(client.file, await program(heading), server, info);
      await work.sees(first.print("echo 40%\n"));
      await work.says(client.running ?? /^/);
      await down(server);
      await server.startAgain();
      await work.sees(second.print(does));
      const code = await work.ended();
      expect(work.said).toMatch(client.ended(state));
      expect(await theJob(server)).toEqual({ state, attempt: 2, exitCode });
      // The command alone ends as its job does.
      expect(code).toBe(heading === "The command" ? exitCode : 0);
    });
  }

  test(`${heading}: ends where its token is none`, async ({ server }, info) => {
    await server.askForTokens();
    const good = server.token;
    server.token = "lh_none";
    const work = await run(client.file, await program(heading), server, info);
    expect(await work.ended()).not.toBe(0);
    expect(work.said).toMatch(/UNAUTHENTICATED|401|4403|the token is none/);
    server.token = good;
    expect(await count(server)).toBe(0);
  });

  test(`${heading}: hears what is wrong with its arguments`, async ({ server }, info) => {
    const text = await program(heading);
    const wrong = text.replace(/(seconds\W+)10\b/, "$1-1");
    expect(wrong).not.toBe(text);
    const work = await run(client.file, wrong, server, info);
    expect(await work.ended()).not.toBe(0);
    expect(work.said).toMatch(client.refused ?? /"code":\s*"INVALID_ARGS",\s*"problems":.*"\/seconds"/);
    expect(await count(server)).toBe(0);
  });
}

test.describe("graphql-ws in a browser", () => {
  const heading = "graphql-ws in a browser";

  for (const [how, { down, isKept, does, state, exitCode }] of Object.entries(cuts)) {
    test(`follows a job to its end over a server that is ${how}${isKept ? ", with a token" : ""}`, async ({
      page,
      server,
      site,
      faults,
    }) => {
      faults.expect(/WebSocket/, /ERR_CONNECTION/);
      if (isKept) {
        await server.askForTokens();
        await page.addInitScript(
          (token) => sessionStorage.setItem("longhaulToken", token ?? ""),
          server.token,
        );
      }
      const sockets: string[] = [];
      page.on("websocket", (socket) => sockets.push(socket.url()));
      const [first, second] = [await Gate.make(server, "gate1"), await Gate.make(server, "gate2")];
      site.html = at(server.url, await program(heading));
      await page.goto(site.origin);
      await first.print("echo 40%\n");
      await expect(page.getByRole("status")).toHaveText(/ RUNNING 40$/);
      const before = sockets.length;
      await down(server);
      await server.startAgain();
      await second.print(does);
      await expect(page.getByRole("status")).toContainText(state);
      expect(sockets.length).toBeGreaterThan(before);
      expect(await theJob(server)).toEqual({ state, attempt: 2, exitCode });
    });
  }

  test("hears what is wrong with its arguments", async ({ page, server, site }) => {
    const text = await program(heading);
    site.html = at(server.url, text.replace("seconds: 10", "seconds: -1"));
    await page.goto(site.origin);
    await expect(page.getByRole("status")).toHaveText(/"code":"INVALID_ARGS","problems":.*"\/seconds"/);
  });
});

test("every program of docs/clients.md is run", async () => {
  const headings = (await snippets("docs/clients.md")).map(({ heading }) => heading);
  expect(headings.sort()).toEqual([...Object.keys(clients), "graphql-ws in a browser"].sort());
});
