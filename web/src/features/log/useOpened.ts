// Which lines of JSON the reader has opened.

import { useCallback, useRef, useState } from "react";

export interface Opened {
  /** Is it open? undefined: it never was, and is as high as any other line. */
  state(cursor: string): boolean | undefined;
  /** Opens or closes it. Always the same function. */
  toggle(cursor: string): void;
}

/** `stay`: whoever opens a line looks at that one, not at the end of the log. */
export function useOpened(stay: () => void): Opened {
  const [lines, setLines] = useState<ReadonlyMap<string, boolean>>(new Map());
  const now = useRef(stay);
  now.current = stay;
  const toggle = useCallback((cursor: string) => {
    now.current();
    setLines((before) => new Map(before).set(cursor, before.get(cursor) !== true));
  }, []);
  return { state: (cursor) => lines.get(cursor), toggle };
}
