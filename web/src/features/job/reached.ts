// When a job reached a quarter, a half and so on of its way, as far as this page has seen it: nobody keeps what a command
// says of its progress. Pure.

/** What a command said of itself in one attempt. */
export interface Said {
  attempt: number;
  percent: number;
  /** When it said so, in milliseconds since the epoch. */
  at: number;
}

export interface Reached extends Said {
  /** The page saw nothing of this attempt before: it may have been so far for long. */
  isFirst: boolean;
}

export interface Seen {
  /** The attempt that was heard of last; null: none was. */
  attempt: number | null;
  /** Quarters that it has behind it. */
  quarters: number;
  reached: readonly Reached[];
}

export const NOTHING_SEEN: Seen = { attempt: null, quarters: 0, reached: [] };

/** Takes in what was said. What it said in between, and was not seen, is not made up. */
export function see(seen: Seen, said: Said): Seen {
  const isFirst = seen.attempt !== said.attempt;
  const quarters = Math.floor(Math.min(100, said.percent) / 25);
  const before = isFirst ? 0 : seen.quarters;
  if (quarters <= before) {
    return isFirst ? { ...seen, attempt: said.attempt, quarters: before } : seen;
  }
  return { attempt: said.attempt, quarters, reached: [...seen.reached, { ...said, isFirst }] };
}
