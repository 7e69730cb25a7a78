// All queues, live: read once, then kept by what is pushed.

import { useEffect, useState } from "react";
import { listen, useCaller } from "../../graphql/client";
import { QueueStatsDocument, QueuesDocument, type QueuesQuery } from "../../graphql/generated";
import { type Read, useRead } from "../../graphql/useRead";

const NO_VARIABLES = {};

export interface Queues extends Read<QueuesQuery> {
  /** Whoever reads more of the queues reads it again when this grows. */
  pulse: number;
}

export function useQueues(): Queues {
  const read = useRead(QueuesDocument, NO_VARIABLES);
  return { ...read, pulse: usePulse() };
}

/** Grows whenever something about a queue changed, at most once a second for each. */
export function usePulse(): number {
  const caller = useCaller();
  const [pulse, setPulse] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another caller follows by another client.
  useEffect(
    () =>
      listen(QueueStatsDocument, NO_VARIABLES, {
        next: () => setPulse((before) => before + 1),
        // What a caller may not see the read says, too.
        failed: () => {},
      }),
    [caller],
  );
  return pulse;
}
