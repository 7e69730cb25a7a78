// Why a job waits, and where it stands in its line.

import { sentence } from "../../components/sentence";
import { Time } from "../../components/Time";
import type { WaitFieldsFragment } from "../../graphql/generated";
import { count } from "../../time/format";

export function Waiting({ wait, queue }: { wait: WaitFieldsFragment; queue: string }) {
  return (
    <p className="card waiting">
      {wait.position !== null && (
        <strong>
          {wait.position === 1 ? "Next" : `Number ${count(wait.position)}`} in the queue {queue}.{" "}
        </strong>
      )}
      {sentence(wait.reasonText)}
      {wait.eligibleAt !== null && (
        <>
          {" "}
          It may start <Time at={wait.eligibleAt} />.
        </>
      )}
    </p>
  );
}
