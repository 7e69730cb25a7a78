// What was accepted in the last hour, as a chart and in numbers.

import type { ThroughputQuery } from "../../graphql/generated";
import { clockTime, count } from "../../time/format";
import { Chart } from "./LaterChart";
import { PART_MS, PARTS } from "./lastHour";

interface Props {
  since: number;
  throughput: ThroughputQuery | null;
}

export function Accepted({ since, throughput }: Props) {
  const to = since + PARTS * PART_MS;
  const starts = Array.from({ length: PARTS }, (_, part) => since + part * PART_MS);
  const counts = starts.map((_, part) => {
    const key = `b${part}` as keyof ThroughputQuery;
    return throughput?.[key]?.totalCount ?? null;
  });
  const all = counts.reduce<number>((sum, one) => sum + (one ?? 0), 0);
  return (
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
  );
}
