// Which jobs a page has, in which order, what each row says, and how what is heard changes that. Pure.
//
// A row never moves under the reader's pointer: while the page is held, new rows wait and rows that no longer match stay.
// A row never goes back to an older state of its job: two streams tell of it, and `seq` says which one is ahead.

import type { JobFeedSubscription, JobRowFragment, JobsPageQuery } from "../../graphql/generated";
import type { Problem } from "../../graphql/problem";

export type Row = JobRowFragment;
export type FeedEvent = JobFeedSubscription["jobFeed"]["events"][number];

/** Rows of one page. At most so many are asked for. */
export const PAGE_SIZE = 50;
/** A live page may grow to so many; then it is read again, so that its ends are those of the server's page. */
export const MAX_ROWS = 2 * PAGE_SIZE;
/** A page that shrank below this, though there are more, is read again. */
const MIN_ROWS = PAGE_SIZE / 2;
/** So many new rows are kept while the page is held; beyond, they are read when they are wanted. */
const MAX_WAITING = PAGE_SIZE;
/** So many are counted that are not kept. */
export const MAX_BEYOND = 1_000;

export interface List {
  /** Newest first. */
  rows: readonly Row[];
  /** New rows that wait to be shown, newest first. */
  waiting: readonly Row[];
  /** Rows that no longer match and are still shown. */
  gone: ReadonlySet<string>;
  /** Where the page lies, as the server said. */
  hasNewer: boolean;
  hasOlder: boolean;
  /** Cursors of the page as it was read: for the pages before and after it. */
  startCursor: string | null;
  endCursor: string | null;
  /** New jobs that are not kept: past those in `waiting`, or on a page before this one. */
  beyond: ReadonlySet<string>;
  /** What was accepted later is new, in milliseconds since the epoch. */
  asOf: number;
  /** The page must be read again: it grew too much. */
  stale: boolean;
}

/** What asking for a page comes to. */
export type Page = { list: List; feedCursor: string } | { problem: Problem };

/** The page as the server answered it, at `asOf` by the server's clock. */
export function loaded(page: JobsPageQuery["jobs"], asOf: number): List {
  return {
    rows: page.nodes,
    waiting: [],
    gone: new Set(),
    hasNewer: page.pageInfo.hasPreviousPage,
    hasOlder: page.pageInfo.hasNextPage,
    startCursor: page.pageInfo.startCursor,
    endCursor: page.pageInfo.endCursor,
    beyond: new Set(),
    asOf,
    stale: false,
  };
}

/** So many new rows are not shown. */
export function unseen(list: List): number {
  return list.waiting.length + list.beyond.size;
}

/** Takes in one message of the feed. */
export function heard(list: List, events: readonly FeedEvent[], hold: boolean): List {
  if (events.length === 0) {
    return list;
  }
  const draft: Draft = {
    ...list,
    rows: [...list.rows],
    places: new Map(list.rows.map((row, place) => [row.id, place])),
    waiting: new Map(list.waiting.map((row) => [row.id, row])),
    gone: new Set(list.gone),
    beyond: new Set(list.beyond),
    isFull: false,
  };
  for (const event of events) {
    hear(draft, event);
  }
  const { places: _, isFull, ...rest } = draft;
  const next: List = {
    ...rest,
    // Put in order once, however many came.
    waiting: merge([...draft.waiting.values()], []),
    stale: draft.stale || draft.rows.length + draft.waiting.size > MAX_ROWS,
  };
  if (hold) {
    return next;
  }
  // More than a page at once: none of them is shown before the page is read again, which has them all.
  return isFull ? { ...settled({ ...next, waiting: [] }), waiting: next.waiting } : settled(next);
}

/** The page as it was read again. What it says of a job may be older than what was told meanwhile. */
export function renewed(known: List, page: List): List {
  const before = new Map([...known.rows, ...known.waiting].map((row) => [row.id, row]));
  const rows = page.rows.map((row) => {
    const old = before.get(row.id);
    return old === undefined ? row : newer(old, row);
  });
  return { ...page, rows };
}

/** Takes in what was told of one job beside the feed, where the page has it. */
export function told(list: List, job: Row): List {
  const take = (rows: readonly Row[]) =>
    rows.some((row) => row.id === job.id)
      ? rows.map((row) => (row.id === job.id ? newer(row, job) : row))
      : rows;
  const rows = take(list.rows);
  const waiting = take(list.waiting);
  return rows === list.rows && waiting === list.waiting ? list : { ...list, rows, waiting };
}

/** After a lost connection: the server may have come back with an older copy of its data, and is right all the same. */
export function startedOver(list: List): List {
  const forget = (rows: readonly Row[]) => rows.map((row) => ({ ...row, seq: -1 }));
  return { ...list, rows: forget(list.rows), waiting: forget(list.waiting) };
}

/** Shows what waited. */
export function settled(list: List): List {
  if (list.waiting.length === 0 && list.gone.size === 0) {
    return list;
  }
  const rows = list.rows.filter((row) => !list.gone.has(row.id));
  const all = merge(list.waiting, rows);
  return {
    ...list,
    rows: all.slice(0, MAX_ROWS),
    waiting: [],
    gone: new Set(),
    stale: list.stale || all.length > MAX_ROWS || (list.hasOlder && all.length < MIN_ROWS),
  };
}

interface Draft extends Omit<List, "waiting"> {
  rows: Row[];
  /** Where in `rows` each job stands. */
  places: ReadonlyMap<string, number>;
  waiting: Map<string, Row>;
  gone: Set<string>;
  beyond: Set<string>;
  /** There were more new rows than are kept. */
  isFull: boolean;
}

function hear(list: Draft, event: FeedEvent): void {
  const place = list.places.get(event.jobId);
  const shown = place === undefined ? undefined : list.rows[place];
  const waiting = list.waiting.get(event.jobId);
  const job = event.job;
  if (!event.matches || job === null) {
    list.beyond.delete(event.jobId);
    list.waiting.delete(event.jobId);
    if (shown !== undefined) {
      list.gone.add(event.jobId);
    }
    return;
  }
  if (place !== undefined && shown !== undefined) {
    list.rows[place] = newer(shown, job);
    list.gone.delete(job.id);
  } else if (waiting !== undefined) {
    list.waiting.set(job.id, newer(waiting, job));
  } else {
    enter(list, job);
  }
}

/** Two states of one seq differ only in progress: then the one that came later is the newer. */
function newer(known: Row, heard: Row): Row {
  return heard.seq < known.seq ? known : heard;
}

/** A job that the page does not have: a new one, or an old one that matches only now. */
function enter(list: Draft, job: Row): void {
  const newest = list.rows[0];
  const oldest = list.rows.at(-1);
  if (oldest !== undefined && list.hasOlder && isNewer(oldest, job)) {
    return; // on a page after this one
  }
  if (list.hasNewer && (newest === undefined || isNewer(job, newest))) {
    // on a page before this one
    if (Date.parse(job.createdAt) > list.asOf) {
      count(list, job);
    }
  } else if (list.waiting.size < MAX_WAITING) {
    list.waiting.set(job.id, job);
  } else {
    count(list, job);
    list.isFull = true;
    list.stale = true;
  }
}

function count(list: Draft, job: Row): void {
  if (list.beyond.size < MAX_BEYOND) {
    list.beyond.add(job.id);
  }
}

/** All of them, newest first. */
function merge(some: readonly Row[], others: readonly Row[]): Row[] {
  return [...some, ...others].sort((a, b) => (isNewer(a, b) ? -1 : 1));
}

/**
 * Was `a` accepted after `b`? The order of the list is that of acceptance, which no field tells; it is the order of
 * `createdAt` but for jobs of one millisecond, and an id begins with its time too.
 */
function isNewer(a: Row, b: Row): boolean {
  // The server writes all instants alike, so that their text is in order too.
  return a.createdAt === b.createdAt ? a.id > b.id : a.createdAt > b.createdAt;
}
