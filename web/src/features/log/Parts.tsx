// Text in pieces of one style each, of which some are what was searched for.

import type { Marked } from "./marks";

export function Parts({ parts }: { parts: readonly Marked[] }) {
  return parts.map((part, index) => {
    const Element = part.isFound ? "mark" : "span";
    const { color, background } = part;
    return (
      <Element
        // biome-ignore lint/suspicious/noArrayIndexKey: the pieces of a line never change.
        key={index}
        className={part.className || undefined}
        style={
          part.isFound || (color === null && background === null)
            ? undefined
            : { color: color ?? undefined, backgroundColor: background ?? undefined }
        }
      >
        {part.text}
      </Element>
    );
  });
}
