// An estimate in words that count down. Pure.

import type { EstimateFieldsFragment } from "../../graphql/generated";
import { count, duration } from "../../time/format";

/** Nearer than this nobody can say when. */
const ANY_MOMENT_MS = 1_000;

/** When a job will probably start, or end where it runs; null: it can't be said. What is only planned waits for nothing, so it is never late. */
export function expected(estimate: EstimateFieldsFragment, now: number, planned = false): string | null {
  const { startAt, startAtLatest, endAt, endAtLatest } = estimate;
  if (startAt !== null) {
    return words("starts", startAt, startAtLatest, now, planned);
  }
  return endAt === null ? null : words("ends", endAt, endAtLatest, now, planned);
}

/** What it rests on. */
export function grounds({ basedOnRuns }: EstimateFieldsFragment): string {
  return basedOnRuns === 1 ? "from one past run" : `from ${count(basedOnRuns)} past runs`;
}

function words(
  verb: "starts" | "ends",
  half: string,
  most: string | null,
  now: number,
  planned: boolean,
): string {
  const soon = Date.parse(half) - now;
  const late = most === null ? 0 : Date.parse(most) - now;
  if (soon < ANY_MOMENT_MS) {
    if (late >= ANY_MOMENT_MS) {
      return `${verb} any moment, within ${whole(late)} almost surely`;
    }
    return planned || late > -ANY_MOMENT_MS ? `${verb} any moment` : `${verb} any moment, later than most`;
  }
  return late <= soon
    ? `${verb} in about ${whole(soon)}`
    : `${verb} in about ${whole(soon)}, within ${whole(late)} almost surely`;
}

/** Tenths of a second would only flicker. */
function whole(millis: number): string {
  return duration(Math.ceil(millis / 1_000) * 1_000).replace(/\.0 s$/, " s");
}
