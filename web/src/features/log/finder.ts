// Walks a whole log, page by page from its start, for the lines in which something is found; then waits for more lines.

import type { Problem } from "../../graphql/problem";
import type { Line } from "./buffer";
import type { Place } from "./feed";
import type { Match } from "./matcher";

/** A line in which something was found. */
export type Found = Pick<Line, "cursor" | "attempt" | "number">;

/** What a search reads. */
export type Texts = (
  place: Place,
) => Promise<{ lines: readonly (Found & { text: string })[]; hasNewer: boolean } | { problem: Problem }>;

export interface FindState {
  /** In the order of the log. */
  found: readonly Found[];
  /** How many lines were looked at. */
  searched: number;
  /** Reading on. */
  isBusy: boolean;
  /** It ended before the log did. */
  stopped: "full" | "slow" | null;
  problem: Problem | null;
}

/** The most that one request gives. */
export const FIND_PAGE = 5_000;
/** So many lines are kept: nobody steps through more. */
export const MAX_FOUND = 20_000;

export class Finder {
  readonly #texts: Texts;
  readonly #match: Match;
  readonly #listeners = new Set<() => void>();
  #state: FindState = { found: [], searched: 0, isBusy: false, stopped: null, problem: null };
  #end: string | null = null;
  #isOver = false;
  #isWanted = false;

  constructor(texts: Texts, match: Match) {
    this.#texts = texts;
    this.#match = match;
  }

  readonly state = (): FindState => this.#state;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Reads on to the end that the log has now. May be called at any time. */
  async readOn(): Promise<void> {
    this.#isWanted = true;
    if (this.#state.isBusy) {
      return;
    }
    while (this.#isWanted && !this.#isOver && this.#state.stopped === null) {
      this.#isWanted = false;
      this.#set({ isBusy: true, problem: null });
      while (await this.#page()) {}
    }
    this.#set({ isBusy: false });
  }

  /** Nothing is read or told any more. */
  stop(): void {
    this.#isOver = true;
    this.#listeners.clear();
  }

  /** One page further; false: no more for now. */
  async #page(): Promise<boolean> {
    const page = await this.#texts({ first: FIND_PAGE, after: this.#end });
    if (this.#isOver) {
      return false;
    }
    if ("problem" in page) {
      this.#set({ problem: page.problem });
      return false;
    }
    const spans = await this.#match(page.lines.map((line) => line.text));
    if (spans === null) {
      this.#set({ stopped: "slow" });
      return false;
    }
    this.#end = page.lines.at(-1)?.cursor ?? this.#end;
    const found = page.lines
      .filter((_, index) => (spans[index]?.length ?? 0) > 0)
      .map(({ cursor, attempt, number }): Found => ({ cursor, attempt, number }));
    const all = [...this.#state.found, ...found].slice(0, MAX_FOUND);
    const searched = this.#state.searched + page.lines.length;
    const isFull = all.length === MAX_FOUND;
    this.#set({
      found: found.length > 0 ? all : this.#state.found,
      searched,
      stopped: isFull ? "full" : null,
    });
    return page.hasNewer && page.lines.length > 0 && !isFull;
  }

  #set(change: Partial<FindState>): void {
    this.#state = { ...this.#state, ...change };
    for (const listener of this.#listeners) {
      listener();
    }
  }
}

/** Which of them comes next from a place, the other way round where `by` is -1; around the end it begins anew. */
export function step(
  found: readonly Found[],
  from: Pick<Found, "attempt" | "number">,
  by: 1 | -1,
): Found | null {
  const isBeyond = (one: Found) => by * (one.attempt - from.attempt || one.number - from.number) > 0;
  return (by === 1 ? found.find(isBeyond) : found.findLast(isBeyond)) ?? found.at(by === 1 ? 0 : -1) ?? null;
}
