// The same start as a command that can be pasted into a shell, and as an operation for GraphiQL.

import type { StartJobInput } from "../../graphql/generated";

const QUERY = "mutation($input: StartJobInput!) { startJob(input: $input) { created job { id state } } }";

/**
 * One command, safe to paste: the shell sees the body as one word, whatever is in it. A token is named, never told: it
 * stands in the environment of whoever pastes this, as for the `longhaul` command.
 */
export function curlOf(endpoint: string, input: StartJobInput, withToken = false): string {
  const body = JSON.stringify({ query: QUERY, variables: { input } });
  const token = withToken ? ` -H "Authorization: Bearer $LONGHAUL_TOKEN"` : "";
  return `curl -s ${quoted(endpoint)}${token} -H 'Content-Type: application/json' -d ${quoted(body)}`;
}

/** By the `longhaul` command, which finds its token in LONGHAUL_TOKEN by itself. */
export function commandOf(origin: string, input: StartJobInput): string {
  const args = quoted(JSON.stringify(input.args ?? {}));
  const key = input.idempotencyKey == null ? "" : ` --key ${quoted(input.idempotencyKey)}`;
  return `longhaul start --server ${quoted(origin)}${key} --input ${args} -- ${quoted(input.kind)}`;
}

/** The operation and its variables. */
export function operationOf(input: StartJobInput): string {
  return `${QUERY}\n\n# Variables\n${JSON.stringify({ input }, null, 2)}`;
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
