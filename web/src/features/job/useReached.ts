// The marks of a job's progress, for as long as the page looks at it.

import { useEffect, useState } from "react";
import { percentOf } from "../../components/ProgressBar";
import type { JobWholeFragment } from "../../graphql/generated";
import { NOTHING_SEEN, type Reached, see } from "./reached";

export function useReached({ attempt, progress }: JobWholeFragment): readonly Reached[] {
  const [seen, setSeen] = useState(NOTHING_SEEN);
  const percent = progress === null ? null : percentOf(progress);
  const at = progress === null ? null : Date.parse(progress.updatedAt);
  useEffect(() => {
    if (percent !== null && at !== null) {
      setSeen((before) => see(before, { attempt, percent, at }));
    }
  }, [attempt, percent, at]);
  return seen.reached;
}
