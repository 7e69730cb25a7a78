// The lines that the address names: shown when it is opened, and changed by a click on a line's number.

import { useLocation, useNavigate } from "@tanstack/react-router";
import { useEffect, useMemo, useRef, useState } from "react";
import type { Problem } from "../../graphql/problem";
import type { Line } from "./buffer";
import type { LogFeed, LogState } from "./feed";
import { type LineLink, lineLink, parseLineLink } from "./lineLink";
import { type Located, locate } from "./locate";
import { numbersOf } from "./useLog";
import type { Scroll } from "./useScroll";

export interface Linked {
  link: LineLink | null;
  /** Why the line can't be shown; null: it can. */
  missing: "beyond" | "left out" | null;
  problem: Problem | null;
  /** Makes this line the one that the address names; `isRange`: all from the one that it was. */
  set(line: Pick<Line, "attempt" | "number">, isRange: boolean): void;
}

/** The link that the present address holds. */
export function useLink(): LineLink | null {
  const { hash } = useLocation();
  return useMemo(() => parseLineLink(hash), [hash]);
}

/** The same page with another hash. */
function here(hash: string) {
  return {
    to: ".",
    search: true,
    hash,
    replace: true,
    resetScroll: false,
    hashScrollIntoView: false,
  } as const;
}

/** `isWhole`: the feed has all streams. */
export function useLineLink(
  id: string,
  link: LineLink | null,
  isWhole: boolean,
  { feed, state, scroll }: { feed: LogFeed; state: LogState; scroll: Scroll },
): Linked {
  const navigate = useNavigate();
  const [outcome, setOutcome] = useState<Located | null>(null);
  const chosen = useRef<string | null>(null);
  const now = useRef({ state, scroll });
  now.current = { state, scroll };

  useEffect(() => {
    setOutcome(null);
    if (link === null || !isWhole || chosen.current === lineLink(link)) {
      return;
    }
    const { lines } = now.current.state;
    const shown = lines.find(({ attempt, number }) => attempt === link.attempt && number === link.from);
    if (shown !== undefined) {
      now.current.scroll.toLine(shown.cursor);
      return;
    }
    let isCurrent = true;
    void locate(numbersOf(id, link.attempt), link.from).then((located) => {
      if (!isCurrent) {
        return;
      }
      setOutcome(located);
      if ("at" in located) {
        now.current.scroll.toLine(located.at.cursor);
      } else {
        void feed.toEnd();
      }
    });
    return () => {
      isCurrent = false;
    };
  }, [link, isWhole, feed, id]);

  return {
    link,
    missing: outcome !== null && "missing" in outcome ? outcome.missing : null,
    problem: outcome !== null && "problem" in outcome ? outcome.problem : null,
    set({ attempt, number }, isRange) {
      const from = isRange && link !== null && link.attempt === attempt ? link.from : number;
      const next = { attempt, from: Math.min(from, number), to: Math.max(from, number) };
      chosen.current = lineLink(next);
      void navigate(here(chosen.current));
    },
  };
}
