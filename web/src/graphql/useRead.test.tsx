// @vitest-environment happy-dom
// What a page shows is whole and the newest, by a real server's answers and pushes: where something is missing it is asked for again.

import { configure, renderHook, waitFor } from "@testing-library/react";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import type { JobRowFragment, JobWholeFragment } from "./generated";
import { serve, type TestServer } from "./testing";

// Deadlines that no passing test comes near.
configure({ asyncUtilTimeout: 10_000 });
vi.setConfig({ testTimeout: 20_000 });

/** The job as the server would tell it now. */
let job: JobWholeFragment & { __typename: "Job" };
/** What is pushed to whoever follows, once. */
let push: (row: object) => void;
let pushed: Promise<object>;
let asked = 0;
let server: TestServer;
let modules: typeof import("./client") & typeof import("./useRead") & typeof import("./generated");

function at(seq: number): typeof job {
  return {
    __typename: "Job",
    id: "j",
    seq,
    state: seq > 1 ? "SUCCEEDED" : "RUNNING",
    terminal: seq > 1,
    reason: null,
    reasonText: null,
    estimate: null,
    startedAt: null,
    cancelRequestedAt: null,
    cancelNote: null,
    endedAt: null,
    exitCode: seq > 1 ? 0 : null,
    signal: null,
    attempt: 1,
    worker: null,
    result: null,
    wait: null,
    progress: null,
    kind: named("JobKind", { title: null, description: null, declared: true }),
    queue: named("Queue", {}),
    args: {},
    createdAt: "2026-11-25T12:00:00.000Z",
    notBefore: null,
    maxAttempts: 1,
    timeoutMs: null,
    idempotencyKey: null,
    startedBy: null,
    labels: [],
    retryOf: null,
  };
}

function named<Rest extends object>(type: string, rest: Rest) {
  return { __typename: type, id: type, name: type, ...rest };
}

/** As much of it as a list says. */
function rowOf({ args, terminal, reason, result, wait, ...row }: typeof job): JobRowFragment {
  return row;
}

async function* follow() {
  yield { data: { jobStatus: { __typename: "JobStatus", terminal: false, job: await pushed } } };
  await new Promise(() => {});
}

beforeAll(async () => {
  server = await serve({
    answer: (_, response) => {
      asked += 1;
      response.setHeader("content-type", "application/graphql-response+json");
      response.end(JSON.stringify({ data: { job } }));
    },
    subscribe: follow,
  });
  modules = {
    ...(await import("./client")),
    ...(await import("./useRead")),
    ...(await import("./generated")),
  };
  modules.connection.start();
});

afterAll(async () => {
  modules.connection.end();
  await server.close();
});

beforeEach(() => {
  asked = 0;
  job = at(1);
  pushed = new Promise((resolve) => {
    push = resolve;
  });
});

let end = () => {};
afterEach(() => end());

function open() {
  const { useRead, JobPageDocument } = modules;
  const page = renderHook(() => useRead(JobPageDocument, { id: "j" }));
  end = page.unmount;
  return page.result;
}

test("news that say less than a page shows have it ask for the rest", async () => {
  const page = open();
  await waitFor(() => expect(page.current.data?.job?.state).toBe("RUNNING"));
  job = at(2);
  const unlisten = modules.listen(
    modules.RowProgressDocument,
    { id: "j" },
    { next: () => {}, failed: () => {} },
  );
  push(rowOf(job));
  await waitFor(() => expect(page.current.data?.job).toMatchObject({ seq: 2, exitCode: 0, terminal: true }));
  expect(asked).toBe(2);
  unlisten();
});

test("a page asks again when the connection came back", async () => {
  job = at(5);
  const page = open();
  await waitFor(() => expect(page.current.data?.job?.seq).toBe(5));
  job = at(7);
  for (const socket of server.sockets) {
    socket.terminate();
  }
  await waitFor(() => expect(page.current.data?.job?.seq).toBe(7));
  expect(asked).toBe(2);
});

test("what another id says is never shown", async () => {
  const { useRead, JobPageDocument } = modules;
  const page = renderHook(({ id }) => useRead(JobPageDocument, { id }), { initialProps: { id: "j" } });
  end = page.unmount;
  await waitFor(() => expect(page.result.current.data?.job?.id).toBe("j"));
  // It may be what was known before: what is asked for it is heard first, or it may never be.
  await waitFor(() => expect(asked).toBe(1));
  page.rerender({ id: "k" });
  expect(page.result.current.data).toBeNull();
  await waitFor(() => expect(asked).toBe(2));
});

test("what is not wanted yet is not asked", async () => {
  const { useRead, readUncached, JobPageDocument } = modules;
  job = { ...at(1), id: "later" };
  const page = renderHook(({ isWanted }) => useRead(JobPageDocument, { id: "later" }, isWanted), {
    initialProps: { isWanted: false },
  });
  end = page.unmount;
  // Whatever the page had asked would be asked before this.
  await readUncached(JobPageDocument, { id: "later" });
  expect(asked).toBe(1);
  page.rerender({ isWanted: true });
  await waitFor(() => expect(page.result.current.data?.job?.id).toBe("later"));
  expect(asked).toBe(2);
});
