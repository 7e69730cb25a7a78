// A small chart over the last hour. What it draws stands beside it in words, for whoever can't see it.

import { useEffect, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

const HEIGHT_PX = 160;

interface Props {
  /** What it shows, as one sentence. */
  label: string;
  /** In milliseconds since the epoch, rising. */
  times: readonly number[];
  values: readonly (number | null)[];
  kind: "bars" | "points";
  /** The bounds of the time. */
  from: number;
  to: number;
  /** A value as the axis has it. */
  words(value: number): string;
}

export function Chart({ label, times, values, kind, from, to, words }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const data = useRef({ times, values, words });
  data.current = { times, values, words };
  const content = JSON.stringify([times, values]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: `content` is what the data say.
  useEffect(() => {
    const element = place.current;
    if (element === null) {
      return;
    }
    let plot = draw(element);
    function draw(into: HTMLDivElement): uPlot {
      const { times, values, words } = data.current;
      return new uPlot(
        options(into, kind, from, to, words),
        [times.map((time) => time / 1_000), [...values]],
        into,
      );
    }
    const again = () => {
      plot.destroy();
      plot = draw(element);
    };
    const resized = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: HEIGHT_PX }));
    resized.observe(element);
    // A canvas keeps the colours that it was drawn with.
    const dark = window.matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", again);
    return () => {
      dark.removeEventListener("change", again);
      resized.disconnect();
      plot.destroy();
    };
  }, [content, kind, from, to]);

  return <div ref={place} className="chart" role="img" aria-label={label} />;
}

function options(
  element: HTMLElement,
  kind: Props["kind"],
  from: number,
  to: number,
  words: Props["words"],
): uPlot.Options {
  const style = getComputedStyle(element);
  const color = (name: string) => style.getPropertyValue(name).trim();
  const axis = {
    stroke: color("--text-dim"),
    font: `12px ${color("--sans")}`,
    grid: { stroke: color("--border"), width: 1 },
    ticks: { show: false },
  };
  const line = { stroke: color("--accent"), fill: color("--running-bg") };
  return {
    width: element.clientWidth,
    height: HEIGHT_PX,
    legend: { show: false },
    cursor: { show: false },
    scales: {
      x: { time: true, range: [from / 1_000, to / 1_000] },
      y: { range: (_, __, max) => [0, Math.max(1, max * 1.1)] },
    },
    axes: [
      { ...axis, values: (_, ticks) => ticks.map((tick) => clock.format(tick * 1_000)) },
      { ...axis, size: 64, values: (_, ticks) => ticks.map((tick) => words(tick)) },
    ],
    series: [
      {},
      kind === "bars"
        ? {
            ...line,
            width: 1,
            paths: (uPlot.paths.bars as uPlot.Series.BarsPathBuilderFactory)({ size: [0.8, 60], align: 1 }),
            points: { show: false },
          }
        : { ...line, paths: () => null, points: { show: true, size: 6, fill: color("--accent") } },
    ],
  };
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
