// A link to lines of a log: #L120, #L120-L130, and #A2-L120 for an attempt after the first.

export interface LineLink {
  attempt: number;
  from: number;
  to: number;
}

/** The lines that the hash of an address names; null: none. */
export function parseLineLink(hash: string): LineLink | null {
  const match = /^(?:A([1-9]\d{0,8})-)?L([1-9]\d{0,14})(?:-L([1-9]\d{0,14}))?$/.exec(hash);
  if (match === null) {
    return null;
  }
  const one = Number(match[2]);
  const other = Number(match[3] ?? match[2]);
  return { attempt: Number(match[1] ?? 1), from: Math.min(one, other), to: Math.max(one, other) };
}

export function lineLink({ attempt, from, to }: LineLink): string {
  return `${attempt === 1 ? "" : `A${attempt}-`}L${from}${to === from ? "" : `-L${to}`}`;
}

/** Is this line one of them? */
export function isLinked(link: LineLink | null, line: { attempt: number; number: number }): boolean {
  return link !== null && line.attempt === link.attempt && line.number >= link.from && line.number <= link.to;
}
