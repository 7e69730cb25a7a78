// All queues, live: read once, then kept by what is pushed.

import { useEffect, useState } from "react";
import { listen, useCaller } from "../../graphql/client";
import { QueueStatsDocument, QueuesDocument, type QueuesQuery } from "../../graphql/generated";
import { type Read, useRead } from "../../graphql/useRead";

const NO_VARIABLES = {};

export interface Queues extends Read<QueuesQuery> {
  /** Grows whenever something about a queue changed, at most once a second for each: whoever reads more reads it again then. */
  pulse: number;
}

export function useQueues(): Queues {
  const read = useRead(QueuesDocument, NO_VARIABLES);
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
  return { ...read, pulse };
}
