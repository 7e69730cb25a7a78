// What the page does as commands that can be pasted into a shell, and as operations for GraphiQL. Pure.

import type { JobFilter, StartJobInput } from "../../graphql/generated";

/** The same by the command line, by curl, and as an operation with its variables. */
export interface Way {
  name: "Command" | "curl" | "GraphQL";
  text: string;
}

/** Where it is asked. */
export interface Target {
  /** Of the pages: what the command line takes as its server. */
  origin: string;
  endpoint: string;
  /** A token is named, never told: it stands in the environment of whoever pastes this. */
  withToken: boolean;
}

const START = "mutation($input: StartJobInput!) { startJob(input: $input) { created job { id state } } }";
const LOOK =
  "query($id: ID!) { job(id: $id) { id state reasonText exitCode startedAt endedAt progress { percent message } wait { position reasonText } } }";
const LIST =
  "query($filter: JobFilter) { jobs(filter: $filter, first: 50) { totalCount nodes { id state kind { name } createdAt reasonText } } }";

/** Starts a job. */
export function startWays(target: Target, input: StartJobInput): Way[] {
  const args = quoted(JSON.stringify(input.args ?? {}));
  const key = input.idempotencyKey == null ? "" : ` --key ${quoted(input.idempotencyKey)}`;
  const labels = (input.labels ?? []).map((label) => ` --label ${quoted(`${label.key}=${label.value}`)}`);
  const command = `longhaul start --server ${quoted(target.origin)}${key}${labels.join("")} --input ${args} -- ${quoted(input.kind)}`;
  return ways(target, command, START, { input });
}

/** Looks at a job. */
export function lookWays(target: Target, id: string): Way[] {
  const server = `--server ${quoted(target.origin)}`;
  const command = `longhaul status ${server} ${quoted(id)}\nlonghaul logs ${server} -f ${quoted(id)}`;
  return ways(target, command, LOOK, { id });
}

/** Lists the jobs of a filter. */
export function listWays(target: Target, filter: JobFilter): Way[] {
  const words = [
    ...(filter.states ?? []).map((state) => ["state", state.toLowerCase()] as const),
    ...(filter.kinds ?? []).map((kind) => ["kind", kind] as const),
    ...(filter.queues ?? []).map((queue) => ["queue", queue] as const),
    ...(filter.labels ?? []).map(({ key, value }) => ["label", `${key}=${value}`] as const),
    ...(filter.createdAfter == null ? [] : [["since", filter.createdAfter] as const]),
    ...(filter.text == null ? [] : [["text", filter.text] as const]),
  ].map(([flag, value]) => ` --${flag}=${quoted(value)}`);
  const command = `longhaul list --server ${quoted(target.origin)}${words.join("")}`;
  return ways(target, command, LIST, { filter });
}

function ways({ endpoint, withToken }: Target, command: string, query: string, variables: object): Way[] {
  const token = withToken ? ` -H "Authorization: Bearer $LONGHAUL_TOKEN"` : "";
  // The shell sees the body as one word, whatever is in it.
  const body = quoted(JSON.stringify({ query, variables }));
  return [
    { name: "Command", text: command },
    {
      name: "curl",
      text: `curl -s ${quoted(endpoint)}${token} -H 'Content-Type: application/json' -d ${body}`,
    },
    { name: "GraphQL", text: `${query}\n\n# Variables\n${JSON.stringify(variables, null, 2)}` },
  ];
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
