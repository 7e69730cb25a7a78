// The pieces of a line, cut where something was found begins and ends.

import type { Piece } from "./ansi";
import type { Span } from "./match";

export interface Marked extends Piece {
  isFound: boolean;
}

export function marked(pieces: readonly Piece[], spans: readonly Span[]): Marked[] {
  const parts: Marked[] = [];
  let at = 0;
  for (const piece of pieces) {
    const end = at + piece.text.length;
    let from = at;
    for (const [start, stop] of spans) {
      if (stop <= from || start >= end) {
        continue;
      }
      put(parts, piece, piece.text.slice(from - at, Math.max(start, from) - at), false);
      put(parts, piece, piece.text.slice(Math.max(start, from) - at, Math.min(stop, end) - at), true);
      from = Math.min(stop, end);
    }
    put(parts, piece, piece.text.slice(from - at), false);
    at = end;
  }
  return parts;
}

function put(parts: Marked[], piece: Piece, text: string, isFound: boolean): void {
  if (text !== "") {
    parts.push({ ...piece, text, isFound });
  }
}
