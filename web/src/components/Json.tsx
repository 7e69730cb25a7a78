// A JSON value to be read. A large one is cut: the page has to stay usable.

import { count } from "../time/format";

const MAX_SHOWN = 50_000;

export function Json({ value, label }: { value: unknown; label: string }) {
  const text = JSON.stringify(value, null, 2);
  const hidden = text.length - MAX_SHOWN;
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard. */}
      <section className="scroll" tabIndex={0} aria-label={label}>
        <pre>
          <code>{hidden > 0 ? text.slice(0, MAX_SHOWN) : text}</code>
        </pre>
      </section>
      {hidden > 0 && <p className="note">{count(hidden)} more characters are not shown. The API has them.</p>}
    </>
  );
}
