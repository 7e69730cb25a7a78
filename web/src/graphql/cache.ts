// The cache of what the server said, by id: whatever brings a job's news, everything that shows the job has it.
//
// It is bounded: a job stays while something shows it or it is one of the last that were heard of; what hangs from
// nothing that stays is dropped by the library.

import type { Exchange } from "@urql/core";
import { type CacheExchangeOpts, cacheExchange } from "@urql/exchange-graphcache";
import { changes, type Heard } from "./heard";

/** Types without an id are parts of what they stand in. */
const PARTS = [
  "Estimate",
  "JobConnection",
  "JobFeed",
  "JobFeedEvent",
  "JobPayload",
  "JobStatus",
  "Label",
  "PageInfo",
  "Progress",
  "QueuePayload",
  "QueueStats",
  "StartJobPayload",
  "Wait",
];

/** The cache, between what learns who shows a job and what keeps old answers from it. */
export function caching(heard: Heard): Exchange[] {
  return [heard.watching, cacheExchange(rules(heard)), heard.sifting];
}

function rules(heard: Heard): CacheExchangeOpts {
  return {
    keys: Object.fromEntries(PARTS.map((type) => [type, () => null])),
    updates: {
      Job: {
        // A job that was heard of is what `job(id)` would answer.
        id: (job, _, cache) => {
          cache.link("Query", "job", { id: job.id as string }, job as never);
          for (const id of heard.forgetOld()) {
            cache.invalidate("Query", "job", { id });
          }
        },
        // What an earlier state said of fields that the news leaves out is no part of the new one.
        seq: (job, _, cache) => {
          if (heard.isNews(job)) {
            for (const { fieldName, arguments: args } of cache.inspectFields(job as never)) {
              if (changes(fieldName) && !(fieldName in job)) {
                cache.invalidate(job as never, fieldName, args);
              }
            }
          }
        },
      },
      Query: {
        // A list is read anew whenever it is opened: only the last is of use.
        jobs: (_, __, cache, { parentFieldKey }) => {
          for (const { fieldKey, fieldName, arguments: args } of cache.inspectFields("Query")) {
            if (fieldName === "jobs" && fieldKey !== parentFieldKey) {
              cache.invalidate("Query", fieldName, args);
            }
          }
        },
      },
    },
  };
}
