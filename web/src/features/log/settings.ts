// How this reader wants logs shown. Kept in the browser, for every job.

import { useSyncExternalStore } from "react";
import { keep } from "../../kept";

export const TIMES = ["off", "clock", "start", "before"] as const;

export interface Settings {
  wrap: boolean;
  /** When a line was read: not shown, by the clock, since its attempt started, since the line before it. */
  times: (typeof TIMES)[number];
}

const kept = keep("longhaul-log", parseSettings);

/** The settings, and how they are changed. */
export function useSettings(): [Settings, (change: Partial<Settings>) => void] {
  return [useSyncExternalStore(kept.subscribe, kept.now), set];
}

function set(change: Partial<Settings>): void {
  kept.set({ ...kept.now(), ...change });
}

function parseSettings(text: string | null): Settings {
  let found: Partial<Record<keyof Settings, unknown>> = {};
  try {
    found = JSON.parse(text ?? "{}") ?? {};
  } catch {
    // What is kept can't be read.
  }
  return { wrap: found.wrap === true, times: TIMES.find((one) => one === found.times) ?? "off" };
}
