// What is shown only when somebody asks for it, and is no part of the first load.

import { type ComponentType, type LazyExoticComponent, lazy, useCallback, useState } from "react";

const all: (() => Promise<unknown>)[] = [];

/** A component that is loaded when it is first shown, or before that by `loadAll`. */
export function later<Props>(
  load: () => Promise<ComponentType<Props>>,
): LazyExoticComponent<ComponentType<Props>> {
  all.push(load);
  return lazy(async () => ({ default: await load() }));
}

/** So that everything opens also while the server is away: what it is made of has come before, bit by bit, while nobody waits. */
export async function loadAll(
  pages: readonly (() => Promise<unknown>)[],
  /** There is a server to load it from. */
  reachable: () => Promise<void>,
): Promise<void> {
  for (const load of [...all, ...pages]) {
    await idle();
    await reachable();
    // What did not come is asked for again when it is opened, and says so there.
    await load().catch(() => {});
  }
}

function idle(): Promise<void> {
  return new Promise((resolve) => {
    if ("requestIdleCallback" in window) {
      requestIdleCallback(() => resolve(), { timeout: MAX_WAIT_MS });
    } else {
      setTimeout(resolve, PAUSE_MS);
    }
  });
}

/** A page that is never idle has the rest all the same. */
const MAX_WAIT_MS = 2_000;
/** Where the browser does not say when it is idle. */
const PAUSE_MS = 200;

/** Whether a dialog is open. One that was never wanted is not loaded. */
export function useOpening(): { wasWanted: boolean; isOpen: boolean; set(isOpen: boolean): void } {
  const [state, setState] = useState<"never" | "open" | "closed">("never");
  const set = useCallback((isOpen: boolean) => setState(isOpen ? "open" : "closed"), []);
  return { wasWanted: state !== "never", isOpen: state === "open", set };
}
