// A subscription goes on from its latest position after whatever can interrupt it, and says what can't be mended.

import type { ExecutionResult } from "@urql/core";
import type { FormattedExecutionResult, Sink, SubscribePayload } from "graphql-ws";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { MAX_PAUSE_MS } from "./backoff";
import { follow } from "./follow";
import type { ServerError } from "./problem";

/** A socket whose other side is the test. */
class Wire {
  readonly payloads: SubscribePayload[] = [];
  readonly sinks: Sink<FormattedExecutionResult<Record<string, object>, unknown>>[] = [];
  ended = 0;
  readonly client = {
    subscribe: (payload: SubscribePayload, sink: unknown) => {
      this.payloads.push(payload);
      this.sinks.push(sink as (typeof this.sinks)[number]);
      return () => {
        this.ended += 1;
      };
    },
  };
  say(message: object): void {
    this.sinks.at(-1)?.next({ data: { stream: message } });
  }
}

let wire: Wire;
let results: ExecutionResult[];
let end: () => void;

const soon = () => vi.advanceTimersByTimeAsync(MAX_PAUSE_MS);
const sent = (index: number) => JSON.parse(JSON.stringify(wire.payloads[index])).variables;
const codes = () =>
  results.flatMap(({ errors }) => errors ?? []).map((error) => (error as ServerError).extensions?.code);
const heard = () => results.flatMap(({ data }) => data?.stream ?? []);

beforeEach(() => {
  vi.useFakeTimers();
  wire = new Wire();
  results = [];
  end = follow(wire, { query: "subscription", variables: { id: "j", after: "start" } }, (result) =>
    results.push(result),
  );
});

afterEach(() => {
  end();
  vi.useRealTimers();
});

test("a payload that is sent again after a lost connection asks from the latest position", () => {
  expect(sent(0)).toEqual({ id: "j", after: "start" });
  wire.say({ cursor: "7" });
  expect(sent(0)).toEqual({ id: "j", after: "7" });
});

test("an error that passes is tried again, no sooner than the server says", async () => {
  wire.say({ cursor: "1" });
  wire.sinks[0]?.error([
    { message: "stops", extensions: { code: "UNAVAILABLE", retryAfterMs: 5_000 } },
  ] as never);
  await vi.advanceTimersByTimeAsync(4_999);
  expect(wire.payloads).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(wire.payloads).toHaveLength(2);
  expect(sent(1)).toEqual({ id: "j", after: "1" });
  wire.say({ cursor: "2" });
  expect(heard()).toEqual([{ cursor: "1" }, { cursor: "2" }]);
  expect(codes()).toEqual([]);
});

test("errors beside no data are told as well as those that end the operation", async () => {
  wire.sinks[0]?.next({ errors: [{ message: "no job", extensions: { code: "NOT_FOUND" } }] } as never);
  wire.sinks[0]?.complete();
  await soon();
  expect(codes()).toEqual(["NOT_FOUND"]);
  expect(wire.payloads).toHaveLength(1);
});

test("a socket that closed for good, and an end that nobody announced, are interruptions", async () => {
  wire.sinks[0]?.error({ code: 1002, reason: "" });
  await soon();
  expect(wire.payloads).toHaveLength(2);
  wire.sinks[1]?.complete();
  await soon();
  expect(wire.payloads).toHaveLength(3);
  expect(codes()).toEqual([]);
});

test.each([{ terminal: true }, { complete: true }, { terminal: false, change: "REMOVED" }])(
  "after the last message nothing is asked any more: %o",
  async (last) => {
    wire.say(last);
    wire.sinks[0]?.complete();
    await soon();
    expect(wire.payloads).toHaveLength(1);
  },
);

test("whoever ends it hears nothing more, also in a pause", async () => {
  wire.sinks[0]?.complete();
  end();
  await soon();
  wire.say({});
  expect(wire.payloads).toHaveLength(1);
  expect(results).toEqual([]);
  expect(wire.ended).toBe(1);
});

test("what of a message failed does not end the stream", () => {
  wire.sinks[0]?.next({ data: { stream: { cursor: "1" } }, errors: [{ message: "too large" }] as never });
  wire.say({ cursor: "2" });
  expect(heard()).toEqual([{ cursor: "1" }, { cursor: "2" }]);
  expect(codes()).toEqual([]);
});
