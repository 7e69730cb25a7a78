// One job out of what was read and what was pushed: the greater seq is the newer, whichever came last.

import type { JobLiveFragment, JobStatusSubscription, JobWholeFragment } from "../../graphql/generated";

export type Whole = JobWholeFragment;
type Status = JobStatusSubscription["jobStatus"];

/** What is known of one job. */
export interface Known {
  whole: Whole | null;
  live: JobLiveFragment | null;
  /** It was pruned. What is known of it is all that there will be. */
  removed: boolean;
}

export const NOTHING: Known = { whole: null, live: null, removed: false };

/** An answer to a query. */
export function answered(known: Known, whole: Whole): Known {
  const isOld = known.whole !== null && known.whole.seq > whole.seq;
  return isOld ? known : { ...known, whole };
}

/** What an action returned. */
export function acted(known: Known, live: JobLiveFragment): Known {
  return newer(known.live, live) ? { ...known, live } : known;
}

/** A message of `jobStatus`. Of two of one seq the later is the newer: they differ in wait and progress. */
export function pushed(known: Known, status: Status): Known {
  const live = { ...status.job, wait: status.wait, progress: status.progress };
  const next = newer(known.live, live) ? { ...known, live } : known;
  return status.change === "REMOVED" ? { ...next, removed: true } : next;
}

/** The job as it is shown; null while only a push came. */
export function shown(known: Known): Whole | null {
  const { whole, live } = known;
  if (whole === null || live === null || live.seq < whole.seq) {
    return whole;
  }
  return { ...whole, ...live };
}

function newer(before: JobLiveFragment | null, after: JobLiveFragment): boolean {
  return before === null || after.seq >= before.seq;
}
