// The command does what the button does, in a real shell.

import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { commandOf, curlOf, operationOf } from "./curl";

test("whatever the arguments hold, the shell passes them on as they are", () => {
  const args = { path: `it's "$HOME" \`id\` \\ ; rm -rf / #\nnext` };
  const command = curlOf("http://127.0.0.1:8080/graphql", { kind: "demo", args, idempotencyKey: "k" });
  const script = `curl() { printf '%s\\0' "$@"; }; ${command}`;
  const words = execFileSync("sh", ["-c", script], { encoding: "utf8" }).split("\0");
  expect(words[1]).toBe("http://127.0.0.1:8080/graphql");
  const body = JSON.parse(words[5] ?? "");
  expect(body.variables).toEqual({ input: { kind: "demo", args, idempotencyKey: "k" } });
});

test("a token is taken from the environment of whoever pastes it", () => {
  const command = curlOf("http://127.0.0.1:8080/graphql", { kind: "demo" }, true);
  const script = `curl() { printf '%s\\0' "$@"; }; ${command}`;
  const env = { ...process.env, LONGHAUL_TOKEN: "lh_abc" };
  const words = execFileSync("sh", ["-c", script], { encoding: "utf8", env }).split("\0");
  expect(words.slice(2, 4)).toEqual(["-H", "Authorization: Bearer lh_abc"]);
});

test("the command says the same, as one word each", () => {
  const args = { path: `it's "$HOME"` };
  const command = commandOf("http://127.0.0.1:8080", { kind: "demo", args, idempotencyKey: "k" });
  const script = `longhaul() { printf '%s\\0' "$@"; }; ${command}`;
  const words = execFileSync("sh", ["-c", script], { encoding: "utf8" }).split("\0");
  expect(words.slice(0, -1)).toEqual([
    "start",
    "--server",
    "http://127.0.0.1:8080",
    "--key",
    "k",
    "--input",
    JSON.stringify(args),
    "--",
    "demo",
  ]);
});

test("the operation has its variables beside it", () => {
  const [operation, variables] = operationOf({ kind: "demo", args: {} }).split("\n\n# Variables\n");
  expect(operation).toContain("startJob(input: $input)");
  expect(JSON.parse(variables ?? "")).toEqual({ input: { kind: "demo", args: {} } });
});
