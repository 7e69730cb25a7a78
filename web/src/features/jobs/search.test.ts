// What an address says survives a round trip, and nonsense in it is left out.

import { expect, test } from "vitest";
import { isFiltered, jobFilter, jobsSearch, parseSearch, stringifySearch } from "./search";

test("an address and its values are the same thing", () => {
  const query =
    "?state=RUNNING&state=FAILED&kind=a+b&text=x&label=team%3Da%3Db&since=2026-11-25T11%3A00%3A00.000Z&after=c%2F1";
  const values = jobsSearch(parseSearch(query));
  expect(values).toEqual({
    state: ["RUNNING", "FAILED"],
    kind: "a b",
    queue: undefined,
    text: "x",
    label: "team=a=b",
    since: "2026-11-25T11:00:00.000Z",
    after: "c/1",
    before: undefined,
  });
  expect(stringifySearch({ ...values })).toBe(query);
});

test("unknown states, empty names, what is no instant and a second place are left out", () => {
  const values = jobsSearch(parseSearch("?state=SLEEPING&kind=&since=noon&label=team&after=a&before=b"));
  expect(values).toMatchObject({
    state: undefined,
    kind: undefined,
    since: undefined,
    after: "a",
    before: undefined,
  });
});

test("only what is chosen becomes a condition", () => {
  expect(
    jobFilter(
      jobsSearch(parseSearch("?state=QUEUED&queue=slow&label=team%3Da%3Db&text=x&since=2026-11-25T11:00Z")),
    ),
  ).toEqual({
    states: ["QUEUED"],
    queues: ["slow"],
    text: "x",
    labels: [{ key: "team", value: "a=b" }],
    createdAfter: "2026-11-25T11:00:00.000Z",
  });
  expect(jobFilter({})).toEqual({});
});

test("a place, or what is none of ours, is no filter", () => {
  expect(isFiltered({ after: "c", ...{ x: "1" } })).toBe(false);
  expect(isFiltered({ label: "team=red" })).toBe(true);
});
