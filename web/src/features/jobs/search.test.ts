// What an address says survives a round trip, and nonsense in it is left out.

import { expect, test } from "vitest";
import { jobFilter, jobsSearch, parseSearch, stringifySearch } from "./search";

test("an address and its values are the same thing", () => {
  const query = "?state=RUNNING&state=FAILED&kind=a+b&since=2026-11-25T11%3A00%3A00.000Z&after=c%2F1";
  const values = jobsSearch(parseSearch(query));
  expect(values).toEqual({
    state: ["RUNNING", "FAILED"],
    kind: "a b",
    queue: undefined,
    since: "2026-11-25T11:00:00.000Z",
    after: "c/1",
    before: undefined,
  });
  expect(stringifySearch({ ...values })).toBe(query);
});

test("unknown states, empty names, what is no instant and a second place are left out", () => {
  const values = jobsSearch(parseSearch("?state=SLEEPING&kind=&since=noon&after=a&before=b"));
  expect(values).toMatchObject({
    state: undefined,
    kind: undefined,
    since: undefined,
    after: "a",
    before: undefined,
  });
});

test("only what is chosen becomes a condition", () => {
  expect(jobFilter(jobsSearch(parseSearch("?state=QUEUED&queue=slow&since=2026-11-25T11:00Z")))).toEqual({
    states: ["QUEUED"],
    queues: ["slow"],
    createdAfter: "2026-11-25T11:00:00.000Z",
  });
  expect(jobFilter({})).toEqual({});
});
