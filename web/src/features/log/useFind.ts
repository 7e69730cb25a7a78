// A search in a log: what is looked for, what was found so far, and where the reader is in it.

import { useCallback, useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import { useCaller } from "../../graphql/client";
import type { LogStream } from "../../graphql/generated";
import { useRetry } from "../../graphql/useRetry";
import type { LogState } from "./feed";
import { Finder, type FindState, type Found, step } from "./finder";
import { compile, type Pattern } from "./match";
import { Matcher } from "./matcher";
import { textsOf } from "./useLog";
import type { Scroll } from "./useScroll";

/** Whoever types is not searched for at every letter. */
const PAUSE_MS = 250;
const NOTHING: FindState = { found: [], searched: 0, isBusy: false, stopped: null, problem: null };
const never = () => () => {};

export interface Find {
  pattern: Pattern;
  setPattern(change: Partial<Pattern>): void;
  /** What is wrong with the pattern; null: nothing. */
  wrong: string | null;
  state: FindState;
  current: Found | null;
  matcher: Matcher | null;
  /** To the next line in which it stands, or the one before. */
  go(by: 1 | -1): void;
}

export function useFind(id: string, stream: LogStream | null, log: LogState, scroll: Scroll): Find {
  const [pattern, setPattern] = useState<Pattern>({ text: "", isRegex: false });
  const settled = useSettled(pattern);
  const expression = useMemo(() => (settled.text === "" ? null : compile(settled)), [settled]);
  const wrong = expression !== null && "wrong" in expression ? expression.wrong : null;
  const isOn = expression !== null && wrong === null;
  const [search, setSearch] = useState<{ matcher: Matcher; finder: Finder } | null>(null);
  const [current, setCurrent] = useState<Found | null>(null);
  const caller = useCaller();

  // biome-ignore lint/correctness/useExhaustiveDependencies: another caller may see another log.
  useEffect(() => {
    if (!isOn) {
      return;
    }
    const matcher = new Matcher(settled);
    const finder = new Finder(textsOf(id, stream), matcher.match);
    setSearch({ matcher, finder });
    void finder.readOn();
    return () => {
      finder.stop();
      matcher.stop();
      setSearch(null);
      setCurrent(null);
    };
  }, [settled, isOn, id, stream, caller]);

  const state = useSyncExternalStore(
    search?.finder.subscribe ?? never,
    search?.finder.state ?? (() => NOTHING),
  );
  const readOn = useCallback(() => void search?.finder.readOn(), [search]);
  useRetry(state.problem, readOn);
  // What was printed meanwhile is searched too.
  // biome-ignore lint/correctness/useExhaustiveDependencies: these change when something was printed.
  useEffect(readOn, [readOn, log.lines, log.unseen]);

  const go = (by: 1 | -1) => {
    const top = scroll.top();
    const from = current ?? (top === undefined ? null : { ...top, number: top.number - (by === 1 ? 1 : 0) });
    const next = from === null ? null : step(state.found, from, by);
    if (next !== null) {
      setCurrent(next);
      scroll.toLine(next.cursor);
    }
  };

  return {
    pattern,
    setPattern: (change) => setPattern((before) => ({ ...before, ...change })),
    wrong,
    state,
    current,
    matcher: search?.matcher ?? null,
    go,
  };
}

/** The pattern, once nobody has typed for a moment. */
function useSettled(pattern: Pattern): Pattern {
  const [settled, setSettled] = useState(pattern);
  const first = useRef(true);
  useEffect(() => {
    if (first.current) {
      first.current = false;
      return;
    }
    const timer = setTimeout(() => setSettled(pattern), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [pattern]);
  return settled;
}
