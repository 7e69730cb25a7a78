// A text that is there to be copied.

import { useRef, useState } from "react";

export function Copied({ text, label }: { text: string; label: string }) {
  const code = useRef<HTMLElement>(null);
  // Another text was not copied yet.
  const [told, setTold] = useState({ of: "", words: "" });
  const copy = async () => {
    let words = "Copied.";
    try {
      // A browser has it only on https and on the loopback, and may refuse it.
      await navigator.clipboard.writeText(text);
    } catch {
      if (code.current !== null) {
        getSelection()?.selectAllChildren(code.current);
      }
      words = "It is selected: copy it by your keyboard.";
    }
    setTold({ of: text, words });
  };
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard. */}
      <section className="scroll" tabIndex={0} aria-label={label}>
        <pre>
          <code ref={code}>{text}</code>
        </pre>
      </section>
      <p className="copy">
        <button type="button" onClick={() => void copy()}>
          Copy
        </button>
        <span className="note" role="status">
          {told.of === text && told.words}
        </span>
      </p>
    </>
  );
}
