// What a reader does with a log: search it, choose what of it is shown and how, follow its end, take it away.

import { useId } from "react";
import type { LogStream } from "../../graphql/generated";
import type { Problem } from "../../graphql/problem";
import { count } from "../../time/format";
import { Download } from "./Download";
import { FirstError } from "./FirstError";
import { type Found, MAX_FOUND } from "./finder";
import { type Settings, TIMES, useSettings } from "./settings";
import type { Find } from "./useFind";
import type { Scroll } from "./useScroll";

const STREAMS: readonly { value: LogStream | null; words: string }[] = [
  { value: null, words: "All it printed" },
  { value: "STDOUT", words: "Standard output" },
  { value: "STDERR", words: "Standard error" },
];

const TIME_WORDS: Record<Settings["times"], string> = {
  off: "No times",
  clock: "Time of day",
  start: "Since the start",
  before: "Since the line before",
};

interface Props {
  id: string;
  find: Find;
  scroll: Scroll;
  stream: LogStream | null;
  onStream(stream: LogStream | null): void;
  /** A line that was looked for, to be marked. */
  onLine(line: Found): void;
  onProblem(problem: Problem | null): void;
}

export function Tools({ id, find, scroll, stream, onStream, onLine, onProblem }: Props) {
  const [settings, set] = useSettings();
  return (
    <div className="log-tools">
      <Search find={find} />
      <select
        aria-label="Shown of the log"
        value={stream ?? ""}
        onChange={({ currentTarget: { value } }) =>
          onStream(STREAMS.find((one) => one.value === value)?.value ?? null)
        }
      >
        {STREAMS.map(({ value, words }) => (
          <option key={words} value={value ?? ""}>
            {words}
          </option>
        ))}
      </select>
      <select
        aria-label="Times of the lines"
        value={settings.times}
        onChange={({ currentTarget: { value } }) =>
          set({ times: TIMES.find((one) => one === value) ?? "off" })
        }
      >
        {TIMES.map((one) => (
          <option key={one} value={one}>
            {TIME_WORDS[one]}
          </option>
        ))}
      </select>
      <button type="button" aria-pressed={settings.wrap} onClick={() => set({ wrap: !settings.wrap })}>
        Wrap
      </button>
      <button
        type="button"
        aria-pressed={scroll.following}
        onClick={scroll.following ? scroll.stay : scroll.toEnd}
      >
        Follow
      </button>
      {/* In one stream alone other lines are not there to be shown. */}
      {stream === null && <FirstError id={id} scroll={scroll} onFound={onLine} onProblem={onProblem} />}
      <Download id={id} stream={stream} onProblem={onProblem} />
    </div>
  );
}

function Search({ find }: { find: Find }) {
  const id = useId();
  const { pattern, setPattern, state, wrong } = find;
  const isOn = pattern.text !== "";
  return (
    <search className="log-search">
      <input
        type="search"
        aria-label="Search the log"
        placeholder="Search"
        aria-describedby={id}
        aria-invalid={wrong !== null}
        spellCheck={false}
        data-search
        value={pattern.text}
        onChange={(event) => setPattern({ text: event.currentTarget.value })}
        onKeyDown={(event) => {
          if (event.key === "Enter") {
            find.go(event.shiftKey ? -1 : 1);
          }
        }}
      />
      <button
        type="button"
        aria-label="Regular expression"
        title="Regular expression"
        aria-pressed={pattern.isRegex}
        onClick={() => setPattern({ isRegex: !pattern.isRegex })}
      >
        .*
      </button>
      {isOn && (
        <>
          <button
            type="button"
            aria-label="Previous match"
            disabled={state.found.length === 0}
            data-find="previous"
            onClick={() => find.go(-1)}
          >
            ↑
          </button>
          <button
            type="button"
            aria-label="Next match"
            disabled={state.found.length === 0}
            data-find="next"
            onClick={() => find.go(1)}
          >
            ↓
          </button>
        </>
      )}
      <span id={id} className="log-found" role="status">
        {isOn && !state.isBusy && words(find)}
      </span>
      {/* Whoever listens is told the end of it only. */}
      {isOn && state.isBusy && (
        <span className="log-found" aria-hidden="true">
          {words(find)} so far…
        </span>
      )}
    </search>
  );
}

function words({ wrong, state, current, matcher }: Find): string {
  const { found, stopped, problem } = state;
  if (wrong !== null) {
    return wrong;
  }
  if (problem !== null) {
    return `The search broke off: ${problem.message}`;
  }
  if (stopped === "slow") {
    return "The expression takes too long.";
  }
  if (matcher === null) {
    return "";
  }
  const lines = found.length === 1 ? "1 line" : `${count(found.length)} lines`;
  const at = current === null ? -1 : found.findIndex(({ cursor }) => cursor === current.cursor);
  if (at >= 0) {
    return `${count(at + 1)} of ${lines}`;
  }
  return stopped === "full" ? `${count(MAX_FOUND)} lines or more` : lines;
}
