// What is shown only when somebody asks for it, and is no part of the first load.

import { type ComponentType, createElement, lazy, useCallback, useState } from "react";

const all: (() => Promise<unknown>)[] = [];

/** A component that is loaded when it is first shown, or before that by `loadAll`: then it is shown at once, too. */
export function later<Props extends object>(load: () => Promise<ComponentType<Props>>): ComponentType<Props> {
  let loaded: ComponentType<Props> | null = null;
  const ask = async () => {
    loaded = await load();
    return loaded;
  };
  all.push(ask);
  const Awaited = lazy(async () => ({ default: await ask() })) as unknown as ComponentType<Props>;
  // biome-ignore lint/correctness/noComponentHookFactories: it is called once for each module, as `lazy` is.
  return function Later(props: Props) {
    // One of both for as long as it is shown: it would begin anew as the other.
    const [Shown] = useState(() => loaded ?? Awaited);
    return createElement(Shown, props);
  };
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

interface Opening {
  /** One that was never wanted is not loaded. */
  wasWanted: boolean;
  isOpen: boolean;
  /** How often it was opened. */
  opening: number;
  set(isOpen: boolean): void;
}

/** Whether a dialog is open. */
export function useOpening(): Opening {
  const [{ isOpen, opening }, setState] = useState({ isOpen: false, opening: 0 });
  const set = useCallback((wanted: boolean) => {
    setState(({ isOpen: was, opening: before }) => ({
      isOpen: wanted,
      opening: wanted && !was ? before + 1 : before,
    }));
  }, []);
  return { wasWanted: opening > 0, isOpen, opening, set };
}
