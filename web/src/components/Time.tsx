// An instant in few words, with the exact one behind it.

import { exactTime, relativeTime } from "../time/format";
import { useNow } from "../time/now";

export function Time({ at }: { at: string }) {
  const now = useNow();
  const millis = Date.parse(at);
  return (
    <time dateTime={at} title={exactTime(millis)}>
      {relativeTime(millis, now)}
    </time>
  );
}
