// What an address says survives a round trip, and nonsense in it is left out.

import { expect, test } from "vitest";
import { jobFilter, jobsSearch, parseSearch, stringifySearch } from "./search";

test("an address and its values are the same thing", () => {
  const query = "?state=RUNNING&state=FAILED&kind=a+b&after=c%2F1";
  const values = jobsSearch(parseSearch(query));
  expect(values).toEqual({
    state: ["RUNNING", "FAILED"],
    kind: "a b",
    queue: undefined,
    after: "c/1",
    before: undefined,
  });
  expect(stringifySearch({ ...values })).toBe(query);
});

test("unknown states, empty names and a second place are left out", () => {
  const values = jobsSearch(parseSearch("?state=SLEEPING&kind=&after=a&before=b"));
  expect(values).toMatchObject({ state: undefined, kind: undefined, after: "a", before: undefined });
});

test("only what is chosen becomes a condition", () => {
  expect(jobFilter(jobsSearch(parseSearch("?state=QUEUED&queue=slow")))).toEqual({
    states: ["QUEUED"],
    queues: ["slow"],
  });
  expect(jobFilter({})).toEqual({});
});
