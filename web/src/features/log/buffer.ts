// The part of a log that the page holds: one run of lines without holes, bounded in lines and in characters.

import type { LogLineFieldsFragment } from "../../graphql/generated";

export type Line = LogLineFieldsFragment;

/** What the page holds at most. */
export interface Bounds {
  lines: number;
  /** UTF-16 units of text. */
  characters: number;
}

/** About 30 MB of memory at the very most, and more lines than anybody reads by scrolling. */
export const BOUNDS: Bounds = { lines: 20_000, characters: 8_000_000 };

/** What goes is cut off in pieces of a tenth, so that a full buffer does not move all its lines at each message. */
const PIECE = 0.1;

export class LogBuffer {
  readonly #bounds: Bounds;
  #lines: Line[] = [];
  #characters = 0;
  #base = 0;

  constructor(bounds: Bounds = BOUNDS) {
    this.#bounds = bounds;
  }

  /** Oldest first. Never changed in place. */
  get lines(): readonly Line[] {
    return this.#lines;
  }

  /** Falls by one for each line put before the others, and grows by one for each taken from there: what the scroll position follows. */
  get base(): number {
    return this.#base;
  }

  /** Would `more` fit without taking anything away? */
  hasRoom(more: readonly Line[]): boolean {
    return (
      this.#lines.length + more.length <= this.#bounds.lines &&
      this.#characters + size(more) <= this.#bounds.characters
    );
  }

  /** Begins anew. */
  replace(lines: readonly Line[]): void {
    this.#lines = [...lines];
    this.#characters = size(lines);
    this.#base = 0;
  }

  /** Puts lines after the others. True: older ones had to go. */
  append(lines: readonly Line[]): boolean {
    this.#lines = [...this.#lines, ...lines];
    this.#characters += size(lines);
    if (!this.#isOver()) {
      return false;
    }
    let count = 0;
    while (count < this.#lines.length - 1 && this.#isOver(count, PIECE)) {
      this.#characters -= text(this.#lines[count]);
      count += 1;
    }
    this.#lines = this.#lines.slice(count);
    this.#base += count;
    return true;
  }

  /** Puts lines before the others. True: newer ones had to go. */
  prepend(lines: readonly Line[]): boolean {
    this.#lines = [...lines, ...this.#lines];
    this.#characters += size(lines);
    this.#base -= lines.length;
    if (!this.#isOver()) {
      return false;
    }
    let count = 0;
    while (count < this.#lines.length - 1 && this.#isOver(count, PIECE)) {
      count += 1;
      this.#characters -= text(this.#lines[this.#lines.length - count]);
    }
    this.#lines = this.#lines.slice(0, this.#lines.length - count);
    return true;
  }

  #isOver(taken = 0, slack = 0): boolean {
    const part = 1 - slack;
    return (
      this.#lines.length - taken > this.#bounds.lines * part ||
      this.#characters > this.#bounds.characters * part
    );
  }
}

/** Lines that the log's cap left out right before this one. */
export function leftOutBefore(line: Line, previous: Line | undefined): number {
  return previous !== undefined && previous.attempt === line.attempt
    ? Math.max(0, line.number - previous.number - 1)
    : 0;
}

function text(line: Line | undefined): number {
  return line?.text.length ?? 0;
}

function size(lines: readonly Line[]): number {
  return lines.reduce((sum, line) => sum + text(line), 0);
}
