// Where the reader is in a log: at its end and following, or somewhere else, where nothing may move.

import { useVirtualizer, type Virtualizer } from "@tanstack/react-virtual";
import {
  type RefObject,
  type UIEvent,
  useCallback,
  useEffect,
  useLayoutEffect,
  useRef,
  useState,
} from "react";
import type { Line } from "./buffer";
import type { LogFeed, LogState } from "./feed";

/** As in log.css: the height of a line that is not wrapped, and of one of those that a wrapped line takes. */
export const ROW_PX = 20;
/** So near to an edge of what is there, more is read. */
const NEAR_PX = 200 * ROW_PX;
/** A jump that the browser animates moves again within this time, also on a slow machine, or is over. */
const ANIMATED_MS = 2_000;
/** What a reader does to move. A scroll event does not say whether it was they or an animation. */
const INPUTS = ["wheel", "touchmove", "keydown", "pointerdown"] as const;

export interface Scroll {
  scroller: RefObject<HTMLElement | null>;
  rows: Virtualizer<HTMLElement, HTMLElement>;
  following: boolean;
  onScroll(event: UIEvent<HTMLElement>): void;
  toEnd(): void;
  /** Stays where it is from now on. */
  stay(): void;
  /** Shows the line at this cursor, which is read where it is not there. */
  toLine(cursor: string): void;
  /** The first line that can be seen. */
  top(): Line | undefined;
}

export function useScroll(feed: LogFeed, { lines, base, hasNewer }: LogState, isWrapped: boolean): Scroll {
  const [following, setFollowing] = useState(true);
  const scroller = useRef<HTMLElement>(null);
  const lastTop = useRef(0);
  const returningUntil = useReturn(scroller);
  /** The line to be shown once it has come. */
  const wanted = useRef<string | null>(null);

  const rows = useVirtualizer<HTMLElement, HTMLElement>({
    count: lines.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    getItemKey: (index) => lines[index]?.cursor ?? index,
    // At the end of a fast log all rows are others ten times a second: there, few are drawn that nobody sees.
    overscan: following ? 4 : 20,
    // What the reader looks at stays where it is, whatever comes or goes above it.
    anchorTo: "end",
    // Where the end is not followed, what grows there grows down: the line that was opened stays.
    scrollEndThreshold: following ? 1 : -1,
  });

  const follow = useCallback(
    (isWanted: boolean) => {
      setFollowing(isWanted);
      feed.setFollowing(isWanted);
    },
    [feed],
  );

  useRewrap(rows, isWrapped);

  // biome-ignore lint/correctness/useExhaustiveDependencies: it runs when the lines or their heights have changed on the page.
  useLayoutEffect(() => {
    const element = scroller.current;
    if (element === null) {
      return;
    }
    const index = wanted.current === null ? -1 : lines.findIndex(({ cursor }) => cursor === wanted.current);
    if (index >= 0) {
      wanted.current = null;
      rows.scrollToIndex(index, { align: "center" });
    } else if (following) {
      rows.scrollToEnd();
    }
    lastTop.current = element.scrollTop;
  }, [lines, base, following, isWrapped]);

  const onScroll = (event: UIEvent<HTMLElement>) => {
    const element = event.currentTarget;
    const below = element.scrollHeight - element.scrollTop - element.clientHeight;
    if (below >= ROW_PX && event.timeStamp < returningUntil.current) {
      // An animated jump to the start goes on after the end was asked for: the later wish holds, for as long as it goes on.
      returningUntil.current = event.timeStamp + ANIMATED_MS;
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

  const toLine = (cursor: string) => {
    follow(false);
    const index = lines.findIndex((line) => line.cursor === cursor);
    if (index >= 0) {
      rows.scrollToIndex(index, { align: "center" });
    } else {
      wanted.current = cursor;
      void feed.around(cursor);
    }
  };

  const top = () => lines[rows.getVirtualItemForOffset(rows.scrollOffset ?? 0)?.index ?? 0];
  return { scroller, rows, following, onScroll, toEnd, stay: () => follow(false), toLine, top };
}

/** Until when a jump to the end may be on its way. A reader who moves after they asked for it is no longer. */
function useReturn(scroller: RefObject<HTMLElement | null>): RefObject<number> {
  const until = useRef(0);
  useEffect(() => {
    const element = scroller.current;
    const arrive = () => {
      until.current = 0;
    };
    for (const input of INPUTS) {
      element?.addEventListener(input, arrive, { passive: true });
    }
    return () => {
      for (const input of INPUTS) {
        element?.removeEventListener(input, arrive);
      }
    };
  }, [scroller]);
  return until;
}

/** Rows that were measured are of another height when lines are wrapped, or no longer are; the first that is seen stays the first. */
function useRewrap(rows: Scroll["rows"], isWrapped: boolean): void {
  const was = useRef(isWrapped);
  useLayoutEffect(() => {
    if (was.current === isWrapped) {
      return;
    }
    was.current = isWrapped;
    const first = rows.getVirtualItemForOffset(rows.scrollOffset ?? 0)?.index;
    rows.measure();
    if (first !== undefined) {
      rows.scrollToIndex(first, { align: "start" });
    }
  }, [isWrapped, rows]);
}
