// Errors keep the server's words and codes.

import { CombinedError } from "@urql/core";
import { expect, test } from "vitest";
import { fromRequest, fromServer, passes } from "./problem";

test("a server's error keeps its message, code and details", () => {
  const problem = fromServer([
    {
      message: "does not fit",
      extensions: {
        code: "INVALID_ARGS",
        problems: [{ pointer: "/a", keyword: "type", message: "wrong" }, { nonsense: true }],
      },
    },
  ]);
  expect(problem).toMatchObject({ code: "INVALID_ARGS", message: "does not fit", retryAfterMs: null });
  expect(problem.argProblems).toEqual([{ pointer: "/a", keyword: "type", message: "wrong" }]);
  expect(passes(problem)).toBe(false);
});

test("a code of a later server is shown and not tried again", () => {
  const problem = fromServer([{ message: "new", extensions: { code: "BRAND_NEW" } }]);
  expect(problem).toMatchObject({ code: "BRAND_NEW", message: "new", hint: null });
  expect(passes(problem)).toBe(false);
});

test("whatever has a time to wait for passes", () => {
  expect(
    passes(fromServer([{ message: "full", extensions: { code: "QUEUE_FULL", retryAfterMs: 10 } }])),
  ).toBe(true);
});

test("no answer is told as a server that is away", () => {
  const error = new CombinedError({ networkError: new TypeError("Failed to fetch") });
  expect(fromRequest(error, "host:1")).toMatchObject({
    code: "UNREACHABLE",
    message: "the server at host:1 does not answer",
  });
});
