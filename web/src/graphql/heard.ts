// Which state of a job is the newest that was heard of, and which jobs are still of use.
//
// A cache takes the answer that comes last for the newest; a job's `seq` says which one is. So whatever the server says
// passes here before the cache sees it, and what is older than something heard before is taken out of it.

import { type AnyVariables, type Exchange, makeOperation, type Operation } from "@urql/core";
import { map, pipe } from "wonka";

/** So many jobs are remembered that nothing shows. */
export const MAX_HEARD = 500;

/** What of a job never changes: it is right in an old answer too. */
const FIXED = new Set([
  "__typename",
  "id",
  "kind",
  "queue",
  "args",
  "createdAt",
  "notBefore",
  "maxAttempts",
  "timeoutMs",
  "idempotencyKey",
  "startedBy",
  "labels",
  "retryOf",
]);

/** Fields of any content. */
const JSON_FIELDS = new Set(["args", "result", "argsSchema", "resultSchema"]);

/**
 * Makes of a query what the cache takes for a subscription of one message. The library orders the answers of queries by
 * when they were asked, and may show an earlier one over a later push; messages it takes as they come.
 */
export function asking<Data, Variables extends AnyVariables>(
  query: Operation<Data, Variables>,
): Operation<Data, Variables> {
  // The key is another than that of whoever reads the same from the cache.
  return makeOperation("subscription", { ...query, key: ~query.key }, { ...query.context, asked: true });
}

/** A job in an answer. */
type Fields = Record<string, unknown>;

export class Heard {
  /** The newest state of each job: its seq, and the moment as of which it was told. The job that was heard of last stands last. */
  readonly #newest = new Map<string, { seq: number; moment: number }>();
  /** Jobs as answers hold them, whose seq was new. */
  readonly #news = new WeakSet<Fields>();
  /** The job that each operation under way shows, by the operation's key. */
  readonly #shown = new Map<number, string>();
  /** Counts what was asked and heard: the order in which things were so. */
  #moment = 0;

  /** Stands before the cache: learns what is shown, and has no query pass the cache (see `asking`). */
  readonly watching: Exchange =
    ({ forward }) =>
    (operations) =>
      pipe(
        operations,
        map((operation) => {
          const { kind, key, variables, context } = operation;
          if (kind === "teardown") {
            this.#shown.delete(key);
          }
          if (kind !== "query") {
            return operation;
          }
          // An operation that shows a job names it by its variable `id`.
          if (typeof variables?.id === "string") {
            this.#shown.set(key, variables.id);
          }
          return makeOperation(kind, operation, { ...context, requestPolicy: "cache-only" });
        }),
        forward,
      );

  /** Stands behind the cache: sends what is asked, and lets nothing older pass to the cache. */
  readonly sifting: Exchange =
    ({ forward }) =>
    (operations) =>
      pipe(
        operations,
        map((operation) => {
          const { kind, context } = operation;
          const sent = kind === "subscription" && context.asked === true ? "query" : kind;
          return makeOperation(sent, operation, { ...context, askedAt: ++this.#moment });
        }),
        forward,
        map((result) => {
          const { kind, context } = result.operation;
          // An answer may be as old as its question; a push is as new as its arrival.
          this.#sift(result.data, kind === "subscription" ? ++this.#moment : context.askedAt);
          return kind === "query"
            ? { ...result, operation: makeOperation("subscription", result.operation, context) }
            : result;
        }),
      );

  /** Does this job, out of an answer, bring a new seq? */
  isNews(job: object): boolean {
    return this.#news.has(job as Fields);
  }

  /** Forgets the jobs that were heard of longest ago, are too many and are not shown; returns their ids. */
  forgetOld(): string[] {
    const old: string[] = [];
    if (this.#newest.size <= MAX_HEARD) {
      return old;
    }
    const shown = new Set(this.#shown.values());
    for (const id of this.#newest.keys()) {
      if (this.#newest.size <= MAX_HEARD) {
        break;
      }
      if (!shown.has(id)) {
        this.#newest.delete(id);
        old.push(id);
      }
    }
    return old;
  }

  /** After a lost connection: the server may have come back with an older copy of its data, and is right all the same. */
  startOver(): void {
    for (const id of this.#newest.keys()) {
      this.#newest.set(id, { seq: -1, moment: 0 });
    }
  }

  #sift(value: unknown, moment: number): void {
    if (typeof value !== "object" || value === null) {
      return;
    }
    const fields = value as Fields;
    if (fields.__typename === "Job" && typeof fields.id === "string" && typeof fields.seq === "number") {
      this.#judge(fields, fields.id, fields.seq, moment);
    }
    for (const [field, inner] of Object.entries(fields)) {
      // What a person or a program wrote may look like a job of ours.
      if (!JSON_FIELDS.has(field)) {
        this.#sift(inner, moment);
      }
    }
  }

  #judge(job: Fields, id: string, seq: number, moment: number): void {
    const newest = this.#newest.get(id);
    // Two states of one seq differ only in wait and progress: then the later is the newer.
    if (newest !== undefined && (seq < newest.seq || (seq === newest.seq && moment < newest.moment))) {
      for (const field of Object.keys(job)) {
        if (!FIXED.has(field)) {
          delete job[field];
        }
      }
      return;
    }
    if (seq !== newest?.seq) {
      this.#news.add(job);
    }
    this.#newest.delete(id);
    this.#newest.set(id, { seq, moment });
  }
}

/** Can this field of a job be another with another seq? */
export function changes(field: string): boolean {
  return !FIXED.has(field);
}
