// The log of one job from the server, kept for as long as it is looked at.

import { useCallback, useEffect, useMemo, useRef, useSyncExternalStore } from "react";
import { listen, readUncached, uncached, useCaller, useRecoveries } from "../../graphql/client";
import { LogPageDocument, LogTailDocument } from "../../graphql/generated";
import { fromServer } from "../../graphql/problem";
import { useRetry } from "../../graphql/useRetry";
import { LogFeed, type LogState, type Source } from "./feed";

/** Reads and follows the log of the job `id`. */
export function useLog(id: string): { feed: LogFeed; state: LogState } {
  const caller = useCaller();
  // biome-ignore lint/correctness/useExhaustiveDependencies: another caller begins with nothing.
  const feed = useMemo(() => new LogFeed(sourceOf(id)), [id, caller]);
  const state = useSyncExternalStore(feed.subscribe, feed.state);
  const recoveries = useRecoveries();

  useEffect(() => {
    void feed.toEnd();
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

function sourceOf(id: string): Source {
  return {
    async page(place) {
      const all = { first: null, after: null, last: null, before: null, ...place };
      const { data, problem } = await readUncached(LogPageDocument, { id, ...all });
      const log = data?.job?.log;
      if (!log) {
        return { problem: problem ?? fromServer([{ message: "the job has no log" }]) };
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
        { id, after },
        { next: ({ jobLog }) => listener.next(jobLog), failed: listener.failed },
        uncached,
      );
    },
  };
}
