// The same start as a command that can be pasted into a shell.

import type { StartJobInput } from "../../graphql/generated";

const QUERY = "mutation($input: StartJobInput!) { startJob(input: $input) { created job { id state } } }";

/** One command, safe to paste: the shell sees the body as one word, whatever is in it. */
export function curlOf(endpoint: string, input: StartJobInput): string {
  const body = JSON.stringify({ query: QUERY, variables: { input } });
  return `curl -s ${quoted(endpoint)} -H 'Content-Type: application/json' -d ${quoted(body)}`;
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
