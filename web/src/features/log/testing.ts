// A log for the tests of whatever reads one: `x` on every line, but where a test says otherwise.

import type { Problem } from "../../graphql/problem";
import type { Line } from "./buffer";
import type { Page, Place } from "./feed";

export function line(number: number, text = "x"): Line {
  const at = "2026-11-25T12:00:00.000Z";
  return { cursor: String(number), number, at, stream: "STDOUT", attempt: 1, text, cut: false };
}

export const run = (from: number, to: number, text?: (number: number) => string) =>
  Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => line(from + i, text?.(from + i)));

/** The lines of a log of this length at a place. */
export function pageOf(length: number, place: Place, text?: (number: number) => string): Page {
  const [from, to] =
    "last" in place
      ? [Math.max(1, Number(place.before ?? length + 1) - place.last), Number(place.before ?? length + 1) - 1]
      : [Number(place.after ?? 0) + 1, Math.min(length, Number(place.after ?? 0) + place.first)];
  const lines = run(from, to, text);
  return { lines, hasOlder: from > 1, hasNewer: to < length, droppedBytes: 0, complete: false };
}

export const unavailable: Problem = {
  code: "UNAVAILABLE",
  message: "no",
  hint: null,
  retryAfterMs: null,
  argProblems: [],
  jobId: null,
  scope: null,
};
