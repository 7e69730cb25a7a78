// Cancels what waits in a queue, once it can no longer be undone.

import { serverNow } from "../../time/now";
import { runBulk, type Tally } from "../jobs/bulk";
import { actOn, one, pagesOf, pause } from "../jobs/bulkServer";
import { notices } from "../undo/notices";
import { told, willBe } from "./cancelWords";

/** These jobs. */
export function cancelThese(ids: readonly string[]): void {
  hold(willBe(ids.length, ids[0]), ids, null, () => one(ids));
}

/** All that wait now in this queue, `count` of them, the last in line first: what comes later is left alone. */
export function cancelAll(queue: string, count: number): void {
  const filter = {
    queues: [queue],
    states: ["QUEUED" as const],
    createdBefore: new Date(serverNow()).toISOString(),
  };
  hold(willBe(count), [], queue, () => pagesOf(filter));
}

function hold(
  words: string,
  ids: readonly string[],
  queue: string | null,
  pages: () => AsyncIterable<readonly string[]>,
): void {
  notices.hold({
    words,
    ids,
    queue,
    async run(report, isStopped) {
      const tell = ({ done, failed }: Tally) => report(told({ done, failed }, "so far"));
      const act = (id: string) => actOn("cancel", id, "");
      const tally = await runBulk({ pages: pages(), act, report: tell, isStopped, pause });
      return { words: told(tally, isStopped() ? "stopped" : "over"), problem: tally.problem };
    },
  });
}
