// What the server would say of a start, and the place that the job would get, before it is started.

import { useEffect, useState } from "react";
import { CheckJobDocument, type CheckJobQuery, type KindsQuery } from "../../graphql/generated";
import { useFresh } from "../../graphql/useFresh";
import { count } from "../../time/format";
import { Expected } from "../estimate/Expected";
import { usePulse } from "../queues/useQueues";

/** Whoever types is not asked about at every letter. */
const PAUSE_MS = 400;

interface Props {
  kind: KindsQuery["kinds"][number];
  args: unknown;
}

export function Place({ kind, args }: Props) {
  const content = useSettled(JSON.stringify(args));
  const pulse = usePulse();
  const { data } = useFresh(
    CheckJobDocument,
    () => ({ input: { kind: kind.name, args: JSON.parse(content) } }),
    `${kind.name} ${content}`,
    pulse,
  );
  return (
    <>
      <p className="note place-words" role="status">
        {data === null ? "" : words(data.checkJob, kind)}
      </p>
      {/* It counts down: nobody wants to hear that every second. */}
      {data?.checkJob.ok === true && (
        <p className="note">
          <Expected estimate={data.checkJob.estimate} planned />
        </p>
      )}
    </>
  );
}

function words(check: CheckJobQuery["checkJob"], { queue }: Props["kind"]): string {
  if (!check.ok) {
    // What does not fit the form says itself, once somebody tries.
    return check.code === "INVALID_ARGS" ? "" : `It would not be accepted now: ${check.message}.`;
  }
  if (check.position === null) {
    return "";
  }
  return check.position === 1
    ? `It would be next in the queue ${queue.name}.`
    : `It would be number ${count(check.position)} in the queue ${queue.name}.`;
}

/** The text, once it has been the same for a moment. */
function useSettled(text: string): string {
  const [settled, setSettled] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return settled;
}
