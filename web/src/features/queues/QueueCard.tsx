// One queue: its slots, its numbers of the last hour, what can be done with it.

import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { Time } from "../../components/Time";
import { QueueLineDocument, type QueueRowFragment, ThroughputDocument } from "../../graphql/generated";
import { useFresh } from "../../graphql/useFresh";
import { count, duration } from "../../time/format";
import { serverNow, useOfNow } from "../../time/now";
import { Accepted } from "../overview/Accepted";
import { hourBefore, parts } from "../overview/lastHour";
import "../overview/overview.css";
import { NextUp } from "./NextUp";
import { QueueActions } from "./QueueActions";
import { Slots } from "./Slots";

interface Props {
  queue: QueueRowFragment;
  pulse: number;
  /** So many of those that wait are shown. */
  waiting: number;
  /** Is it one of several? Then its name leads to its own page. */
  isListed: boolean;
}

export function QueueCard({ queue, pulse, waiting, isListed }: Props) {
  const { name, stats } = queue;
  const line = useFresh(QueueLineDocument, () => ({ name, waiting }), `${name} ${waiting}`, pulse);
  const id = `queue-${name}`;
  return (
    <section className="card queue" aria-labelledby={id}>
      <div className="queue-head">
        <h2 id={id}>
          {isListed ? (
            <Link to="/queues/$name" params={{ name }}>
              {name}
            </Link>
          ) : (
            "Now"
          )}
        </h2>
        {queue.paused && <span className="state state-canceling">Paused</span>}
        {queue.viewerCanManage && <QueueActions queue={queue} />}
      </div>
      {queue.paused && <Paused queue={queue} />}
      <Slots queue={name} slots={queue.slots} running={stats.running} jobs={line.data?.running.nodes ?? []} />
      <dl className="numbers">
        <Figure name="Slots used">
          {count(stats.running)} of {count(queue.slots)}
        </Figure>
        <Figure name="Waiting">
          <Link to="/" search={{ queue: name, state: ["QUEUED"] }}>
            {count(stats.waiting + stats.notBefore)}
          </Link>
          {stats.notBefore > 0 && ` (${count(stats.notBefore)} for later)`}
        </Figure>
        <Figure name="First in line waits">
          {stats.oldestWaitMs === null ? "–" : duration(stats.oldestWaitMs)}
        </Figure>
        <Figure name="Wait, median and 95 %">{pair(stats.waitP50Ms, stats.waitP95Ms)}</Figure>
        <Figure name="Run, median and 95 %">{pair(stats.runP50Ms, stats.runP95Ms)}</Figure>
        <Figure name="Ended in the last hour">
          {count(stats.endedLastHour)}
          {stats.failedLastHour > 0 && `, ${count(stats.failedLastHour)} failed`}
        </Figure>
      </dl>
      {!isListed && <LastHour name={name} pulse={pulse} />}
      <NextUp queue={name} line={line} waiting={isListed ? null : stats.waiting + stats.notBefore} />
    </section>
  );
}

/** What was accepted into it. */
function LastHour({ name, pulse }: { name: string; pulse: number }) {
  const since = useOfNow(hourBefore);
  const { data } = useFresh(ThroughputDocument, () => parts(hourBefore(serverNow()), name), name, pulse);
  return (
    <div className="queue-hour">
      <Accepted since={since} throughput={data} />
    </div>
  );
}

function Paused({ queue }: { queue: QueueRowFragment }) {
  return (
    <p>
      Nothing starts here
      {queue.pausedBy !== null && ` since ${queue.pausedBy} paused it`}
      {queue.pausedAt !== null && (
        <>
          {" "}
          (<Time at={queue.pausedAt} />)
        </>
      )}
      {queue.pausedNote === null ? "." : `: ${queue.pausedNote}`}
    </p>
  );
}

function Figure({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function pair(median: number | null, most: number | null): string {
  return median === null || most === null ? "no history" : `${duration(median)}, ${duration(most)}`;
}
