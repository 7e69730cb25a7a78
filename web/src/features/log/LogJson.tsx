// A line that is JSON: the button that opens it, and what it opens. Text is only ever text.

import { useMemo } from "react";
import { lay, moved } from "./json";
import { marked } from "./marks";
import type { Span } from "./match";
import { Parts } from "./Parts";

interface ButtonProps {
  number: number;
  isOpen: boolean;
  onToggle(): void;
}

export function JsonButton({ number, isOpen, onToggle }: ButtonProps) {
  return (
    <button
      type="button"
      className="log-expand"
      aria-expanded={isOpen}
      aria-label={`JSON of line ${number}`}
      onClick={onToggle}
    />
  );
}

/** `line`: without its escapes; `spans`: where in it what is searched for stands. */
export function LogJson({ line, spans }: { line: string; spans: readonly Span[] }) {
  const laid = useMemo(() => lay(line), [line]);
  const parts = useMemo(
    () => marked([{ text: laid.text, className: "", color: null, background: null }], moved(spans, laid)),
    [laid, spans],
  );
  return (
    <pre className="log-json">
      <Parts parts={parts} />
    </pre>
  );
}
