// Which columns of the list this reader wants. Kept in the browser.

import { useSyncExternalStore } from "react";
import { keep } from "../../kept";

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
const kept = keep("longhaul-columns", parseColumns);

/** The columns, and how one is shown or taken away. */
export function useColumns(): [readonly Column[], (column: Column, isOn: boolean) => void] {
  return [useSyncExternalStore(kept.subscribe, kept.now), set];
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
  const shown = kept.now();
  kept.set(COLUMNS.filter((one) => (one === column ? isOn : shown.includes(one))));
}
