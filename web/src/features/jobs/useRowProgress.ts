// The progress of the rows: the feed tells committed changes only, and progress is none.

import { useEffect } from "react";
import { listen, uncached } from "../../graphql/client";
import { RowProgressDocument } from "../../graphql/generated";
import type { Row } from "./list";

/** So many rows are followed: a socket has a bounded number of subscriptions. */
const MAX_FOLLOWED = 20;

/** Follows the running rows; tells `hear` what comes of each. */
export function useRowProgress(rows: readonly Row[], hear: (job: Row) => void): void {
  const running = rows.filter((row) => row.state === "RUNNING").slice(0, MAX_FOLLOWED);
  const key = running.map((row) => row.id).join(" ");
  useEffect(() => {
    const ids = key === "" ? [] : key.split(" ");
    const ends = ids.map((id) =>
      listen(
        RowProgressDocument,
        { id },
        // A row without its progress is still a row.
        { next: ({ jobStatus: { job } }) => hear(job), failed: () => {} },
        uncached,
      ),
    );
    return () => {
      for (const end of ends) {
        end();
      }
    };
  }, [key, hear]);
}
