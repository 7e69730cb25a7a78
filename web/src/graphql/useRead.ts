// Reads by a request, again whenever the connection came back, and keeps showing what it had meanwhile.

import type { TypedDocumentNode } from "@graphql-typed-document-node/core";
import type { AnyVariables } from "@urql/core";
import { useCallback, useEffect, useState } from "react";
import { read, useRecoveries } from "./client";
import type { Problem } from "./problem";
import { useRetry } from "./useRetry";

/** What was read. `data` beside a `problem` is what was known before it. */
export interface Read<Data> {
  data: Data | null;
  problem: Problem | null;
  loading: boolean;
  reload(): void;
}

interface Known<Data> {
  key: string;
  data: Data | null;
  problem: Problem | null;
  loading: boolean;
}

/** Reads `document`. Data of other variables is never shown. */
export function useRead<Data, Variables extends AnyVariables>(
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
): Read<Data> {
  const key = JSON.stringify(variables);
  const recoveries = useRecoveries();
  const [round, setRound] = useState(0);
  const [known, setKnown] = useState<Known<Data>>({ key, data: null, problem: null, loading: true });

  // biome-ignore lint/correctness/useExhaustiveDependencies: `recoveries` and `round` are what it is read again for.
  useEffect(() => {
    let current = true;
    setKnown((before) =>
      before.key === key ? { ...before, loading: true } : { key, data: null, problem: null, loading: true },
    );
    void read(document, JSON.parse(key) as Variables).then((answer) => {
      if (current) {
        setKnown((before) => ({
          key,
          data: answer.data ?? before.data,
          problem: answer.problem,
          loading: false,
        }));
      }
    });
    return () => {
      current = false;
    };
  }, [document, key, recoveries, round]);

  const reload = useCallback(() => setRound((before) => before + 1), []);
  useRetry(known.key === key ? known.problem : null, reload);
  if (known.key !== key) {
    return { data: null, problem: null, loading: true, reload };
  }
  return { data: known.data, problem: known.problem, loading: known.loading, reload };
}
