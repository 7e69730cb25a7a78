// What went wrong, in the server's own words, and what a person can do next.

import type { CombinedError } from "@urql/core";

/** One thing in a job's arguments that does not fit. */
export interface ArgProblem {
  /** JSON Pointer into the arguments; empty: the arguments themselves. */
  pointer: string;
  keyword: string;
  message: string;
}

/** An error, ready to be shown. */
export interface Problem {
  /** `extensions.code`, or `UNREACHABLE` where no answer came, or `UNKNOWN`. */
  code: string;
  /** As the server says it. */
  message: string;
  /** The next step, where one is known. */
  hint: string | null;
  /** The same may work after this time; null: not by waiting. */
  retryAfterMs: number | null;
  argProblems: ArgProblem[];
  /** The job that an error names. */
  jobId: string | null;
  /** The scope that the page's token lacks. */
  scope: string | null;
}

/** What both transports deliver. */
export interface ServerError {
  message: string;
  extensions?: Record<string, unknown> | undefined;
}

const HINTS: Record<string, string> = {
  UNREACHABLE: "Is the server running? This page asks again by itself.",
  UNKNOWN_KIND: "Choose one of the kinds that the server declares.",
  INVALID_ARGS: "Correct the fields that are marked.",
  QUEUE_FULL: "Nothing was stored. Wait until the queue has room, then start it again.",
  NOT_ACCEPTING: "The server is stopping. Start it again, then repeat this.",
  IDEMPOTENCY_CONFLICT: "Reload the page to get a new key, then start it again.",
  INVALID_STATE: "The job moved on meanwhile: look at its state.",
  NOT_FOUND: "It may have been removed after its time.",
  UNAUTHENTICATED: "This server asks for a token.",
  FORBIDDEN: "Forget the token of this page, and go on with one that may do it.",
  RATE_LIMITED: "Wait a moment, then repeat this.",
  DEADLINE_EXCEEDED: "Repeat this: with the same key it makes no second job.",
  UNAVAILABLE: "Wait a moment, then repeat this: with the same key it makes no second job.",
  INTERNAL: "The server's log has the cause under the reference in the message.",
  GRAPHQL_VALIDATION_FAILED: "The server may be of another version than this page: reload the page.",
};

const LATER = new Set(["UNAVAILABLE", "NOT_ACCEPTING", "RATE_LIMITED", "DEADLINE_EXCEEDED", "INTERNAL"]);

/** May the same request work after a while? */
export function passes(problem: Problem): boolean {
  return problem.retryAfterMs !== null || LATER.has(problem.code) || problem.code === "UNREACHABLE";
}

/** Reads the first error of an answer. */
export function fromServer(errors: readonly ServerError[]): Problem {
  const first = errors[0];
  const extensions = first?.extensions ?? {};
  const code = typeof extensions.code === "string" ? extensions.code : "UNKNOWN";
  return {
    code,
    message: first?.message ?? "the server answered with neither data nor an error",
    hint: HINTS[code] ?? null,
    retryAfterMs: typeof extensions.retryAfterMs === "number" ? extensions.retryAfterMs : null,
    argProblems: Array.isArray(extensions.problems) ? extensions.problems.filter(isArgProblem) : [],
    jobId: typeof extensions.jobId === "string" ? extensions.jobId : null,
    scope: typeof extensions.scope === "string" ? extensions.scope : null,
  };
}

/** No answer came. */
export function unreachable(host: string): Problem {
  return {
    code: "UNREACHABLE",
    message: `the server at ${host} does not answer`,
    hint: HINTS.UNREACHABLE ?? null,
    retryAfterMs: null,
    argProblems: [],
    jobId: null,
    scope: null,
  };
}

/** Reads what a query or a mutation failed with. */
export function fromRequest(error: CombinedError, host: string): Problem {
  return error.graphQLErrors.length > 0 ? fromServer(error.graphQLErrors) : unreachable(host);
}

function isArgProblem(value: unknown): value is ArgProblem {
  return (
    typeof value === "object" &&
    value !== null &&
    "pointer" in value &&
    typeof value.pointer === "string" &&
    "message" in value &&
    typeof value.message === "string"
  );
}
