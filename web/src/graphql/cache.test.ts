// Whatever comes in whichever order: the greater seq is what is shown, everywhere, and nothing is kept for ever.

import type { TypedDocumentNode } from "@graphql-typed-document-node/core";
import { type AnyVariables, Client, createRequest, type Exchange, gql, type Operation } from "@urql/core";
import { Store } from "@urql/exchange-graphcache";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { filter, makeSubject, merge, pipe, share, tap } from "wonka";
import { caching } from "./cache";
import {
  CancelJobDocument,
  JobFeedDocument,
  JobPageDocument,
  type JobRowFragment,
  JobRowFragmentDoc,
  type JobState,
  JobStatusDocument,
  JobsPageDocument,
} from "./generated";
import { asking, Heard, MAX_HEARD } from "./heard";

/** What of a job a list shows, out of the cache: less than its page shows. */
const JobRowDocument: TypedDocumentNode<{ job: JobRowFragment | null }, { id: string }> = gql`
  query JobRow($id: ID!) {
    job(id: $id) {
      ...JobRow
    }
  }
  ${JobRowFragmentDoc}
`;

/** The other side of the network: what was asked, answered when the test says so. */
class Wire {
  readonly asked: Operation[] = [];
  readonly #results = makeSubject<ReturnType<typeof result>>();
  readonly exchange: Exchange = () => (operations) => {
    const asked = pipe(
      operations,
      tap((operation) => {
        if (operation.kind !== "teardown") {
          this.asked.push(operation);
        }
      }),
      filter(() => false),
      share,
    );
    return merge([this.#results.source, asked as never]);
  };

  say(operation: Operation | undefined, data: object): void {
    this.#results.next(result(operation ?? expect.unreachable(), data));
  }
}

function result(operation: Operation, data: object) {
  const hasNext = operation.kind === "subscription";
  // Each answer is an object of its own, as out of a socket.
  return { operation, data: JSON.parse(JSON.stringify(data)), stale: false, hasNext };
}

/** What the volatile fields say follows from the seq, so that a mixture shows. */
function row(id: string, seq: number, place = 0) {
  return {
    __typename: "Job",
    id,
    seq,
    state: `STATE_${seq}` as JobState,
    kind: { __typename: "JobKind", id: "kind:demo", name: "demo", title: null },
    queue: { __typename: "Queue", id: "queue:default", name: "default" },
    createdAt: "2026-11-25T12:00:00.000Z",
    startedAt: null,
    endedAt: null,
    reasonText: null,
    attempt: seq,
    maxAttempts: 1,
    exitCode: seq,
    signal: null,
    startedBy: null,
    worker: null,
    labels: [],
    progress: {
      __typename: "Progress",
      percent: place,
      current: null,
      total: null,
      message: null,
      updatedAt: "",
    },
  };
}

function live(id: string, seq: number, place = 0) {
  const wait = {
    __typename: "Wait",
    reason: "SLOTS_BUSY",
    reasonText: "",
    position: place,
    eligibleAt: null,
  };
  const { kind, queue, createdAt, maxAttempts, startedBy, labels, ...common } = row(id, seq, place);
  return {
    ...common,
    terminal: false,
    reason: null,
    cancelRequestedAt: null,
    cancelNote: null,
    result: null,
    wait,
    estimate: null,
  };
}

function whole(id: string, seq: number, place = 0) {
  const { kind, ...more } = row(id, seq);
  return {
    ...more,
    ...live(id, seq, place),
    kind: { ...kind, description: null, declared: true },
    args: {},
    notBefore: null,
    timeoutMs: null,
    idempotencyKey: null,
    startedBy: null,
    retryOf: null,
  };
}

const listOf = (...nodes: object[]) => {
  const pageInfo = { startCursor: "s", endCursor: "e", hasPreviousPage: false, hasNextPage: false };
  const jobs = { feedCursor: "f", pageInfo: { __typename: "PageInfo", ...pageInfo }, nodes };
  return { jobs: { __typename: "JobConnection", ...jobs } };
};
const status = (job: object) => ({
  jobStatus: { __typename: "JobStatus", change: "UPDATED", terminal: false, job },
});
const feed = (...jobs: { id: string }[]) => ({
  jobFeed: {
    __typename: "JobFeed",
    cursor: "c",
    reset: false,
    events: jobs.map((job) => ({
      __typename: "JobFeedEvent",
      jobId: job.id,
      change: "UPDATED",
      matches: true,
      job,
    })),
  },
});
const canceled = (job: object) => ({ cancelJob: { __typename: "JobPayload", changed: true, job } });

let wire: Wire;
let heard: Heard;
let client: Client;
const linking = vi.spyOn(Store.prototype, "link");
const ends: (() => void)[] = [];

function begin(): void {
  wire = new Wire();
  heard = new Heard();
  client = new Client({
    url: "http://test/graphql",
    exchanges: [...caching(heard), wire.exchange],
    preferGetMethod: false,
  });
}

function end(): void {
  for (const one of ends.splice(0)) {
    one();
  }
}

beforeEach(() => {
  // Elsewhere the library warns of what is left out of an answer; in tests it never drops anything.
  vi.stubEnv("NODE_ENV", "production");
  begin();
});
afterEach(() => {
  end();
  vi.unstubAllEnvs();
});

/** So many things the cache holds, as the store says that the library gives to whoever updates it. */
function stored(): number {
  const store = linking.mock.contexts.at(-1) as unknown as {
    data: { records: { base: Map<string, object> } };
  };
  return store.data.records.base.size;
}

/** Shows what the cache has, and goes on; the last of it is in `data`. */
function show<Data, Variables extends AnyVariables>(
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
) {
  const shown: { data: Data | null; seen: Data[] } = { data: null, seen: [] };
  ends.push(
    client.query(document, variables).subscribe(({ data }) => {
      shown.data = data ?? null;
      if (data) {
        shown.seen.push(data);
      }
    }).unsubscribe,
  );
  return shown;
}

/** Asks the job to stop. */
function cancel(id: string): Operation {
  const before = wire.asked.length;
  const action = client.mutation(
    CancelJobDocument,
    { id, mode: "GRACEFUL", note: null },
    { requestPolicy: "network-only" },
  );
  ends.push(action.subscribe(() => {}).unsubscribe);
  return wire.asked[before] as Operation;
}

/** Asks the server. */
function ask<Data, Variables extends AnyVariables>(
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
): Operation {
  const before = wire.asked.length;
  const query = client.createRequestOperation("query", createRequest(document, variables));
  ends.push(client.executeRequestOperation(asking(query)).subscribe(() => {}).unsubscribe);
  return wire.asked[before] as Operation;
}

function follow<Data, Variables extends AnyVariables>(
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
): Operation {
  const before = wire.asked.length;
  ends.push(client.subscription(document, variables).subscribe(() => {}).unsubscribe);
  return wire.asked[before] as Operation;
}

const PLACE = { filter: {}, first: 50, after: null, last: null, before: null };
/** Until the cache has told everybody. */
const told = () => new Promise((soon) => setImmediate(soon));
/** Until it has dropped what it can, too. */
const rest = () => new Promise((soon) => setTimeout(soon));

function permutations<T>(all: readonly T[]): T[][] {
  return all.length === 0
    ? [[]]
    : all.flatMap((one, at) => permutations(all.toSpliced(at, 1)).map((others) => [one, ...others]));
}

const WAYS = ["list", "page", "push", "action"] as const;

test.each(permutations(WAYS))(
  "the newest is shown, and none before it again: %s, %s, %s, %s",
  async (...order) => {
    for (const seqs of permutations([3, 4, 5, 6])) {
      begin();
      const shown = show(JobPageDocument, { id: "j" });
      const listed = show(JobRowDocument, { id: "j" });
      const list = ask(JobsPageDocument, PLACE);
      const page = ask(JobPageDocument, { id: "j" });
      const push = follow(JobStatusDocument, { id: "j" });
      const action = cancel("j");
      const say = {
        list: (seq: number) => wire.say(list, listOf(row("j", seq))),
        page: (seq: number) => wire.say(page, { job: whole("j", seq) }),
        push: (seq: number) => wire.say(push, status(live("j", seq))),
        action: (seq: number) => wire.say(action, canceled(live("j", seq))),
      };
      let newest = 0;
      for (const way of order) {
        const seq = seqs[WAYS.indexOf(way)] ?? 0;
        say[way](seq);
        newest = Math.max(newest, seq);
        await told();
        // One state, never a mixture of two.
        for (const { data } of [shown, listed]) {
          if (data !== null) {
            expect(data.job).toMatchObject({ seq: newest, state: `STATE_${newest}`, attempt: newest });
          }
        }
        if (shown.data !== null) {
          expect(shown.data.job).toMatchObject({ exitCode: newest, wait: { position: 0 } });
        }
      }
      expect(listed.data?.job?.seq).toBe(6);
      // A row says less than the page shows: where it is the newest, the page has nothing until it asks again.
      expect(shown.data === null).toBe(seqs[0] === 6);
      end();
    }
  },
);

test("of two states of one seq the later is the newer: a push is as new as its arrival, an answer as its question", async () => {
  const shown = show(JobPageDocument, { id: "j" });
  const early = ask(JobPageDocument, { id: "j" });
  const push = follow(JobStatusDocument, { id: "j" });
  wire.say(push, status(live("j", 1, 3)));
  wire.say(early, { job: whole("j", 1, 4) });
  await told();
  // What does not change came with the answer; its place did not.
  expect(shown.data?.job).toMatchObject({ args: {}, wait: { position: 3 } });
  wire.say(push, status(live("j", 1, 2)));
  await told();
  expect(shown.data?.job?.wait?.position).toBe(2);
  const late = cancel("j");
  wire.say(late, canceled(live("j", 1, 1)));
  await told();
  expect(shown.data?.job?.wait?.position).toBe(1);
});

test("a push of one job's status changes its row in the list", async () => {
  wire.say(ask(JobsPageDocument, PLACE), listOf(row("a", 1), row("b", 1)));
  const rows = ["a", "b"].map((id) => show(JobRowDocument, { id }));
  expect(rows.map(({ data }) => data?.job?.state)).toEqual(["STATE_1", "STATE_1"]);
  wire.say(follow(JobStatusDocument, { id: "b" }), status(live("b", 2, 70)));
  await told();
  expect(rows.map(({ data }) => data?.job?.state)).toEqual(["STATE_1", "STATE_2"]);
  expect(rows[1]?.data?.job?.progress?.percent).toBe(70);
  // The row of the other was not told anything.
  expect(rows[0]?.seen).toHaveLength(1);
});

test("a result that looks like a job is none", async () => {
  const shown = show(JobPageDocument, { id: "j" });
  const forged = { ...live("j", 1), result: row("j", 99) };
  wire.say(ask(JobPageDocument, { id: "j" }), { job: { ...whole("j", 1), ...forged, args: row("j", 98) } });
  const push = follow(JobStatusDocument, { id: "j" });
  wire.say(push, status(live("j", 2)));
  await told();
  expect(shown.data?.job?.seq).toBe(2);
});

test("no query passes the cache by itself", async () => {
  show(JobRowDocument, { id: "unknown" });
  wire.say(follow(JobFeedDocument, { filter: {}, after: null }), feed(row("other", 1)));
  await told();
  expect(wire.asked.map(({ kind }) => kind)).toEqual(["subscription"]);
});

test("what is shown stays, of the rest only the last; an open page does not grow", async () => {
  const shown = show(JobRowDocument, { id: "shown" });
  const events = follow(JobFeedDocument, { filter: {}, after: null });
  wire.say(events, feed(row("shown", 1)));
  const sizes: number[] = [];
  for (let round = 0; round < 20; round += 1) {
    wire.say(ask(JobsPageDocument, { ...PLACE, after: `page ${round}` }), listOf(row(`listed ${round}`, 1)));
    wire.say(events, feed(...Array.from({ length: 200 }, (_, index) => row(`${round} ${index}`, 1))));
    await rest();
    sizes.push(stored());
  }
  expect(shown.data?.job?.seq).toBe(1);
  expect(show(JobRowDocument, { id: "19 199" }).data?.job?.seq).toBe(1);
  expect(show(JobRowDocument, { id: "0 0" }).data).toBeNull();
  // Each job with its progress; a kind, a queue, the last list and the root.
  expect(Math.max(...sizes)).toBeLessThan(2 * MAX_HEARD + 20);
  expect(sizes.at(-1)).toBe(sizes.at(-2));
  // What is no longer shown may go.
  end();
  wire.say(
    follow(JobFeedDocument, { filter: {}, after: "later" }),
    feed(...Array.from({ length: MAX_HEARD }, (_, index) => row(`last ${index}`, 1))),
  );
  await rest();
  expect(show(JobRowDocument, { id: "shown" }).data).toBeNull();
});

test("after a lost connection a server with an older copy of its data is right, and what was known can still go", async () => {
  const shown = show(JobPageDocument, { id: "j" });
  wire.say(ask(JobPageDocument, { id: "j" }), { job: whole("j", 9) });
  await told();
  expect(shown.data?.job?.seq).toBe(9);
  heard.startOver();
  wire.say(cancel("j"), canceled(live("j", 4)));
  await told();
  expect(shown.data?.job).toMatchObject({ seq: 4, state: "STATE_4" });
  end();
  heard.startOver();
  wire.say(
    follow(JobFeedDocument, { filter: {}, after: null }),
    feed(...Array.from({ length: MAX_HEARD }, (_, index) => row(`last ${index}`, 1))),
  );
  expect(show(JobPageDocument, { id: "j" }).data).toBeNull();
});
