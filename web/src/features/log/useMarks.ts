// Where in the lines that can be seen the searched text stands.

import { useEffect, useState } from "react";
import type { Line } from "./buffer";
import type { Span } from "./match";
import type { Matcher } from "./matcher";

type Marks = ReadonlyMap<string, readonly Span[]>;

const NONE: Marks = new Map();
/** Beyond so many lines, those that can't be seen any more are forgotten. */
const MAX_KEPT = 2_000;

export function useMarks(matcher: Matcher | null, seen: readonly Line[]): Marks {
  const [kept, setKept] = useState<{ matcher: Matcher | null; marks: Marks }>({ matcher, marks: NONE });
  const marks = kept.matcher === matcher ? kept.marks : NONE;
  const unknown = matcher === null ? [] : seen.filter((line) => !marks.has(line.cursor));
  const what = unknown.map((line) => line.cursor).join();
  // biome-ignore lint/correctness/useExhaustiveDependencies: `what` names the lines.
  useEffect(() => {
    if (matcher === null || unknown.length === 0) {
      return;
    }
    let isCurrent = true;
    void matcher.match(unknown.map((line) => line.text)).then((spans) => {
      if (isCurrent && spans !== null) {
        const found = unknown.map((line, index) => [line.cursor, spans[index] ?? []] as const);
        setKept((before) => {
          const old = before.matcher === matcher && before.marks.size < MAX_KEPT ? before.marks : NONE;
          return { matcher, marks: new Map([...old, ...found]) };
        });
      }
    });
    return () => {
      isCurrent = false;
    };
  }, [matcher, what]);
  return marks;
}
