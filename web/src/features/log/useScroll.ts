// Where the reader is in a log: at its end and following, or somewhere else, where nothing may move.

import { type RefObject, type UIEvent, useCallback, useLayoutEffect, useRef, useState } from "react";
import type { LogFeed, LogState } from "./feed";

/** As in log.css. */
export const ROW_PX = 20;
/** So near to an edge of what is there, more is read. */
const NEAR_PX = 200 * ROW_PX;

export interface Scroll {
  scroller: RefObject<HTMLElement | null>;
  following: boolean;
  onScroll(event: UIEvent<HTMLElement>): void;
  toEnd(): void;
}

export function useScroll(feed: LogFeed, { lines, base, hasNewer }: LogState): Scroll {
  const [following, setFollowing] = useState(true);
  const scroller = useRef<HTMLElement>(null);
  const lastTop = useRef(0);
  const lastBase = useRef(base);

  const follow = useCallback(
    (wanted: boolean) => {
      setFollowing(wanted);
      feed.setFollowing(wanted);
    },
    [feed],
  );

  // What the reader looks at stays where it is, whatever comes or goes above it; a follower stays at the end.
  // biome-ignore lint/correctness/useExhaustiveDependencies: it runs when the lines have changed on the page.
  useLayoutEffect(() => {
    const element = scroller.current;
    if (element === null) {
      return;
    }
    if (following) {
      element.scrollTop = element.scrollHeight;
    } else if (base !== lastBase.current) {
      element.scrollTop += (lastBase.current - base) * ROW_PX;
    }
    lastBase.current = base;
    lastTop.current = element.scrollTop;
  }, [lines, base, following]);

  const onScroll = (event: UIEvent<HTMLElement>) => {
    const element = event.currentTarget;
    const below = element.scrollHeight - element.scrollTop - element.clientHeight;
    // Only a reader moves up: what grows below a follower must not look like it.
    const movedUp = element.scrollTop < lastTop.current - 1;
    lastTop.current = element.scrollTop;
    if (below < ROW_PX && !hasNewer) {
      follow(true);
    } else if (movedUp && below >= ROW_PX) {
      follow(false);
    }
    if (element.scrollTop < NEAR_PX) {
      void feed.older();
    }
    if (below < NEAR_PX) {
      void feed.newer();
    }
  };

  const toEnd = () => {
    if (hasNewer) {
      void feed.toEnd();
    }
    follow(true);
    scroller.current?.focus({ preventScroll: true });
  };

  return { scroller, following, onScroll, toEnd };
}
