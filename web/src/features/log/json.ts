// A line that is JSON, laid out with a line for each of its values. Pure.
//
// Only white space is put in and taken out: a number keeps all its digits, a name that stands twice stands twice, and what
// is escaped stays escaped.

import type { Span } from "./match";

/** A longer line stays one line. */
export const MAX_JSON = 65_536;
/** What lies deeper is not moved further to the right: a line of brackets only would fill the page's memory. */
const MAX_INDENT = 32;

export interface Laid {
  text: string;
  /** For each place in the line, where in `text` it stands; for white space that went, what comes after it. */
  places: Uint32Array;
}

/** Is this line JSON that has more than one line to be laid out in? `line`: without its escapes. */
export function isJson(line: string): boolean {
  if (line.length > MAX_JSON || !/^\s*(?:\{\s*"|\[\s*[^\s\]])/.test(line) || !/[\]}]\s*$/.test(line)) {
    return false;
  }
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
}

/** Words, numbers and signs of JSON, and the white space between them. */
const PARTS = /\s+|"[^"\\]*(?:\\.[^"\\]*)*"|[^\s",:{}[\]]+|[^\s"]/g;

/** Lays out a line that is JSON. */
export function lay(line: string): Laid {
  const places = new Uint32Array(line.length);
  const out: string[] = [];
  let length = 0;
  let depth = 0;
  let before = "";
  const put = (text: string) => {
    out.push(text);
    length += text.length;
  };
  const newLine = () => put(`\n${"  ".repeat(Math.min(depth, MAX_INDENT))}`);
  for (const { 0: part, index } of line.matchAll(PARTS)) {
    if (/^\s/.test(part)) {
      places.fill(length, index, index + part.length);
      continue;
    }
    const closes = part === "}" || part === "]";
    const opened = before === "{" || before === "[";
    depth -= closes ? 1 : 0;
    if (closes !== opened || before === ",") {
      newLine();
    }
    for (let place = 0; place < part.length; place += 1) {
      places[index + place] = length + place;
    }
    put(part);
    depth += part === "{" || part === "[" ? 1 : 0;
    if (part === ":") {
      put(" ");
    }
    before = part;
  }
  return { text: out.join(""), places };
}

/** What was found in the line, where it stands now. */
export function moved(spans: readonly Span[], { text, places }: Laid): Span[] {
  return spans.map(([from, to]) => [places[from] ?? text.length, (places[to - 1] ?? text.length - 1) + 1]);
}
