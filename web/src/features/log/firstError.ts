// Looks for the first line of a log that tells an error, page by page from its start; where none does, for the first on
// standard error.

import type { LogStream } from "../../graphql/generated";
import type { Problem } from "../../graphql/problem";
import { plain } from "./escapes";
import type { Place } from "./feed";
import type { Found } from "./finder";
import { isError } from "./level";

/** Lines with what tells how grave they are. */
export type Levels = (
  place: Place,
) => Promise<
  | { lines: readonly (Found & { text: string; stream: LogStream })[]; hasNewer: boolean }
  | { problem: Problem }
>;

export type Looked =
  | { at: Found; isSure: boolean }
  /** No line is one. */
  | { at: null }
  | { problem: Problem };

/** `report` says whether to go on. */
export async function firstError(
  levels: Levels,
  pageLines: number,
  report: (looked: number) => boolean,
): Promise<Looked> {
  let after: string | null = null;
  let looked = 0;
  let onStderr: Found | null = null;
  for (;;) {
    const page: Awaited<ReturnType<Levels>> = await levels({ first: pageLines, after });
    if ("problem" in page) {
      return page;
    }
    const at = page.lines.find((line) => isError({ ...line, text: plain(line.text) }));
    if (at !== undefined) {
      return { at, isSure: true };
    }
    onStderr ??= page.lines.find(({ stream }) => stream === "STDERR") ?? null;
    looked += page.lines.length;
    after = page.lines.at(-1)?.cursor ?? after;
    if (!page.hasNewer || page.lines.length === 0 || !report(looked)) {
      return onStderr === null ? { at: null } : { at: onStderr, isSure: false };
    }
  }
}
