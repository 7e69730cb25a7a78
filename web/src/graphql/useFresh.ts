// Shows what the server answers and keeps it out of the cache: for what is read whole again whenever something changed.

import type { TypedDocumentNode } from "@graphql-typed-document-node/core";
import type { AnyVariables } from "@urql/core";
import { useCallback, useEffect, useRef, useState } from "react";
import { readUncached, useCaller, useRecoveries } from "./client";
import type { Problem } from "./problem";
import type { Read } from "./useRead";
import { useRetry } from "./useRetry";

interface Known<Data> {
  key: string;
  data: Data | null;
  problem: Problem | null;
}

/** One reader of one thing: has one question under way at most, however often something changes meanwhile. */
interface Reader {
  over: boolean;
  busy: boolean;
  again: boolean;
}

/**
 * Reads `document`, and again whenever `pulse` grows. `variables` are made at each question; `name` tells one thing
 * that is read from another, whose data is never shown for it.
 */
export function useFresh<Data, Variables extends AnyVariables>(
  document: TypedDocumentNode<Data, Variables>,
  variables: () => Variables,
  name: string,
  pulse: number,
): Read<Data> {
  const key = `${useCaller()} ${name}`;
  const recoveries = useRecoveries();
  const [round, setRound] = useState(0);
  const [known, setKnown] = useState<Known<Data>>({ key, data: null, problem: null });
  const make = useRef(variables);
  make.current = variables;
  const reader = useRef<Reader | null>(null);

  const ask = useCallback(
    async (by: Reader) => {
      if (by.busy) {
        by.again = true;
        return;
      }
      by.busy = true;
      do {
        by.again = false;
        const { data, problem } = await readUncached(document, make.current());
        if (by.over) {
          return;
        }
        setKnown((before) => ({ key, data: data ?? (before.key === key ? before.data : null), problem }));
      } while (by.again);
      by.busy = false;
    },
    [document, key],
  );

  // biome-ignore lint/correctness/useExhaustiveDependencies: `recoveries` and `round` are what it is read again for.
  useEffect(() => {
    const by = { over: false, busy: false, again: false };
    reader.current = by;
    void ask(by);
    return () => {
      by.over = true;
    };
  }, [ask, recoveries, round]);

  const felt = useRef(pulse);
  useEffect(() => {
    if (felt.current !== pulse) {
      felt.current = pulse;
      if (reader.current !== null) {
        void ask(reader.current);
      }
    }
  }, [ask, pulse]);

  const reload = useCallback(() => setRound((before) => before + 1), []);
  const { data, problem } = known.key === key ? known : { data: null, problem: null };
  useRetry(problem, reload);
  return { data, problem, reload };
}
