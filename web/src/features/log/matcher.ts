// One pattern, looked for by a worker that is ended when it takes too long.

import type { Pattern, Span } from "./match";
import type { Question, Reply } from "./match.worker";
import MatchWorker from "./match.worker?worker";

/** An expression that needs longer for one page of lines would need for ever for all of them. */
const DEADLINE_MS = 3_000;

/** Looks at lines; null: it takes too long, or is over. */
export type Match = (lines: readonly string[]) => Promise<Span[][] | null>;

export class Matcher {
  readonly #pattern: Pattern;
  readonly #worker = new MatchWorker();
  readonly #waiting = new Map<number, (spans: Span[][] | null) => void>();
  #number = 0;
  #isOver = false;

  constructor(pattern: Pattern) {
    this.#pattern = pattern;
    this.#worker.onmessage = ({ data }: MessageEvent<Reply>) => this.#settle(data.number, data.spans);
    this.#worker.onerror = () => this.stop();
  }

  readonly match: Match = (lines) => {
    if (this.#isOver) {
      return Promise.resolve(null);
    }
    this.#number += 1;
    const number = this.#number;
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.stop(), DEADLINE_MS);
      this.#waiting.set(number, (spans) => {
        clearTimeout(timer);
        resolve(spans);
      });
      this.#worker.postMessage({ number, pattern: this.#pattern, lines } satisfies Question);
    });
  };

  /** Ends the worker; whoever waits hears null. */
  stop(): void {
    this.#isOver = true;
    this.#worker.terminate();
    for (const number of [...this.#waiting.keys()]) {
      this.#settle(number, null);
    }
  }

  #settle(number: number, spans: Span[][] | null): void {
    this.#waiting.get(number)?.(spans);
    this.#waiting.delete(number);
  }
}
