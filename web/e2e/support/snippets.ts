// The programs that the documents show, as they stand there.

import { readFile } from "node:fs/promises";
import { resolve } from "node:path";

export interface Snippet {
  /** The last heading above it. */
  heading: string;
  /** What its fence says: `js`, `html`. */
  language: string;
  text: string;
}

const root = resolve(import.meta.dirname, "../../..");
const documented = "//127.0.0.1:8080";

/** Every fenced block of a document at the project's root. */
export async function snippets(document: string): Promise<Snippet[]> {
  const text = await readFile(resolve(root, document), "utf8");
  const found: Snippet[] = [];
  let heading = "";
  for (const [, title, language, block] of text.matchAll(/^#+ ([^\n]*)$|^```(\w*)\n(.*?)^```$/gms)) {
    if (title !== undefined) {
      heading = title;
    } else if (language !== undefined && block !== undefined) {
      found.push({ heading, language, text: block });
    }
  }
  return found;
}

/** A program for this server in place of the one that the documents name. */
export function at(server: string, text: string): string {
  if (!text.includes(documented)) {
    throw new Error(`it names no server:\n${text}`);
  }
  return text.replaceAll(documented, `//${new URL(server).host}`);
}
