// An instant in few words, with the exact one behind it.

import { exactTime, relativeTime } from "../time/format";
import { useOfNow } from "../time/now";

export function Time({ at }: { at: string }) {
  const millis = Date.parse(at);
  const words = useOfNow((now) => relativeTime(millis, now));
  return (
    <time
      dateTime={at}
      // For whoever points at it: a page has many, and to spell one out takes longer than all else that it shows.
      onPointerEnter={(event) => {
        event.currentTarget.title = exactTime(millis);
      }}
    >
      {words}
    </time>
  );
}
