// A row as the cache has it: whatever brings the job's news, the row shows it.

import { useEffect, useState } from "react";
import { cached, listen } from "../../graphql/client";
import { JobRowDocument, RowProgressDocument } from "../../graphql/generated";
import type { Row } from "./list";

/** So many rows are followed: a socket has a bounded number of subscriptions. */
const MAX_FOLLOWED = 20;

/** The row, kept current; `listed` is what the list heard of it. */
export function useRow(listed: Row): Row {
  const [row, setRow] = useState(listed);
  const { id } = listed;
  useEffect(() => {
    return cached(JobRowDocument, { id }).subscribe(({ data }) => {
      if (data?.job) {
        setRow(data.job);
      }
    }).unsubscribe;
  }, [id]);
  return row;
}

/** Has the cache hear the live progress of the running rows. The feed tells committed changes only, and progress is none. */
export function useRowProgress(rows: readonly Row[]): void {
  const running = rows.filter((row) => row.state === "RUNNING").slice(0, MAX_FOLLOWED);
  const key = running.map((row) => row.id).join(" ");
  useEffect(() => {
    const ids = key === "" ? [] : key.split(" ");
    // A row without its progress is still a row.
    const silent = { next: () => {}, failed: () => {} };
    const ends = ids.map((id) => listen(RowProgressDocument, { id }, silent));
    return () => {
      for (const end of ends) {
        end();
      }
    };
  }, [key]);
}
