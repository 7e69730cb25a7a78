// A log as a reader sees it: its end first and live, older pages on demand, and never more than the buffer's bounds.
//
// Invariants: the lines are one run without holes or repeats. While the run reaches the log's end it is `attached`, and
// live lines are put after it. A reader who looks at older lines loses none of them to new ones: when there is no more
// room the run is detached from the end, and goes on from there when the reader comes back.

import type { Problem } from "../../graphql/problem";
import { type Line, LogBuffer } from "./buffer";

/** Lines of a page that was asked for. */
export interface Page {
  lines: readonly Line[];
  hasOlder: boolean;
  hasNewer: boolean;
  droppedBytes: number;
  /** No more lines can come. */
  complete: boolean;
}

/** Null: from the end, or from the start. */
export type Place = { last: number; before: string | null } | { first: number; after: string | null };

export interface Chunk {
  lines: readonly Line[];
  cursor: string;
  droppedBytes: number;
  complete: boolean;
}

/** Where lines come from. */
export interface Source {
  page(place: Place): Promise<Page | { problem: Problem }>;
  /** Live lines after a cursor, null: from the start, until the returned function is called. */
  tail(
    after: string | null,
    listener: { next(chunk: Chunk): void; failed(problem: Problem): void },
  ): () => void;
}

/** What is shown. */
export interface LogState {
  lines: readonly Line[];
  base: number;
  hasOlder: boolean;
  hasNewer: boolean;
  /** A page is being read. */
  loading: "none" | "end" | "older" | "newer" | "around";
  /** Lines that came while the reader looked elsewhere. */
  unseen: number;
  droppedBytes: number;
  complete: boolean;
  problem: Problem | null;
}

/** Lines of a page. */
export const PAGE_LINES = 1_000;
const SHOW_EVERY_MS = 100;

export class LogFeed {
  readonly #source: Source;
  readonly #buffer: LogBuffer;
  readonly #listeners = new Set<() => void>();
  #state: LogState;
  #shown: LogState;
  #following = true;
  #untail = () => {};
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Grows when whatever is being read no longer matters. */
  #round = 0;

  constructor(source: Source, buffer: LogBuffer = new LogBuffer()) {
    this.#source = source;
    this.#buffer = buffer;
    this.#state = {
      lines: [],
      base: 0,
      hasOlder: false,
      hasNewer: false,
      loading: "none",
      unseen: 0,
      droppedBytes: 0,
      complete: false,
      problem: null,
    };
    this.#shown = this.#state;
  }

  readonly state = (): LogState => this.#shown;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Reads the end and goes on live. */
  async toEnd(): Promise<void> {
    this.#detach();
    this.#following = true;
    const page = await this.#read("end", { last: PAGE_LINES, before: null });
    if (page === null) {
      return;
    }
    this.#buffer.replace(page.lines);
    this.#set({ hasOlder: page.hasOlder, hasNewer: false, unseen: 0 });
    this.#attach(page.complete);
  }

  /** Reads the line at this cursor and what is around it. Whoever asks for a line looks at that one, not at the end. */
  async around(cursor: string): Promise<void> {
    this.#detach();
    this.#following = false;
    const before = await this.#read("around", { last: PAGE_LINES / 2, before: cursor });
    const last = before?.lines.at(-1)?.cursor ?? null;
    const after = before === null ? null : await this.#read("around", { first: PAGE_LINES / 2, after: last });
    if (before === null || after === null) {
      return;
    }
    this.#buffer.replace([...before.lines, ...after.lines]);
    this.#set({ hasOlder: before.hasOlder, hasNewer: after.hasNewer, unseen: 0 });
    if (!after.hasNewer) {
      this.#attach(after.complete);
    }
  }

  /** Goes back to the end, which is read again only where the run does not reach it. Older lines still on their way are not waited for: they could push the end out. */
  returnToEnd(): void {
    if (this.#state.hasNewer) {
      void this.toEnd();
      return;
    }
    if (this.#state.loading === "older") {
      this.#round += 1;
      this.#set({ loading: "none" });
    }
    this.setFollowing(true);
  }

  /** Reads the page before what is there. */
  async older(): Promise<void> {
    const first = this.#state.lines[0];
    if (first === undefined || !this.#state.hasOlder || this.#state.loading !== "none") {
      return;
    }
    const page = await this.#read("older", { last: PAGE_LINES, before: first.cursor });
    if (page === null) {
      return;
    }
    const cutEnd = this.#buffer.prepend(page.lines);
    if (cutEnd) {
      this.#detach();
    }
    this.#set({ hasOlder: page.hasOlder, hasNewer: this.#state.hasNewer || cutEnd });
  }

  /** Reads the page after what is there, where it does not reach the end. */
  async newer(): Promise<void> {
    const last = this.#state.lines.at(-1);
    if (last === undefined || !this.#state.hasNewer || this.#state.loading !== "none") {
      return;
    }
    const page = await this.#read("newer", { first: PAGE_LINES, after: last.cursor });
    if (page === null) {
      return;
    }
    const cutStart = this.#buffer.append(page.lines);
    this.#set({ hasOlder: this.#state.hasOlder || cutStart, hasNewer: page.hasNewer });
    if (!page.hasNewer) {
      this.#attach(page.complete);
    }
  }

  /** Does the reader look at the end? Then old lines may go for new ones. */
  setFollowing(following: boolean): void {
    this.#following = following && !this.#state.hasNewer;
    if (this.#following && this.#state.unseen > 0) {
      this.#set({ unseen: 0 });
    }
  }

  stop(): void {
    this.#round += 1;
    this.#detach();
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  async #read(loading: LogState["loading"], place: Place): Promise<Page | null> {
    this.#round += 1;
    const round = this.#round;
    this.#set({ loading });
    const page = await this.#source.page(place);
    if (round !== this.#round) {
      return null;
    }
    if ("problem" in page) {
      this.#set({ loading: "none", problem: page.problem });
      return null;
    }
    this.#set({ loading: "none", problem: null, droppedBytes: page.droppedBytes });
    return page;
  }

  #attach(complete: boolean): void {
    this.#set({ complete });
    if (complete) {
      return;
    }
    this.#untail = this.#source.tail(this.#buffer.lines.at(-1)?.cursor ?? null, {
      next: (chunk) => this.#hear(chunk),
      failed: (problem) => this.#set({ problem }),
    });
  }

  #detach(): void {
    this.#untail();
    this.#untail = () => {};
  }

  #hear(chunk: Chunk): void {
    const { droppedBytes, complete } = chunk;
    if (!this.#following && !this.#buffer.hasRoom(chunk.lines)) {
      this.#detach();
      this.#set({ droppedBytes, hasNewer: true, unseen: this.#state.unseen + chunk.lines.length });
      return;
    }
    const cutStart = this.#buffer.append(chunk.lines);
    this.#set({
      droppedBytes,
      complete,
      hasOlder: this.#state.hasOlder || cutStart,
      unseen: this.#following ? 0 : this.#state.unseen + chunk.lines.length,
    });
  }

  /** A log may come faster than anybody reads: what is shown follows at most ten times a second. */
  #set(change: Partial<LogState>): void {
    this.#state = { ...this.#state, ...change, lines: this.#buffer.lines, base: this.#buffer.base };
    if (this.#timer === undefined) {
      this.#show();
    }
  }

  #show(): void {
    this.#shown = this.#state;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#shown !== this.#state) {
        this.#show();
      }
    }, SHOW_EVERY_MS);
    for (const listener of this.#listeners) {
      listener();
    }
  }
}
