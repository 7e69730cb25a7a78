// Why a job waits, and where it stands in its line.

import { sentence } from "../../components/sentence";
import { Time } from "../../components/Time";
import type { EstimateFieldsFragment, WaitFieldsFragment } from "../../graphql/generated";
import { count } from "../../time/format";
import { Expected } from "../estimate/Expected";

interface Props {
  wait: WaitFieldsFragment;
  estimate: EstimateFieldsFragment | null;
  queue: string;
}

export function Waiting({ wait, estimate, queue }: Props) {
  return (
    <p className="card waiting">
      {wait.position !== null && (
        <strong>
          {wait.position === 1 ? "Next" : `Number ${count(wait.position)}`} in the queue {queue}.{" "}
        </strong>
      )}
      <Expected estimate={estimate} /> {sentence(wait.reasonText)}
      {wait.eligibleAt !== null && (
        <>
          {" "}
          It may start <Time at={wait.eligibleAt} />.
        </>
      )}
    </p>
  );
}
