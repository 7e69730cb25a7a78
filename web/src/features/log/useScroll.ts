// Where the reader is in a log: at its end and following, or somewhere else, where nothing may move.

import {
  type RefObject,
  type UIEvent,
  useCallback,
  useEffect,
  useLayoutEffect,
  useRef,
  useState,
} from "react";
import type { LogFeed, LogState } from "./feed";

/** As in log.css. */
export const ROW_PX = 20;
/** So near to an edge of what is there, more is read. */
const NEAR_PX = 200 * ROW_PX;
/** A jump that the browser animates is over after this long, also on a slow machine. */
const ANIMATED_MS = 2_000;
/** What a reader does to move. A scroll event does not say whether it was they or an animation. */
const INPUTS = ["wheel", "touchmove", "keydown", "pointerdown"] as const;

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
  const returningUntil = useRef(0);

  // A reader who moves after they asked for the end is no longer on the way to it.
  useEffect(() => {
    const element = scroller.current;
    const arrive = () => {
      returningUntil.current = 0;
    };
    for (const input of INPUTS) {
      element?.addEventListener(input, arrive, { passive: true });
    }
    return () => {
      for (const input of INPUTS) {
        element?.removeEventListener(input, arrive);
      }
    };
  }, []);

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
    if (below >= ROW_PX && event.timeStamp < returningUntil.current) {
      // An animated jump to the start goes on after the end was asked for: the later wish holds.
      element.scrollTop = element.scrollHeight;
      return;
    }
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
    feed.returnToEnd();
    setFollowing(true);
    returningUntil.current = performance.now() + ANIMATED_MS;
    scroller.current?.focus({ preventScroll: true });
  };

  return { scroller, following, onScroll, toEnd };
}
