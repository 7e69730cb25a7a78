// Which columns of the list this reader wants. Kept in the browser.

import { useSyncExternalStore } from "react";

/** Those beside the state and the job itself, in the order in which they stand. */
export const COLUMNS = ["queue", "accepted", "waited", "ran", "exit", "worker", "startedBy"] as const;

export type Column = (typeof COLUMNS)[number];

export const COLUMN_WORDS: Record<Column, string> = {
  queue: "Queue",
  accepted: "Accepted",
  waited: "Waited",
  ran: "Ran",
  exit: "Exit",
  worker: "Worker",
  startedBy: "Started by",
};

const AT_FIRST: readonly Column[] = ["queue", "accepted", "ran"];
const KEY = "longhaul-columns";
const listeners = new Set<() => void>();
let columns = read();

/** The columns, and how one is shown or taken away. */
export function useColumns(): [readonly Column[], (column: Column, isOn: boolean) => void] {
  return [useSyncExternalStore(subscribe, () => columns), set];
}

/** What was kept, as far as it still means something. */
export function parseColumns(kept: string | null): readonly Column[] {
  try {
    const names: unknown = JSON.parse(kept ?? "null");
    return Array.isArray(names) ? COLUMNS.filter((column) => names.includes(column)) : AT_FIRST;
  } catch {
    return AT_FIRST;
  }
}

function set(column: Column, isOn: boolean): void {
  columns = COLUMNS.filter((one) => (one === column ? isOn : columns.includes(one)));
  try {
    window.localStorage.setItem(KEY, JSON.stringify(columns));
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

function read(): readonly Column[] {
  try {
    return parseColumns(window.localStorage.getItem(KEY));
  } catch {
    return AT_FIRST;
  }
}
