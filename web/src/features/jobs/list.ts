// Which jobs a page has, in which order, and how the feed changes that. Pure. What each row says comes from the cache.
//
// A row never moves under the reader's pointer: while the page is held, new rows wait and rows that no longer match stay.

import type { JobFeedSubscription, JobRowFragment, JobsPageQuery } from "../../graphql/generated";

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
  const next: Draft = {
    ...list,
    rows: [...list.rows],
    waiting: [...list.waiting],
    gone: new Set(list.gone),
    beyond: new Set(list.beyond),
  };
  for (const event of events) {
    hear(next, event);
  }
  next.stale ||= next.rows.length + next.waiting.length > MAX_ROWS;
  return hold ? next : settled(next);
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

interface Draft extends List {
  rows: Row[];
  waiting: Row[];
  gone: Set<string>;
  beyond: Set<string>;
}

function hear(list: Draft, event: FeedEvent): void {
  const shown = list.rows.findIndex((row) => row.id === event.jobId);
  const waiting = list.waiting.findIndex((row) => row.id === event.jobId);
  const job = event.job;
  if (!event.matches || job === null) {
    list.beyond.delete(event.jobId);
    if (waiting >= 0) {
      list.waiting.splice(waiting, 1);
    }
    if (shown >= 0) {
      list.gone.add(event.jobId);
    }
    return;
  }
  if (shown >= 0) {
    list.rows[shown] = job;
    list.gone.delete(job.id);
  } else if (waiting >= 0) {
    list.waiting[waiting] = job;
  } else {
    enter(list, job);
  }
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
  } else if (list.waiting.length < MAX_WAITING) {
    list.waiting = merge([job], list.waiting);
  } else {
    count(list, job);
    list.stale = true;
  }
}

function count(list: Draft, job: Row): void {
  if (list.beyond.size < MAX_BEYOND) {
    list.beyond.add(job.id);
  }
}

/** Both newest first; so is what comes out. */
function merge(some: readonly Row[], others: readonly Row[]): Row[] {
  return [...some, ...others].sort((a, b) => (isNewer(a, b) ? -1 : 1));
}

/**
 * Was `a` accepted after `b`? The order of the list is that of acceptance, which no field tells; it is the order of
 * `createdAt` but for jobs of one millisecond, and an id begins with its time too.
 */
function isNewer(a: Row, b: Row): boolean {
  const [first, second] = [Date.parse(a.createdAt), Date.parse(b.createdAt)];
  return first === second ? a.id > b.id : first > second;
}
