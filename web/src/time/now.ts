// The server's clock on this page: one tick for all that shows a running time, and none while nobody looks.

import { useSyncExternalStore } from "react";

const TICK_MS = 1_000;

let offset = 0;
let now = Date.now();
let timer: ReturnType<typeof setInterval> | undefined;
const listeners = new Set<() => void>();

/** The server's time, as far as this page knows it, in milliseconds since the epoch. */
export function serverNow(): number {
  return Date.now() + offset;
}

/** Takes over the server's clock: `instant` is what it said between `asked` and `answered` of ours. */
export function learnServerClock(instant: string, asked: number, answered: number): void {
  const theirs = Date.parse(instant);
  // Within the time that the answer took nobody can tell who is right: then the viewer's clock is as good.
  const low = theirs - answered;
  const high = theirs - asked;
  offset = low <= 0 && high >= 0 ? 0 : Math.round((low + high) / 2);
  tick();
}

/** The server's time, once a second. */
export function useNow(): number {
  return useOfNow(same);
}

/** What follows from the server's time: nothing is drawn again while that stays the same, as most words for a time do. */
export function useOfNow<Value extends string | number>(of: (now: number) => Value): Value {
  return useSyncExternalStore(subscribe, () => of(now));
}

function same(now: number): number {
  return now;
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  if (listeners.size === 1) {
    now = serverNow();
    timer = setInterval(tickIfSeen, TICK_MS);
    document.addEventListener("visibilitychange", tickIfSeen);
  }
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", tickIfSeen);
    }
  };
}

function tickIfSeen(): void {
  if (!document.hidden) {
    tick();
  }
}

function tick(): void {
  now = serverNow();
  for (const listener of listeners) {
    listener();
  }
}
