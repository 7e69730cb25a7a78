// Clients that others wrote, against the real binary: the audit of the GraphQL-over-HTTP draft, and graphql-sse.

import { auditServer } from "graphql-http";
import { createClient } from "graphql-sse";
import { Gate } from "./support/kinds";
import type { Server } from "./support/server";
import { expect, test } from "./support/test";

test("passes every audit of the GraphQL-over-HTTP draft", async ({ server }) => {
  const results = await auditServer({
    url: `${server.url}/graphql`,
    // A GET that no browser vouches for must show that no page sent it unasked. The draft allows for that, the audit does not know of it.
    fetchFn: (url: string, init: RequestInit = {}) => {
      const headers = new Headers(init.headers);
      if ((init.method ?? "GET") === "GET") {
        headers.set("GraphQL-Require-Preflight", "1");
      }
      return fetch(url, { ...init, headers });
    },
  });
  const failed = results
    .filter(({ status }) => status !== "ok")
    .map(({ id, name, status }) => `${status}: ${id} ${name}`);
  expect(failed).toEqual([]);
  // An audit that asks for less is none.
  expect(results.length).toBeGreaterThanOrEqual(61);
});

interface Status {
  jobStatus: { change: string; state: string; terminal: boolean };
}

/** A client that waits a moment, not seconds, before it tries again. */
function client(server: Server) {
  return createClient({
    url: `${server.url}/graphql`,
    retryAttempts: 100,
    retry: () => new Promise((again) => setTimeout(again, 50)),
  });
}

const status = "subscription($id: ID!) { jobStatus(id: $id) { change state terminal } }";
const start = "mutation($input: StartJobInput!) { startJob(input: $input) { job { id } } }";

/** What a query or a mutation gets over the stream. */
async function once<Data>(server: Server, query: string, variables: Record<string, unknown>) {
  const results = client(server).iterate<Data>({ query, variables });
  for await (const result of results) {
    return result;
  }
  throw new Error("a stream without a result");
}

test("graphql-sse starts a job and follows it to its end, over a server that starts again", async ({
  server,
}) => {
  const gate = await Gate.make(server, "gate");
  const input = { kind: "gated", args: { pipe: gate.path } };
  const started = await once<{ startJob: { job: { id: string } } }>(server, start, { input });
  const id = started.data?.startJob.job.id;
  await gate.print("one\n");
  const seen: Status["jobStatus"][] = [];
  let isCut = false;
  for await (const { data, errors } of client(server).iterate<Status>({ query: status, variables: { id } })) {
    expect(errors).toBeUndefined();
    if (data) {
      seen.push(data.jobStatus);
    }
    if (!isCut && data?.jobStatus.state === "RUNNING") {
      isCut = true;
      await server.kill();
      await server.startAgain();
      // It was lost with the server, and runs again.
      await gate.reopen();
      await gate.close();
    }
  }
  expect(isCut).toBe(true);
  expect(seen.filter(({ change }) => change === "SNAPSHOT").length).toBeGreaterThanOrEqual(2);
  expect(seen.at(-1)).toMatchObject({ state: "SUCCEEDED", terminal: true });
});

test("graphql-sse hears what is wrong with arguments", async ({ server }) => {
  const { data, errors } = await once(server, start, { input: { kind: "gated", args: { pipe: 1 } } });
  expect(data ?? null).toBeNull();
  expect(errors?.[0]?.extensions).toMatchObject({
    code: "INVALID_ARGS",
    problems: [{ pointer: "/pipe", keyword: "type" }],
  });
});
