// The audit of the GraphQL-over-HTTP draft, by those who keep it, against the real binary.

import { auditServer } from "graphql-http";
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
