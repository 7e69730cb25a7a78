// How this reader wants logs shown. Kept in the browser, for every job.

import { useSyncExternalStore } from "react";

export const TIMES = ["off", "clock", "start", "before"] as const;

export interface Settings {
  wrap: boolean;
  /** When a line was read: not shown, by the clock, since its attempt started, since the line before it. */
  times: (typeof TIMES)[number];
}

const KEY = "longhaul-log";
const listeners = new Set<() => void>();
let settings = read();

/** The settings, and how they are changed. */
export function useSettings(): [Settings, (change: Partial<Settings>) => void] {
  return [useSyncExternalStore(subscribe, () => settings), set];
}

function set(change: Partial<Settings>): void {
  settings = { ...settings, ...change };
  try {
    window.localStorage.setItem(KEY, JSON.stringify(settings));
  } catch {
    // A browser that keeps nothing shows them for as long as the page is open.
  }
  for (const listener of listeners) {
    listener();
  }
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function read(): Settings {
  let kept: Partial<Record<keyof Settings, unknown>> = {};
  try {
    kept = JSON.parse(window.localStorage.getItem(KEY) ?? "{}") ?? {};
  } catch {
    // Nothing is kept, or what is can't be read.
  }
  return { wrap: kept.wrap === true, times: TIMES.find((one) => one === kept.times) ?? "off" };
}
