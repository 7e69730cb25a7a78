// A subscription goes on from its latest position after whatever can interrupt it, and says what can't be mended.

import { parse } from "graphql";
import type { FormattedExecutionResult, Sink, SubscribePayload } from "graphql-ws";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { MAX_PAUSE_MS } from "./backoff";
import { follow } from "./follow";
import type { Problem } from "./problem";

interface Data extends Record<string, unknown> {
  value: number;
}

/** A socket whose other side is the test. */
class Wire {
  readonly payloads: SubscribePayload[] = [];
  readonly sinks: Sink<FormattedExecutionResult<Data, unknown>>[] = [];
  ended = 0;
  readonly client = {
    subscribe: (payload: SubscribePayload, sink: unknown) => {
      this.payloads.push(payload);
      this.sinks.push(sink as Sink<FormattedExecutionResult<Data, unknown>>);
      return () => {
        this.ended += 1;
      };
    },
  };
  say(value: number): void {
    this.sinks.at(-1)?.next({ data: { value } });
  }
}

let wire: Wire;
let position: number;
let values: number[];
let failures: Problem[];
let end: () => void;

const soon = () => vi.advanceTimersByTimeAsync(MAX_PAUSE_MS);
const sent = (index: number) => JSON.parse(JSON.stringify(wire.payloads[index])).variables;

beforeEach(() => {
  vi.useFakeTimers();
  wire = new Wire();
  position = 0;
  values = [];
  failures = [];
  end = follow<Data, { after: number }>(wire as Parameters<typeof follow>[0], {
    document: parse("subscription { value }") as never,
    variables: () => ({ after: position }),
    next: ({ value }) => {
      position = value;
      values.push(value);
    },
    failed: (problem) => failures.push(problem),
    isLast: ({ value }) => value === 99,
  });
});

afterEach(() => {
  end();
  vi.useRealTimers();
});

test("a payload that is sent again after a lost connection asks from the latest position", () => {
  expect(sent(0)).toEqual({ after: 0 });
  wire.say(7);
  expect(sent(0)).toEqual({ after: 7 });
});

test("an error that passes is tried again, no sooner than the server says", async () => {
  wire.say(1);
  wire.sinks[0]?.error([
    { message: "stops", extensions: { code: "UNAVAILABLE", retryAfterMs: 5_000 } },
  ] as never);
  await vi.advanceTimersByTimeAsync(4_999);
  expect(wire.payloads).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(wire.payloads).toHaveLength(2);
  expect(sent(1)).toEqual({ after: 1 });
  wire.say(2);
  expect(values).toEqual([1, 2]);
  expect(failures).toEqual([]);
});

test("errors beside no data are told as well as those that end the operation", async () => {
  wire.sinks[0]?.next({ errors: [{ message: "no job", extensions: { code: "NOT_FOUND" } }] } as never);
  wire.sinks[0]?.complete();
  await soon();
  expect(failures.map((problem) => problem.code)).toEqual(["NOT_FOUND"]);
  expect(wire.payloads).toHaveLength(1);
});

test("a socket that closed for good, and an end that nobody announced, are interruptions", async () => {
  wire.sinks[0]?.error({ code: 1002, reason: "" });
  await soon();
  expect(wire.payloads).toHaveLength(2);
  wire.sinks[1]?.complete();
  await soon();
  expect(wire.payloads).toHaveLength(3);
  expect(failures).toEqual([]);
});

test("after the last message nothing is asked any more", async () => {
  wire.say(99);
  wire.sinks[0]?.complete();
  await soon();
  expect(wire.payloads).toHaveLength(1);
});

test("whoever ends it hears nothing more, also in a pause", async () => {
  wire.sinks[0]?.complete();
  end();
  await soon();
  wire.say(5);
  expect(wire.payloads).toHaveLength(1);
  expect(values).toEqual([]);
  expect(wire.ended).toBe(1);
});
