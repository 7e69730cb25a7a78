// What is done to many, at the server: which jobs a filter names, a page at a time, and what is done to one.

import { act, readUncached } from "../../graphql/client";
import {
  BulkCancelDocument,
  BulkPageDocument,
  BulkRetryDocument,
  type JobFilter,
} from "../../graphql/generated";
import type { Problem } from "../../graphql/problem";

export type Action = "cancel" | "retry";

/** Jobs of a page that is asked for. */
const PAGE = 100;

/** Does it to one job; `run` names the whole. */
export async function actOn(action: Action, id: string, run: string): Promise<Problem | null> {
  // A repeated start makes no second job.
  const { problem } =
    action === "cancel"
      ? await act(BulkCancelDocument, { id })
      : await act(BulkRetryDocument, { id, idempotencyKey: `${run}-${id}` });
  return problem;
}

/** A single page. */
export async function* one(ids: readonly string[]) {
  yield ids;
}

/** All that match, newest first. What is started meanwhile is newer than the first page, and is left alone. */
export async function* pagesOf(filter: JobFilter): AsyncGenerator<readonly string[]> {
  let after: string | null = null;
  for (;;) {
    const { data }: Awaited<ReturnType<typeof page>> = await page(filter, after);
    if (data === null) {
      return;
    }
    yield data.jobs.nodes.map((job) => job.id);
    if (!data.jobs.pageInfo.hasNextPage || data.jobs.pageInfo.endCursor === null) {
      return;
    }
    after = data.jobs.pageInfo.endCursor;
  }
}

function page(filter: JobFilter, after: string | null) {
  return readUncached(BulkPageDocument, { filter, first: PAGE, after });
}

export function pause(millis: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, millis));
}
