// Escape sequences to pieces of styled text. What is not colour or weight is taken out: no cursor moves here, and
// nothing that a job prints ever becomes markup, a link or a title.

import { type Color, createColorPalette, namedColors, parseAnsiSequences } from "ansi-sequence-parser";

/** Text of one style. */
export interface Piece {
  text: string;
  /** Names of classes in log.css. */
  className: string;
  /** Colours beyond the sixteen that have a name. */
  color: string | null;
  background: string | null;
}

/** So much of a line is shown; the download has the rest. */
export const MAX_SHOWN = 8_192;

// Titles, links and other strings up to their terminator, character sets, and two-character sequences.
const OTHER_SEQUENCES =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
  /\u001b(?:[\]PX^_][^\u0007\u001b\u009c]*(?:\u0007|\u001b\\|\u009c|$)|[ #%()*+\-./][^\u001b]?|[^[\]PX^_ #%()*+\-./]|$)/g;
// All that begins like a style, up to its final character or to the end of a line that was cut.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const CSI = /\u001b\[([0-9;:<=>?]*)([ -/]*)([@-~]|$)/g;
// What is left of escapes, and every control character but the tab.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const CONTROLS = /[\u0000-\u0008\u000a-\u001a\u001c-\u001f\u007f-\u009f]|\u001b(?!\[[0-9;]*m)/g;
// Marks that turn the direction of text make a line read otherwise than it is.
const BIDI = /[\u202a-\u202e\u2066-\u2069]/g;

const palette = createColorPalette();

/** The pieces of one line, and how many characters of it are not shown. */
export function pieces(line: string): { pieces: Piece[]; hidden: number } {
  const text = line.length > MAX_SHOWN ? line.slice(0, MAX_SHOWN) : line;
  const clean = text
    .replace(OTHER_SEQUENCES, "")
    .replace(CSI, (_, parameters: string, between: string, final: string) =>
      final === "m" && between === "" && /^[0-9;]*$/.test(parameters) ? style(parameters) : "",
    )
    .replace(CONTROLS, "\u00b7")
    .replace(BIDI, "\u00b7");
  const tokens = parseAnsiSequences(clean);
  return { pieces: tokens.map(piece), hidden: line.length - text.length };
}

/** An absent number means 0, which the parser leaves out. */
function style(parameters: string): string {
  const numbers = parameters.split(";").map((number) => (number === "" ? "0" : number));
  return `\u001b[${numbers.join(";")}m`;
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
