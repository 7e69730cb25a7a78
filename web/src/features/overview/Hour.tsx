// The last hour as two charts: what was accepted, and how long it waited.

import type { OverviewQuery, ThroughputQuery } from "../../graphql/generated";
import { count, duration } from "../../time/format";
import { Accepted } from "./Accepted";
import { Chart } from "./LaterChart";
import { PART_MS, PARTS, waits } from "./lastHour";

interface Props {
  since: number;
  throughput: ThroughputQuery | null;
  ended: OverviewQuery["ended"]["nodes"];
}

export function Hour({ since, throughput, ended }: Props) {
  const to = since + PARTS * PART_MS;
  const waited = waits(ended, since);
  const most = Math.max(0, ...waited.map(({ ms }) => ms));
  return (
    <div className="hour">
      <Accepted since={since} throughput={throughput} />
      <section className="card" aria-labelledby="wait-title">
        <h2 id="wait-title">Waits of the last {count(ended.length)} that ended</h2>
        <Chart
          label={
            waited.length === 0
              ? "No job that ended began in the last hour"
              : `${count(waited.length)} waits, the longest ${duration(most)}`
          }
          times={waited.map(({ at }) => at)}
          values={waited.map(({ ms }) => ms)}
          kind="points"
          from={since}
          to={to}
          words={duration}
        />
        <p className="note">
          {waited.length === 0
            ? "None of them began in the last hour."
            : `The longest: ${duration(most)}. Medians stand with each queue.`}
        </p>
      </section>
    </div>
  );
}
