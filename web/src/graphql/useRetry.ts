// Asks again by itself after what passes: a server that is away, busy, or stopping.

import { useEffect, useRef } from "react";
import { pauseBefore } from "./backoff";
import { type Problem, passes } from "./problem";

/** Calls `again` after a pause for as long as there is a problem that passes; the pauses grow. */
export function useRetry(problem: Problem | null, again: () => void): void {
  const tries = useRef(0);
  useEffect(() => {
    if (problem === null) {
      tries.current = 0;
      return;
    }
    if (!passes(problem)) {
      return;
    }
    const timer = setTimeout(again, Math.max(problem.retryAfterMs ?? 0, pauseBefore(tries.current + 1)));
    tries.current += 1;
    return () => clearTimeout(timer);
  }, [problem, again]);
}
