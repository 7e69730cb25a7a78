// The list of jobs as one page shows it: read once, then kept by the feed.
//
// It stays out of the cache: the feed tells up to 500 jobs four times a second, and each would be written there, and each
// row read from there, for nobody else to see.

import { useCallback, useEffect, useReducer, useRef } from "react";
import { connection, listen, readUncached, uncached, useCaller, useRecoveries } from "../../graphql/client";
import { JobFeedDocument, JobsPageDocument } from "../../graphql/generated";
import type { Problem } from "../../graphql/problem";
import { useRetry } from "../../graphql/useRetry";
import { serverNow } from "../../time/now";
import { earlyPage } from "./early";
import {
  type FeedEvent,
  heard,
  type List,
  loaded,
  type Page,
  type Row,
  renewed,
  settled,
  startedOver,
  told,
} from "./list";
import { type JobsSearch, jobFilter, pageOf } from "./search";

/** A flood of new jobs has the page read again so often and no more. */
const STALE_RELOAD_MS = 1_000;

/** The page so far. `list` beside a `problem` is what was known before it. */
export interface Jobs {
  list: List | null;
  problem: Problem | null;
  loading: boolean;
  /** It is about to be read again by itself. */
  readsAgain: boolean;
  /** Shows what waited. */
  settle(): void;
  /** Takes in what was told of one job beside the feed. */
  hear(job: Row): void;
  reload(): void;
}

interface Shown {
  key: string;
  list: List | null;
  problem: Problem | null;
  loading: boolean;
  round: number;
}

type Action =
  | { type: "asked"; key: string }
  | { type: "loaded"; list: List }
  | { type: "failed"; problem: Problem }
  | { type: "heard"; events: readonly FeedEvent[]; hold: boolean }
  | { type: "told"; job: Row }
  | { type: "started over" }
  | { type: "settle" }
  | { type: "reload" };

function reduce(shown: Shown, action: Action): Shown {
  switch (action.type) {
    case "asked":
      return shown.key === action.key
        ? { ...shown, loading: true }
        : { ...shown, key: action.key, list: null, problem: null, loading: true };
    case "loaded":
      return {
        ...shown,
        // The first page may be there from the beginning.
        list:
          shown.list === null || shown.list === action.list ? action.list : renewed(shown.list, action.list),
        problem: null,
        loading: false,
      };
    case "failed":
      return { ...shown, problem: action.problem, loading: false };
    case "heard":
      return withList(shown, (list) => heard(list, action.events, action.hold));
    case "told":
      return withList(shown, (list) => told(list, action.job));
    case "started over":
      return withList(shown, startedOver);
    case "settle":
      // Also where nothing waited: nobody holds the page any more, and it may be due to be read again.
      return { ...shown, list: shown.list === null ? null : settled(shown.list) };
    case "reload":
      return { ...shown, round: shown.round + 1 };
  }
}

/** What a first visit asked for may have come before there was anything to show it. */
function begun(key: string, search: JobsSearch): Shown {
  const page = earlyPage(search, false)?.page ?? null;
  return {
    key,
    list: page !== null && "list" in page ? page.list : null,
    problem: page !== null && "problem" in page ? page.problem : null,
    loading: true,
    round: 0,
  };
}

/** What changes nothing draws nothing. */
function withList(shown: Shown, change: (list: List) => List): Shown {
  const list = shown.list === null ? null : change(shown.list);
  return list === shown.list ? shown : { ...shown, list };
}

/** Follows the page that `search` names. `isHeld` says whether rows may move now. */
export function useJobs(search: JobsSearch, isHeld: () => boolean): Jobs {
  const asked = JSON.stringify(search);
  const key = `${useCaller()} ${asked}`;
  const recoveries = useRecoveries();
  const [shown, dispatch] = useReducer(reduce, key, (key) => begun(key, search));
  const held = useRef(isHeld);
  held.current = isHeld;
  const { round } = shown;

  // biome-ignore lint/correctness/useExhaustiveDependencies: `round` is what it is read again for.
  useEffect(() => {
    let current = true;
    let unfollow = () => {};
    dispatch({ type: "asked", key });
    void load(JSON.parse(asked) as JobsSearch).then((page) => {
      if (!current) {
        return;
      }
      if ("problem" in page) {
        dispatch({ type: "failed", problem: page.problem });
        return;
      }
      dispatch({ type: "loaded", list: page.list });
      unfollow = listen(
        JobFeedDocument,
        { filter: jobFilter(JSON.parse(asked) as JobsSearch), after: page.feedCursor },
        {
          next: ({ jobFeed: { events, reset } }) => {
            if (reset) {
              // The server's past is another one: what was known of it is no longer ahead of anything.
              dispatch({ type: "started over" });
              dispatch({ type: "reload" });
            } else {
              dispatch({ type: "heard", events, hold: held.current() });
            }
          },
          failed: (problem) => dispatch({ type: "failed", problem }),
        },
        uncached,
      );
    });
    return () => {
      current = false;
      unfollow();
    };
  }, [key, asked, round]);

  const settle = useCallback(() => dispatch({ type: "settle" }), []);
  const reload = useCallback(() => dispatch({ type: "reload" }), []);
  const hear = useCallback((job: Row) => dispatch({ type: "told", job }), []);

  const readsAgain = shown.list?.stale === true && !isHeld();
  const stale = readsAgain && !shown.loading;
  useEffect(() => {
    if (stale) {
      const timer = setTimeout(reload, STALE_RELOAD_MS);
      return () => clearTimeout(timer);
    }
  }, [stale, reload]);

  // The feed goes on from where it stood and misses nothing: only what failed is read again.
  const problem = shown.key === key ? shown.problem : null;
  useRetry(problem, reload);
  const failed = useRef(false);
  failed.current = problem !== null;
  useEffect(() => {
    if (recoveries > 0) {
      dispatch({ type: "started over" });
      if (failed.current) {
        reload();
      }
    }
  }, [recoveries, reload]);

  const acts = { settle, hear, reload };
  return shown.key === key
    ? { list: shown.list, problem: shown.problem, loading: shown.loading, readsAgain, ...acts }
    : { list: null, problem: null, loading: true, readsAgain: false, ...acts };
}

async function load(search: JobsSearch): Promise<Page> {
  const early = earlyPage(search, true);
  if (early !== null) {
    const page = await early.answer;
    if ("list" in page) {
      connection.heard();
    }
    return page;
  }
  const asOf = serverNow();
  const { data, problem } = await readUncached(JobsPageDocument, pageOf(search));
  if (data === null) {
    return { problem: problem as Problem };
  }
  return { list: loaded(data.jobs, asOf), feedCursor: data.jobs.feedCursor };
}
