// Escape sequences to pieces of styled text.

import { type Color, createColorPalette, namedColors, parseAnsiSequences } from "ansi-sequence-parser";
import { MAX_SHOWN, withStylesOnly } from "./escapes";

/** Text of one style. */
export interface Piece {
  text: string;
  /** Names of classes in log.css. */
  className: string;
  /** Colours beyond the sixteen that have a name. */
  color: string | null;
  background: string | null;
}

const palette = createColorPalette();

/** The pieces of one line, and how many characters of it are not shown. */
export function pieces(line: string): { pieces: Piece[]; hidden: number } {
  const text = line.length > MAX_SHOWN ? line.slice(0, MAX_SHOWN) : line;
  const tokens = parseAnsiSequences(withStylesOnly(text));
  return { pieces: tokens.map(piece), hidden: line.length - text.length };
}

function piece(token: ReturnType<typeof parseAnsiSequences>[number]): Piece {
  const classes: string[] = [...token.decorations].map((name) => `ansi-${name}`);
  const isReverse = token.decorations.has("reverse");
  const front = isReverse ? token.background : token.foreground;
  const back = isReverse ? token.foreground : token.background;
  classes.push(...named(front, "fg"), ...named(back, "bg"));
  return { text: token.value, className: classes.join(" "), color: value(front), background: value(back) };
}

function named(color: Color | null, side: "fg" | "bg"): string[] {
  const name =
    color?.type === "table" ? namedColors[color.index] : color?.type === "named" ? color.name : undefined;
  return name === undefined ? [] : [`ansi-${name}-${side}`];
}

function value(color: Color | null): string | null {
  if (color === null || named(color, "fg").length > 0) {
    return null;
  }
  return palette.value(color) ?? null;
}
