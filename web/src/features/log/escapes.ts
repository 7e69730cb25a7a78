// What is not colour or weight is taken out of a line: no cursor moves here, and nothing that a job prints ever becomes
// markup, a link or a title. Without a library, so that a worker can load it.

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
// The styles that are left.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const STYLES = /\u001b\[[0-9;]*m/g;
// Marks that turn the direction of text make a line read otherwise than it is.
const BIDI = /[\u202a-\u202e\u2066-\u2069]/g;

/** The line with its styles, in the form that the parser knows, and no other escape. */
export function withStylesOnly(text: string): string {
  return text
    .replace(OTHER_SEQUENCES, "")
    .replace(CSI, (_, parameters: string, between: string, final: string) =>
      final === "m" && between === "" && /^[0-9;]*$/.test(parameters) ? style(parameters) : "",
    )
    .replace(CONTROLS, "\u00b7")
    .replace(BIDI, "\u00b7");
}

/** The line as it is read, without its styles: what a search looks at. */
export function plain(line: string): string {
  return whole(line.length > MAX_SHOWN ? line.slice(0, MAX_SHOWN) : line);
}

/** The same, with what of it is not shown. */
export function whole(line: string): string {
  return withStylesOnly(line).replace(STYLES, "");
}

/** An absent number means 0, which the parser leaves out. */
function style(parameters: string): string {
  const numbers = parameters.split(";").map((number) => (number === "" ? "0" : number));
  return `\u001b[${numbers.join(";")}m`;
}
