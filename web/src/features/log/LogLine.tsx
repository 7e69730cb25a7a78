// One line: its number, which stream it came from, and its text with colours. Text is only ever text.

import { memo, useMemo } from "react";
import { count, exactTime } from "../../time/format";
import { pieces } from "./ansi";
import { type Line, leftOutBefore } from "./buffer";

const STREAMS: Record<string, { short: string; long: string }> = {
  STDOUT: { short: "", long: "" },
  STDERR: { short: "err", long: "standard error" },
  SYSTEM: { short: "sys", long: "Longhaul" },
};

interface Props {
  line: Line;
  previous: Line | undefined;
}

export const LogLine = memo(function LogLine({ line, previous }: Props) {
  const text = useMemo(() => pieces(line.text), [line.text]);
  const stream = STREAMS[line.stream] ?? { short: line.stream, long: line.stream };
  const leftOut = leftOutBefore(line, previous);
  const isNewAttempt = line.attempt > 1 && line.attempt !== previous?.attempt;
  return (
    <>
      <span className="log-number" title={exactTime(Date.parse(line.at))}>
        {line.number}
      </span>
      <span className="log-stream" title={stream.long}>
        {stream.short}
      </span>
      <span className="log-text">
        {isNewAttempt && <span className="log-note">attempt {line.attempt}</span>}
        {leftOut > 0 && (
          <span className="log-note">{count(leftOut)} lines before this one were left out</span>
        )}
        {text.pieces.map((piece, index) => (
          <span
            // biome-ignore lint/suspicious/noArrayIndexKey: the pieces of a line never change.
            key={index}
            className={piece.className || undefined}
            style={
              piece.color === null && piece.background === null
                ? undefined
                : { color: piece.color ?? undefined, backgroundColor: piece.background ?? undefined }
            }
          >
            {piece.text}
          </span>
        ))}
        {text.hidden > 0 && (
          <span className="log-note">{count(text.hidden)} more characters: see the download</span>
        )}
        {line.cut && <span className="log-note">cut: the line was longer than the limit</span>}
      </span>
    </>
  );
});
