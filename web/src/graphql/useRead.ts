// Shows what the cache has and the server answers, kept current, and reads it again whenever the connection came back.

import type { TypedDocumentNode } from "@graphql-typed-document-node/core";
import type { AnyVariables } from "@urql/core";
import { useCallback, useEffect, useState } from "react";
import { answer, ask, cached, useCaller, useRecoveries } from "./client";
import type { Problem } from "./problem";
import { useRetry } from "./useRetry";

/** What was read. `data` beside a `problem` is what was known before it. */
export interface Read<Data> {
  data: Data | null;
  problem: Problem | null;
  reload(): void;
}

/** Reads `document`, once it is wanted. Data of other variables, or of another caller, is never shown. */
export function useRead<Data, Variables extends AnyVariables>(
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
  isWanted = true,
): Read<Data> {
  const asked = JSON.stringify(variables);
  // Data of another caller is as little this one's as data of other variables.
  const key = `${useCaller()} ${asked}`;
  const recoveries = useRecoveries();
  const [round, setRound] = useState(0);
  const [known, setKnown] = useState<Known<Data>>({ key, data: null, problem: null });
  const { data, problem } = known.key === key ? known : { data: null, problem: null };
  const reload = useCallback(() => setRound((before) => before + 1), []);

  // biome-ignore lint/correctness/useExhaustiveDependencies: `recoveries` and `round` are what it is read again for.
  useEffect(() => {
    if (!isWanted) {
      return;
    }
    const variables = JSON.parse(asked) as Variables;
    const learn = (news: Partial<Known<Data>>) =>
      setKnown((before) => ({
        ...(before.key === key ? before : { key, data: null, problem: null }),
        ...news,
      }));
    let hadData = false;
    const reading = cached(document, variables).subscribe(({ data }) => {
      if (data) {
        hadData = true;
        learn({ data });
      } else if (hadData) {
        // News came of a job that say less than is shown of it.
        reload();
      }
    });
    const asking = ask(document, variables).subscribe((result) => {
      const { data, problem } = answer(result);
      learn({ problem });
      if (data === null && problem === null) {
        // They came before this answer, which is older.
        reload();
      }
    });
    return () => {
      reading.unsubscribe();
      asking.unsubscribe();
    };
  }, [document, asked, key, recoveries, round, isWanted]);

  useRetry(problem, reload);
  return { data, problem, reload };
}

interface Known<Data> {
  key: string;
  data: Data | null;
  problem: Problem | null;
}
