// One line: its number, when it was read, which stream it came from, and its text with colours. Text is only ever text.

import { memo, useMemo } from "react";
import { count, exactTime } from "../../time/format";
import { pieces } from "./ansi";
import { type Line, leftOutBefore } from "./buffer";
import { whole } from "./escapes";
import { isJson } from "./json";
import { JsonButton, LogJson } from "./LogJson";
import { levelOf } from "./level";
import { lineLink } from "./lineLink";
import { marked } from "./marks";
import type { Span } from "./match";
import { Parts } from "./Parts";

const STREAMS: Record<string, { short: string; long: string }> = {
  STDOUT: { short: "", long: "" },
  STDERR: { short: "err", long: "standard error" },
  SYSTEM: { short: "sys", long: "Longhaul" },
};
const NO_SPANS: readonly Span[] = [];

interface Props {
  line: Line;
  previous: Line | undefined;
  /** All streams are shown: a number that is missing was left out. */
  isWhole?: boolean;
  /** When it was read, in the reader's words; null: not shown. */
  time?: string | null;
  /** Where what is searched for stands. */
  spans?: readonly Span[] | undefined;
  /** A line of JSON is laid out below itself. */
  isOpen?: boolean | undefined;
  onToggle?(cursor: string): void;
}

export const LogLine = memo(function LogLine({
  line,
  previous,
  isWhole = true,
  time = null,
  spans = NO_SPANS,
  isOpen = false,
  onToggle,
}: Props) {
  const text = useMemo(() => pieces(line.text), [line.text]);
  const level = useMemo(() => levelOf(text.pieces.map((piece) => piece.text).join("")), [text]);
  const parts = useMemo(() => marked(text.pieces, spans), [text, spans]);
  const json = useMemo(() => jsonOf(line), [line]);
  const stream = STREAMS[line.stream] ?? { short: line.stream, long: line.stream };
  const leftOut = isWhole ? leftOutBefore(line, previous) : 0;
  const isNewAttempt = line.attempt > 1 && line.attempt !== previous?.attempt;
  const { attempt, number } = line;
  return (
    <>
      <a
        className="log-number"
        href={`#${lineLink({ attempt, from: number, to: number })}`}
        aria-label={`Line ${number}`}
        // Spelt out for whoever points at it, and not for every line of a fast log.
        onPointerEnter={(event) => {
          event.currentTarget.title = exactTime(Date.parse(line.at));
        }}
        // One of thousands: j and k go through them.
        tabIndex={-1}
        data-row
        data-cursor={line.cursor}
      >
        {number}
      </a>
      {time !== null && <span className="log-time">{time}</span>}
      <span className="log-stream" title={stream.long}>
        {stream.short}
      </span>
      <span className={level === null ? "log-text" : `log-text is-${level}`}>
        {json !== null && (
          <JsonButton number={number} isOpen={isOpen} onToggle={() => onToggle?.(line.cursor)} />
        )}
        {isNewAttempt && <span className="log-note">attempt {attempt}</span>}
        {leftOut > 0 && (
          <span className="log-note">{count(leftOut)} lines before this one were left out</span>
        )}
        <Parts parts={parts} />
        {text.hidden > 0 && (
          <span className="log-note">{count(text.hidden)} more characters: see the download</span>
        )}
        {line.cut && <span className="log-note">cut: the line was longer than the limit</span>}
        {json !== null && isOpen && <LogJson line={json} spans={spans} />}
      </span>
    </>
  );
});

/** What a line of JSON, or of JSON in colours, begins with. */
const BEGINNINGS = "{[\u001b";

/** The line without its escapes, where it is JSON. */
function jsonOf({ text, cut }: Line): string | null {
  if (cut || !BEGINNINGS.includes(text.trimStart().charAt(0) || " ")) {
    return null;
  }
  const line = whole(text);
  return isJson(line) ? line : null;
}
