// Live progress of the running rows of a page. The feed tells committed changes only, and progress is none.

import { useEffect, useState } from "react";
import { connection } from "../../graphql/client";
import { follow } from "../../graphql/follow";
import { type ProgressFieldsFragment, RowProgressDocument } from "../../graphql/generated";
import type { Row } from "./list";

/** So many rows are followed: a socket has a bounded number of subscriptions. */
const MAX_FOLLOWED = 20;
const NOTHING: ReadonlyMap<string, ProgressFieldsFragment> = new Map();

/** The latest progress of the running rows, by id. */
export function useRowProgress(rows: readonly Row[]): ReadonlyMap<string, ProgressFieldsFragment> {
  const running = rows.filter((row) => row.state === "RUNNING").slice(0, MAX_FOLLOWED);
  const key = running.map((row) => row.id).join(" ");
  const [known, setKnown] = useState(NOTHING);

  useEffect(() => {
    const ids = key === "" ? [] : key.split(" ");
    setKnown((before) => new Map([...before].filter(([id]) => ids.includes(id))));
    const ends = ids.map((id) =>
      follow(connection, {
        document: RowProgressDocument,
        variables: () => ({ id }),
        next: ({ jobStatus: { progress } }) => {
          if (progress !== null) {
            setKnown((before) => new Map(before).set(id, progress));
          }
        },
        // A row without its progress is still a row.
        failed: () => {},
        isLast: ({ jobStatus }) => jobStatus.terminal,
      }),
    );
    return () => {
      for (const end of ends) {
        end();
      }
    };
  }, [key]);

  return known;
}
