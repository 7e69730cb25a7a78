// Where a numbered line of a log is. The server knows lines by their position only, so the numbers are walked, from the
// nearer side; whatever the cap left out is passed over.

import type { Problem } from "../../graphql/problem";
import type { Line } from "./buffer";
import type { Place } from "./feed";

export type Numbered = Pick<Line, "cursor" | "number">;

/** Numbers of one attempt's lines. */
export type Numbers = (
  place: Place,
) => Promise<{ lines: readonly Numbered[]; hasOlder: boolean; hasNewer: boolean } | { problem: Problem }>;

export type Located =
  | { at: Numbered }
  /** It was not printed (yet), or was left out. */
  | { missing: "beyond" | "left out" }
  | { problem: Problem };

const PAGE = 5_000;
/** A page from the end costs the server about so many from the start. */
const BACKWARD_COST = 5;

export async function locate(numbers: Numbers, wanted: number): Promise<Located> {
  let page = await numbers({ last: 1, before: null });
  if ("problem" in page) {
    return page;
  }
  const last = page.lines.at(-1);
  if (last === undefined || last.number < wanted) {
    return { missing: "beyond" };
  }
  const isNearEnd = (last.number - wanted) * BACKWARD_COST < wanted;
  let place: Place = isNearEnd ? { last: PAGE, before: null } : { first: PAGE, after: null };
  for (;;) {
    page = await numbers(place);
    if ("problem" in page) {
      return page;
    }
    const first = page.lines[0];
    const end = page.lines.at(-1);
    if (first === undefined || end === undefined) {
      return { missing: "left out" };
    }
    const at = page.lines.find(({ number }) => number === wanted);
    if (at !== undefined) {
      return { at };
    }
    const goesOn = isNearEnd ? first.number > wanted && page.hasOlder : end.number < wanted && page.hasNewer;
    if (!goesOn) {
      return { missing: "left out" };
    }
    place = isNearEnd ? { last: PAGE, before: first.cursor } : { first: PAGE, after: end.cursor };
  }
}
