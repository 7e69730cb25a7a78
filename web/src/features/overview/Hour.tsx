// The last hour as two charts: what was accepted, and how long it waited.

import type { OverviewQuery, ThroughputQuery } from "../../graphql/generated";
import { clockTime, count, duration } from "../../time/format";
import { Chart } from "./Chart";
import { PART_MS, PARTS, waits } from "./lastHour";

interface Props {
  since: number;
  throughput: ThroughputQuery | null;
  ended: OverviewQuery["ended"]["nodes"];
}

export function Hour({ since, throughput, ended }: Props) {
  const to = since + PARTS * PART_MS;
  const starts = Array.from({ length: PARTS }, (_, part) => since + part * PART_MS);
  const counts = starts.map((_, part) => {
    const key = `b${part}` as keyof ThroughputQuery;
    return throughput?.[key]?.totalCount ?? null;
  });
  const waited = waits(ended, since);
  const most = Math.max(0, ...waited.map(({ ms }) => ms));
  const all = counts.reduce<number>((sum, one) => sum + (one ?? 0), 0);
  return (
    <div className="hour">
      <section className="card" aria-labelledby="throughput-title">
        <h2 id="throughput-title">Accepted in the last hour</h2>
        <Chart
          label={`${count(all)} jobs accepted in the last hour, by five minutes`}
          times={starts}
          values={counts}
          kind="bars"
          from={since}
          to={to}
          words={(value) => (Number.isInteger(value) ? count(value) : "")}
        />
        <details>
          <summary>The numbers</summary>
          <table className="figures">
            <caption className="hidden-words">Jobs accepted, by five minutes</caption>
            <thead>
              <tr>
                <th scope="col">From</th>
                <th scope="col">Accepted</th>
              </tr>
            </thead>
            <tbody>
              {starts.map((start, part) => (
                <tr key={start}>
                  <td>{clockTime(start)}</td>
                  <td>{counts[part] === null ? "more than 10,000" : count(counts[part] ?? 0)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </details>
      </section>
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
