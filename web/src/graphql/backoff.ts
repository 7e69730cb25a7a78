// How long to wait before the next try: twice as long each time, up to a bound, and never the same for all.

/** The longest pause between two tries, in milliseconds. */
export const MAX_PAUSE_MS = 30_000;
const FIRST_PAUSE_MS = 500;

/**
 * The pause before try number `tries` (0: the first one after a loss), in milliseconds. Half of it is chance,
 * so that many pages which lost the same server don't come back in the same instant.
 */
export function pauseBefore(tries: number, random: () => number = Math.random): number {
  const full = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(tries, 16));
  return Math.round(full / 2 + (full / 2) * random());
}

/** A pause that somebody may cut short. */
export interface Pause {
  /** When it ends by itself, in milliseconds since the epoch. */
  until: number;
  ended: Promise<void>;
  end(): void;
}

/** Begins a pause of `millis`. */
export function pause(millis: number): Pause {
  let end = () => {};
  const ended = new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, millis);
    end = () => {
      clearTimeout(timer);
      resolve();
    };
  });
  return { until: Date.now() + millis, ended, end };
}
