// One pattern, looked for by a worker that is ended when it takes too long.

import type { Pattern, Span } from "./match";
import type { Question, READY, Reply } from "./match.worker";
import MatchWorker from "./match.worker?worker";

/** An expression that needs longer for one page of lines would need for ever for all of them. */
const DEADLINE_MS = 3_000;

/** Looks at lines; null: it takes too long, or is over. */
export type Match = (lines: readonly string[]) => Promise<Span[][] | null>;

export class Matcher {
  readonly #pattern: Pattern;
  readonly #worker = new MatchWorker();
  readonly #waiting = new Map<number, (spans: Span[][] | null) => void>();
  readonly #isReady: Promise<void>;
  #number = 0;
  #isOver = false;

  constructor(pattern: Pattern) {
    this.#pattern = pattern;
    this.#isReady = new Promise((ready) => {
      this.#worker.onmessage = ({ data }: MessageEvent<Reply | typeof READY>) =>
        typeof data === "string" ? ready() : this.#settle(data.number, data.spans);
    });
    this.#worker.onerror = () => this.stop();
  }

  readonly match: Match = (lines) => {
    if (this.#isOver) {
      return Promise.resolve(null);
    }
    this.#number += 1;
    const number = this.#number;
    return new Promise((resolve) => {
      let timer: ReturnType<typeof setTimeout> | undefined;
      this.#waiting.set(number, (spans) => {
        clearTimeout(timer);
        resolve(spans);
      });
      // How long the worker itself takes to come is no fault of the expression.
      void this.#isReady.then(() => {
        if (this.#waiting.has(number)) {
          timer = setTimeout(() => this.stop(), DEADLINE_MS);
        }
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
