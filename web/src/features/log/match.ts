// What a search finds in lines of text. Pure; runs in a worker, because an expression may take longer than a page may stand still.

import { plain } from "./escapes";

export interface Pattern {
  text: string;
  isRegex: boolean;
}

/** From and up to, in UTF-16 units of the text that is shown. */
export type Span = readonly [from: number, to: number];

/** More in one line are not marked. */
export const MAX_SPANS = 500;

/** The expression that finds the pattern, or what is wrong with it. A capital letter in the pattern makes case matter. */
export function compile({ text, isRegex }: Pattern): RegExp | { wrong: string } {
  const source = isRegex ? text : text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
  const escapesAside = isRegex ? text.replace(/\\./g, "") : text;
  try {
    return new RegExp(source, /\p{Lu}/u.test(escapesAside) ? "gu" : "giu");
  } catch (error) {
    return { wrong: error instanceof Error ? error.message : String(error) };
  }
}

/** For each line where in it the expression is found. What is empty is not found. */
export function spans(lines: readonly string[], expression: RegExp): Span[][] {
  return lines.map((line) => {
    const found: Span[] = [];
    for (const match of plain(line).matchAll(expression)) {
      if (match[0] !== "") {
        found.push([match.index, match.index + match[0].length]);
      }
      if (found.length === MAX_SPANS) {
        break;
      }
    }
    return found;
  });
}
