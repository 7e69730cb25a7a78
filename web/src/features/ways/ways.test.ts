// The commands do what the page does, in a real shell.

import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { listWays, lookWays, startWays, type Target, type Way } from "./ways";

const target: Target = {
  origin: "http://127.0.0.1:8080",
  endpoint: "http://127.0.0.1:8080/graphql",
  withToken: false,
};

const of = (ways: Way[], name: Way["name"]) => ways.find((way) => way.name === name)?.text ?? "";

/** The words that the program would get, of each time that it is called. */
function words(program: string, script: string, env: Record<string, string> = {}): string[][] {
  const shown = `${program}() { printf '%s\\0' "$@"; printf '\\1'; }; ${script}`;
  const said = execFileSync("sh", ["-c", shown], { encoding: "utf8", env: { ...process.env, ...env } });
  return said
    .split("\u0001")
    .slice(0, -1)
    .map((call) => call.split("\0").slice(0, -1));
}

test("whatever the arguments hold, the shell passes them on as they are", () => {
  const args = { path: `it's "$HOME" \`id\` \\ ; rm -rf / #\nnext` };
  const input = { kind: "demo", args, idempotencyKey: "k" };
  const [call] = words("curl", of(startWays(target, input), "curl"));
  expect(call?.[1]).toBe("http://127.0.0.1:8080/graphql");
  expect(JSON.parse(call?.[5] ?? "").variables).toEqual({ input });
});

test("a token is taken from the environment of whoever pastes it", () => {
  const curl = of(startWays({ ...target, withToken: true }, { kind: "demo" }), "curl");
  const [call] = words("curl", curl, { LONGHAUL_TOKEN: "lh_abc" });
  expect(call?.slice(2, 4)).toEqual(["-H", "Authorization: Bearer lh_abc"]);
});

test("the command says the same, as one word each", () => {
  const args = { path: `it's "$HOME"` };
  const labels = [{ key: "team", value: "a b" }];
  const command = of(startWays(target, { kind: "demo", args, labels, idempotencyKey: "k" }), "Command");
  expect(words("longhaul", command)).toEqual([
    [
      "start",
      "--server",
      "http://127.0.0.1:8080",
      "--key",
      "k",
      "--label",
      "team=a b",
      "--input",
      JSON.stringify(args),
      "--",
      "demo",
    ],
  ]);
});

test("the operation has its variables beside it", () => {
  const ways = startWays(target, { kind: "demo", args: {} });
  const [operation, variables] = of(ways, "GraphQL").split("\n\n# Variables\n");
  expect(operation).toContain("startJob(input: $input)");
  expect(JSON.parse(variables ?? "")).toEqual({ input: { kind: "demo", args: {} } });
});

test("a job is looked at by its id", () => {
  const ways = lookWays(target, "01a2");
  expect(words("longhaul", of(ways, "Command"))).toEqual([
    ["status", "--server", "http://127.0.0.1:8080", "01a2"],
    ["logs", "--server", "http://127.0.0.1:8080", "-f", "01a2"],
  ]);
  expect(JSON.parse(words("curl", of(ways, "curl"))[0]?.[5] ?? "{}")).toMatchObject({
    variables: { id: "01a2" },
  });
});

test("a filter keeps every one of its conditions", () => {
  const filter = {
    states: ["QUEUED" as const, "FAILED" as const],
    kinds: ["demo"],
    queues: ["slow one"],
    labels: [{ key: "team", value: "it's" }],
    createdAfter: "2026-11-25T12:00:00.000Z",
    text: "-x",
  };
  const ways = listWays(target, filter);
  expect(words("longhaul", of(ways, "Command"))).toEqual([
    [
      "list",
      "--server",
      "http://127.0.0.1:8080",
      "--state=queued",
      "--state=failed",
      "--kind=demo",
      "--queue=slow one",
      "--label=team=it's",
      "--since=2026-11-25T12:00:00.000Z",
      "--text=-x",
    ],
  ]);
  expect(of(ways, "GraphQL")).toContain('"slow one"');
  expect(of(listWays(target, {}), "Command")).toBe("longhaul list --server 'http://127.0.0.1:8080'");
});
