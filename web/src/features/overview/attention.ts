// What an operator should look at, in sentences, the worst first. Pure.

import type { OverviewQuery, QueueRowFragment } from "../../graphql/generated";
import { count, duration } from "../../time/format";

/** Who is first in line and waits longer is worth a look. */
const LONG_WAIT_MS = 5 * 60_000;
/** A queue that is fuller than this soon refuses. */
const FULL = 0.9;
/** So many failures of the last hour, and so great a part of what ended, are worth a look. */
const MANY_FAILED = 3;
const FAILED_PART = 0.1;

export interface Notice {
  text: string;
  /** The queue that it is about; null: the workers. */
  queue: string | null;
}

export function attention(
  queues: readonly QueueRowFragment[],
  workers: OverviewQuery["workers"],
): readonly Notice[] {
  const notices: Notice[] = [];
  if (workers.length > 0 && !workers.some((worker) => worker.live && !worker.draining)) {
    notices.push({ text: "No worker takes jobs: nothing starts.", queue: null });
  }
  for (const { name, paused, maxWaiting, stats } of queues) {
    const waiting = stats.waiting + stats.notBefore;
    const say = (text: string) => notices.push({ text, queue: name });
    if (maxWaiting > 0 && waiting >= maxWaiting * FULL) {
      say(`Queue ${name} holds ${count(waiting)} of ${count(maxWaiting)}: it soon refuses new jobs.`);
    }
    if (paused) {
      say(`Queue ${name} is paused; ${count(waiting)} wait.`);
    } else if ((stats.oldestWaitMs ?? 0) >= LONG_WAIT_MS) {
      say(`The first in line of queue ${name} has waited ${duration(stats.oldestWaitMs ?? 0)}.`);
    }
    if (stats.failedLastHour >= MANY_FAILED && stats.failedLastHour > stats.endedLastHour * FAILED_PART) {
      say(
        `${count(stats.failedLastHour)} of ${count(stats.endedLastHour)} jobs of queue ${name} failed in the last hour.`,
      );
    }
  }
  return notices;
}
