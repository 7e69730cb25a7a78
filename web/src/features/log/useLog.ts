// The log of one job from the server, kept for as long as it is looked at.

import { useCallback, useEffect, useMemo, useRef, useSyncExternalStore } from "react";
import { listen, readUncached, uncached, useCaller, useRecoveries } from "../../graphql/client";
import {
  LogLevelsDocument,
  LogNumbersDocument,
  LogPageDocument,
  LogSearchDocument,
  type LogStream,
  LogTailDocument,
} from "../../graphql/generated";
import { fromServer, type Problem } from "../../graphql/problem";
import { useRetry } from "../../graphql/useRetry";
import { LogFeed, type LogState, type Place, type Source } from "./feed";
import type { Texts } from "./finder";
import type { Levels } from "./firstError";
import type { Numbers } from "./locate";

/** Reads and follows the log of the job `id`, or one stream of it; from its end, but where somebody asks for a line first. */
export function useLog(
  id: string,
  stream: LogStream | null,
  isForLine: () => boolean,
): { feed: LogFeed; state: LogState } {
  const caller = useCaller();
  // biome-ignore lint/correctness/useExhaustiveDependencies: another caller begins with nothing.
  const feed = useMemo(() => new LogFeed(sourceOf(id, stream)), [id, stream, caller]);
  const state = useSyncExternalStore(feed.subscribe, feed.state);
  const recoveries = useRecoveries();

  const isForLineNow = useRef(isForLine);
  isForLineNow.current = isForLine;
  useEffect(() => {
    if (!isForLineNow.current()) {
      void feed.toEnd();
    }
    return () => feed.stop();
  }, [feed]);

  const again = useCallback(() => void feed.toEnd(), [feed]);
  useRetry(state.problem, again);

  // A live log goes on from its cursor by itself; only what failed is begun again.
  const failed = useRef(false);
  failed.current = state.problem !== null;
  useEffect(() => {
    if (recoveries > 0 && failed.current) {
      again();
    }
  }, [again, recoveries]);

  return { feed, state };
}

function all(place: Place) {
  return { first: null, after: null, last: null, before: null, ...place };
}

function absent(problem: Problem | null): { problem: Problem } {
  return { problem: problem ?? fromServer([{ message: "the job has no log" }]) };
}

function sourceOf(id: string, stream: LogStream | null): Source {
  return {
    async page(place) {
      const { data, problem } = await readUncached(LogPageDocument, { id, stream, ...all(place) });
      const log = data?.job?.log;
      if (!log) {
        return absent(problem);
      }
      return {
        lines: log.nodes,
        hasOlder: log.pageInfo.hasPreviousPage,
        hasNewer: log.pageInfo.hasNextPage,
        droppedBytes: log.droppedBytes,
        complete: log.complete,
      };
    },
    tail(after, listener) {
      return listen(
        LogTailDocument,
        { id, stream, after },
        { next: ({ jobLog }) => listener.next(jobLog), failed: listener.failed },
        uncached,
      );
    },
  };
}

/** The lines of a log without what a search does not look at. */
export function textsOf(id: string, stream: LogStream | null): Texts {
  return async (place) => {
    const { data, problem } = await readUncached(LogSearchDocument, { id, stream, ...all(place) });
    const log = data?.job?.log;
    return log ? { lines: log.nodes, hasNewer: log.pageInfo.hasNextPage } : absent(problem);
  };
}

/** The lines of a log with what tells how grave they are. */
export function levelsOf(id: string): Levels {
  return async (place) => {
    const { data, problem } = await readUncached(LogLevelsDocument, { id, ...all(place) });
    const log = data?.job?.log;
    return log ? { lines: log.nodes, hasNewer: log.pageInfo.hasNextPage } : absent(problem);
  };
}

/** The numbers of an attempt's lines. */
export function numbersOf(id: string, attempt: number): Numbers {
  return async (place) => {
    const { data, problem } = await readUncached(LogNumbersDocument, { id, attempt, ...all(place) });
    const log = data?.job?.log;
    return log
      ? {
          lines: log.nodes,
          hasOlder: log.pageInfo.hasPreviousPage,
          hasNewer: log.pageInfo.hasNextPage,
        }
      : absent(problem);
  };
}
