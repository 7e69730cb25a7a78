// @vitest-environment happy-dom
// What the first script asks is what the list would ask, and is used once.

import { parse } from "graphql";
import { beforeEach, expect, test, vi } from "vitest";
import type { JobsPageQuery } from "../../graphql/generated";

const jobs: JobsPageQuery["jobs"] = {
  feedCursor: "c",
  pageInfo: { startCursor: null, endCursor: null, hasPreviousPage: false, hasNextPage: true },
  nodes: [],
};
const answer = vi.fn<typeof fetch>();

beforeEach(() => {
  vi.resetModules();
  answer.mockReset();
  vi.stubGlobal("fetch", answer);
});

test("it asks for the page that the address names, by an operation that stands alone", async () => {
  answer.mockResolvedValue(Response.json({ data: { jobs } }));
  const { askEarly, earlyAnswered, earlyPage } = await import("./early");
  askEarly("?kind=demo&state=FAILED");
  const { query, operationName, variables } = JSON.parse(String(answer.mock.lastCall?.[1]?.body));
  const { definitions } = parse(query);
  expect(definitions.filter(({ kind }) => kind === "OperationDefinition")).toHaveLength(1);
  expect(operationName).toBe("JobsPage");
  const place = { first: 50, after: null, last: null, before: null };
  expect(variables).toEqual({ filter: { states: ["FAILED"], kinds: ["demo"] }, ...place });

  // In another order it is the same page; another page is not.
  const same = { kind: "demo", state: ["FAILED" as const] };
  expect(earlyPage({ kind: "other" }, false)).toBeNull();
  expect(earlyPage(same, false)?.page).toBeNull();
  await earlyAnswered();
  expect(earlyPage(same, false)?.page).toMatchObject({ feedCursor: "c", list: { rows: [], hasOlder: true } });
  expect(earlyPage(same, true)).not.toBeNull();
  expect(earlyPage(same, true)).toBeNull();
});

test("what is shown first instead has it forgotten", async () => {
  answer.mockResolvedValue(Response.json({ data: { jobs } }));
  const { askEarly, earlyPage } = await import("./early");
  askEarly("");
  expect(earlyPage({ kind: "other" }, true)).toBeNull();
  expect(earlyPage({}, true)).toBeNull();
});

test("an error, and a server that is away, are what the list would say of them", async () => {
  const errors = [{ message: "slow down", extensions: { code: "RATE_LIMITED", retryAfterMs: 7 } }];
  answer.mockResolvedValueOnce(Response.json({ errors }, { status: 429 }));
  const { askEarly, earlyPage } = await import("./early");
  askEarly("");
  const problem = { code: "RATE_LIMITED", retryAfterMs: 7 };
  expect(await earlyPage({}, true)?.answer).toMatchObject({ problem });
  answer.mockRejectedValueOnce(new TypeError("failed to fetch"));
  askEarly("");
  expect(await earlyPage({}, true)?.answer).toMatchObject({ problem: { code: "UNREACHABLE" } });
});
