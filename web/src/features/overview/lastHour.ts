// The last hour in twelve parts, and what of the answers stands in each. Pure.

import type { JobFilter, OverviewQuery, ThroughputQueryVariables } from "../../graphql/generated";

export const PARTS = 12;
export const PART_MS = 5 * 60_000;
const MINUTE_MS = 60_000;

/** The beginning of the hour that ends with the minute of `now`: a link made of it stays the same for that minute. */
export function hourBefore(now: number): number {
  return Math.floor(now / MINUTE_MS + 1) * MINUTE_MS - PARTS * PART_MS;
}

/** The filters that count what was accepted in each part, of all queues or of one. */
export function parts(since: number, queue?: string): ThroughputQueryVariables {
  const filters = Array.from({ length: PARTS }, (_, part): [string, JobFilter] => [
    `b${part}`,
    {
      ...(queue !== undefined && { queues: [queue] }),
      createdAfter: new Date(since + part * PART_MS).toISOString(),
      createdBefore: new Date(since + (part + 1) * PART_MS).toISOString(),
    },
  ]);
  return Object.fromEntries(filters);
}

/** A wait that is over: when it ended, and how long it was, in milliseconds. */
export interface Waited {
  at: number;
  ms: number;
}

/** The waits of first attempts that began after `since`, oldest first. A later attempt's start says nothing of the wait for the first. */
export function waits(ended: OverviewQuery["ended"]["nodes"], since: number): Waited[] {
  return ended
    .flatMap(({ createdAt, startedAt, attempt }) =>
      startedAt === null || attempt !== 1
        ? []
        : [{ at: Date.parse(startedAt), ms: Date.parse(startedAt) - Date.parse(createdAt) }],
    )
    .filter(({ at }) => at >= since)
    .sort((a, b) => a.at - b.at);
}
