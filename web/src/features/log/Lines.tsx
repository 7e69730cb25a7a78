// The lines that can be seen, and a few around them.

import type { MouseEvent } from "react";
import { clockTime, duration } from "../../time/format";
import type { Line } from "./buffer";
import type { LogState } from "./feed";
import type { Found } from "./finder";
import { LogLine } from "./LogLine";
import { isLinked } from "./lineLink";
import type { Matcher } from "./matcher";
import type { Settings } from "./settings";
import type { Linked } from "./useLineLink";
import { useMarks } from "./useMarks";
import { useOpened } from "./useOpened";
import type { Scroll } from "./useScroll";

interface Props {
  state: LogState;
  scroll: Scroll;
  settings: Settings;
  isWhole: boolean;
  linked: Linked;
  find: { matcher: Matcher | null; current: Found | null };
  /** When an attempt started. */
  startOf(attempt: number): number | null;
  /** What to say where there is no line. */
  empty: string;
}

export function Lines({ state, scroll, settings, isWhole, linked, find, startOf, empty }: Props) {
  const { lines } = state;
  const items = scroll.rows.getVirtualItems();
  const seen = items.flatMap(({ index }) => lines[index] ?? []);
  const marks = useMarks(find.matcher, seen);
  const opened = useOpened(scroll.stay);

  const onClick = (event: MouseEvent) => {
    const number = event.target instanceof Element ? event.target.closest<HTMLElement>(".log-number") : null;
    const line = number === null ? undefined : seen.find(({ cursor }) => cursor === number.dataset.cursor);
    // With these the browser opens the link somewhere else.
    if (line !== undefined && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      linked.set(line, event.shiftKey);
    }
  };

  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: it hears the clicks on the links in it, which keys make too.
    <section
      className={`log-scroll ${settings.wrap ? "is-wrapped" : ""}`}
      ref={scroll.scroller}
      onScroll={scroll.onScroll}
      onClick={onClick}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard.
      tabIndex={0}
      aria-label="Lines of the log"
    >
      <div className="log-lines" style={{ height: scroll.rows.getTotalSize() }}>
        {items.map((row) => {
          const line = lines[row.index];
          if (line === undefined) {
            return null;
          }
          const previous = lines[row.index - 1];
          const isAimed = isLinked(linked.link, line);
          const isCurrent = find.current?.cursor === line.cursor;
          const isOpen = opened.state(line.cursor);
          return (
            <div
              key={row.key}
              ref={settings.wrap || isOpen !== undefined ? scroll.rows.measureElement : undefined}
              data-index={row.index}
              className={`log-line log-${line.stream.toLowerCase()}${isAimed ? " is-linked" : ""}${isCurrent ? " is-current" : ""}${isOpen ? " is-open" : ""}`}
              aria-current={isAimed || isCurrent ? "true" : undefined}
              style={{ transform: `translateY(${row.start}px)` }}
            >
              <LogLine
                line={line}
                previous={previous}
                isWhole={isWhole}
                time={time(line, previous, settings.times, startOf)}
                spans={marks.get(line.cursor)}
                isOpen={isOpen}
                onToggle={opened.toggle}
              />
            </div>
          );
        })}
      </div>
      {lines.length === 0 && state.problem === null && <p className="log-empty">{empty}</p>}
    </section>
  );
}

function time(
  line: Line,
  previous: Line | undefined,
  times: Settings["times"],
  startOf: Props["startOf"],
): string | null {
  const at = Date.parse(line.at);
  if (times === "off") {
    return null;
  }
  if (times === "clock") {
    return `${clockTime(at)}.${String(at % 1_000).padStart(3, "0")}`;
  }
  const from =
    times === "start" ? startOf(line.attempt) : previous === undefined ? null : Date.parse(previous.at);
  return from === null ? "" : `+${duration(at - from)}`;
}
