// What was asked for and can still be undone: held for a while before it is done, or done already with a way back.
//
// What is held was not sent. It is done once its time is over, wherever in the pages the reader is by then; whoever
// points at its notice, or has the focus in it, is given the time that they need.

import type { Problem } from "../../graphql/problem";

/** So long there is to undo something. */
export const UNDO_MS = 8_000;
/** At least so long after the pointer or the focus left. */
const AFTER_PAUSE_MS = 3_000;

/** How something ended, in words; with why it did not, or not for all. */
export interface Outcome {
  words: string;
  problem: Problem | null;
}

/** What is held until it can no longer be undone. */
export interface Wish {
  /** What will be done, as a sentence without its end: "2 jobs will be canceled". */
  words: string;
  /** Which jobs it is about: these, and all that wait in this queue. */
  ids: readonly string[];
  queue: string | null;
  run(report: (words: string) => void, isStopped: () => boolean): Promise<Outcome>;
}

/** What was done, and how it is undone. */
export interface Deed {
  words: string;
  undo(): Promise<Problem | null>;
}

export type Phase =
  /** `until`: when it is done, by this page's clock; null: not before the reader has left it. */
  | { name: "held"; until: number | null }
  | { name: "working"; canStop: boolean }
  | { name: "done"; canUndo: boolean; problem: Problem | null };

export interface Notice {
  id: number;
  words: string;
  ids: readonly string[];
  queue: string | null;
  phase: Phase;
}

interface Entry extends Notice {
  /** What happens when its time is over. */
  whenOver(): void;
  undo?: () => Promise<Problem | null>;
  timer?: ReturnType<typeof setTimeout> | undefined;
  until: number | null;
  isStopped: boolean;
}

export class Notices {
  readonly #listeners = new Set<() => void>();
  #entries: Entry[] = [];
  #shown: readonly Notice[] = [];
  #last = 0;

  /** Oldest first. */
  readonly all = (): readonly Notice[] => this.#shown;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Is there something that ends unfinished if the page is left? */
  isBusy(): boolean {
    return this.#entries.some(({ phase }) => phase.name !== "done");
  }

  /** Does it when its time is over, unless it is undone before. */
  hold({ words, ids, queue, run }: Wish): void {
    const entry = this.#add({ words, ids, queue, phase: { name: "held", until: null } });
    entry.whenOver = () => void this.#run(entry, run);
    this.#start(entry, UNDO_MS);
  }

  /** Offers for a while to undo what was done. */
  offer({ words, undo }: Deed): void {
    const phase: Phase = { name: "done", canUndo: true, problem: null };
    const entry = this.#add({ words, ids: [], queue: null, phase });
    entry.undo = undo;
    entry.whenOver = () => this.close(entry.id);
    this.#start(entry, UNDO_MS);
  }

  /** Takes back what is held, or what was done. */
  async undo(id: number): Promise<void> {
    const entry = this.#find(id);
    if (entry?.phase.name === "held") {
      this.close(id);
    } else if (entry?.undo !== undefined && entry.phase.name === "done" && entry.phase.canUndo) {
      clearTimeout(entry.timer);
      this.#change(entry, { words: "Undoing…", phase: { name: "working", canStop: false } });
      const problem = await entry.undo();
      if (problem === null) {
        this.close(id);
      } else {
        const phase: Phase = { name: "done", canUndo: false, problem };
        this.#change(entry, { words: "It could not be undone.", phase });
      }
    }
  }

  /** Does at once what is held. */
  now(id: number): void {
    const entry = this.#find(id);
    if (entry?.phase.name === "held") {
      clearTimeout(entry.timer);
      entry.whenOver();
    }
  }

  /** Ends what is being done before it is through. */
  stop(id: number): void {
    const entry = this.#find(id);
    if (entry !== undefined) {
      entry.isStopped = true;
    }
  }

  /** The reader is at it: its time stands still. */
  pause(id: number): void {
    const entry = this.#find(id);
    if (entry?.timer !== undefined) {
      clearTimeout(entry.timer);
      entry.timer = undefined;
      this.#showTime(entry, null);
    }
  }

  /** The reader left it. */
  resume(id: number): void {
    const entry = this.#find(id);
    if (entry !== undefined && entry.timer === undefined && entry.until !== null) {
      this.#start(entry, Math.max(AFTER_PAUSE_MS, entry.until - Date.now()));
    }
  }

  close(id: number): void {
    clearTimeout(this.#find(id)?.timer);
    this.#entries = this.#entries.filter((entry) => entry.id !== id);
    this.#tell();
  }

  async #run(entry: Entry, run: Wish["run"]): Promise<void> {
    entry.timer = undefined;
    entry.until = null;
    this.#change(entry, { phase: { name: "working", canStop: true } });
    const report = (words: string) => this.#change(entry, { words });
    const { words, problem } = await run(report, () => entry.isStopped);
    const phase: Phase = { name: "done", canUndo: false, problem };
    this.#change(entry, { words, ids: [], queue: null, phase });
    // What went wrong stays until it was read.
    if (problem === null) {
      entry.whenOver = () => this.close(entry.id);
      this.#start(entry, UNDO_MS);
    }
  }

  #start(entry: Entry, millis: number): void {
    entry.until = Date.now() + millis;
    entry.timer = setTimeout(() => {
      entry.timer = undefined;
      entry.whenOver();
    }, millis);
    this.#showTime(entry, entry.until);
  }

  #showTime(entry: Entry, until: number | null): void {
    this.#change(entry, entry.phase.name === "held" ? { phase: { name: "held", until } } : {});
  }

  #add(notice: Omit<Notice, "id">): Entry {
    this.#last += 1;
    const entry: Entry = { ...notice, id: this.#last, whenOver: () => {}, until: null, isStopped: false };
    this.#entries = [...this.#entries, entry];
    return entry;
  }

  #find(id: number): Entry | undefined {
    return this.#entries.find((entry) => entry.id === id);
  }

  #change(entry: Entry, change: Partial<Notice>): void {
    Object.assign(entry, change);
    this.#tell();
  }

  #tell(): void {
    this.#shown = this.#entries.map(({ id, words, ids, queue, phase }) => ({ id, words, ids, queue, phase }));
    for (const listener of this.#listeners) {
      listener();
    }
  }
}

/** Is this job among what is held or being done? `queue`: where it waits. */
export function isAsked(notices: readonly Notice[], id: string, queue: string): boolean {
  return notices.some((notice) => notice.ids.includes(id) || notice.queue === queue);
}

export const notices = new Notices();
