// Idempotency keys that the page makes: one for each thing that a person wants once.

/** A new key. Not `randomUUID`: a browser has that only on https and on the loopback. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `web-${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

/**
 * Keeps one key for the same content, however often it is sent, until `done`. Other content gets another key, since the
 * server refuses the same key for it.
 */
export class KeyKeeper {
  #content: string | null = null;
  #key = newKey();

  keyFor(content: string): string {
    if (content !== this.#content) {
      if (this.#content !== null) {
        this.#key = newKey();
      }
      this.#content = content;
    }
    return this.#key;
  }

  /** What was wanted is done: wanting the same again is another thing. */
  done(): void {
    this.#content = null;
    this.#key = newKey();
  }
}
