// Who waits in a queue, in its order, each with its place and why; and how it is taken out of it.

import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { ProblemNote } from "../../components/Problem";
import { sentence } from "../../components/sentence";
import { Time } from "../../components/Time";
import type { LineJobFragment, QueueLineQuery } from "../../graphql/generated";
import type { Read } from "../../graphql/useRead";
import { count } from "../../time/format";
import { Expected } from "../estimate/Expected";
import { isAsked } from "../undo/notices";
import { useNotices } from "../undo/useNotices";
import { cancelAll, cancelThese } from "./cancelWaiting";

interface Props {
  queue: string;
  line: Read<QueueLineQuery>;
  /** All that wait, also those that are not shown; null: only single ones can be canceled here. */
  waiting: number | null;
}

export function NextUp({ queue, line, waiting }: Props) {
  const { data, problem, reload } = line;
  const jobs = data?.waiting.nodes ?? [];
  const asked = useNotices();
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const onSelect = (id: string, isOn: boolean) =>
    setSelected((before) => new Set(isOn ? [...before, id] : [...before].filter((one) => one !== id)));
  // Whoever has left the line meanwhile is no longer meant.
  const chosen = jobs.map(({ id }) => id).filter((id) => selected.has(id) && !isAsked(asked, id, queue));
  const can = waiting !== null && jobs.some((job) => job.viewerCan.cancel);
  return (
    <>
      <h3>Next up</h3>
      {problem !== null && (
        <ProblemNote what="Those that wait could not be read" problem={problem} onRetry={reload} />
      )}
      {data !== null && jobs.length === 0 && (
        <p className="note">
          Nothing waits.{" "}
          <Link to="/start" className="inline">
            Start a job
          </Link>
        </p>
      )}
      {can && <Many queue={queue} waiting={waiting} chosen={chosen} onDone={() => setSelected(new Set())} />}
      {jobs.length > 0 && (
        <ol className="line" aria-label={`Next up in ${queue}`}>
          {jobs.map((job) => (
            <Waits
              key={job.id}
              job={job}
              isAsked={isAsked(asked, job.id, queue)}
              isSelected={can ? selected.has(job.id) : null}
              onSelect={onSelect}
            />
          ))}
        </ol>
      )}
      {data?.waiting.pageInfo.hasNextPage === true && (
        <p>
          <Link to="/" search={{ queue, state: ["QUEUED"] }}>
            Show all that wait
          </Link>
        </p>
      )}
    </>
  );
}

interface ManyProps {
  queue: string;
  waiting: number;
  chosen: readonly string[];
  onDone(): void;
}

function Many({ queue, waiting, chosen, onDone }: ManyProps) {
  return (
    <section className="actions line-actions" aria-label="Many at once">
      <button
        type="button"
        disabled={chosen.length === 0}
        onClick={() => {
          cancelThese(chosen);
          onDone();
        }}
      >
        Cancel {count(chosen.length)} selected
      </button>
      <button type="button" className="danger" onClick={() => cancelAll(queue, waiting)}>
        Cancel all {count(waiting)} that wait
      </button>
    </section>
  );
}

interface WaitsProps {
  job: LineJobFragment;
  /** Its cancel is held or under way. */
  isAsked: boolean;
  /** null: it can't be selected. */
  isSelected: boolean | null;
  onSelect(id: string, isOn: boolean): void;
}

function Waits({ job, isAsked, isSelected, onSelect }: WaitsProps) {
  const place = job.wait?.position ?? null;
  const short = `…${job.id.slice(-8)}`;
  return (
    <li className={isAsked ? "leaving" : undefined}>
      <span className="place">
        {isSelected !== null && (
          <input
            type="checkbox"
            checked={isSelected}
            aria-label={`Select ${short}`}
            onChange={(event) => onSelect(job.id, event.currentTarget.checked)}
          />
        )}
        {place === null ? "–" : `#${count(place)}`}
      </span>
      <span>
        <Link to="/jobs/$id" params={{ id: job.id }} title={job.id} data-row>
          {job.kind.title ?? job.kind.name} <code className="short-id">{short}</code>
        </Link>{" "}
        <span className="note">
          accepted <Time at={job.createdAt} />
        </span>
        {job.wait !== null && (
          <span className="note why">
            <Expected estimate={job.estimate} /> {sentence(job.wait.reasonText)}
          </span>
        )}
      </span>
      {isAsked ? (
        <span className="note">will be canceled</span>
      ) : (
        job.viewerCan.cancel && (
          <button type="button" aria-label={`Cancel ${short}`} onClick={() => cancelThese([job.id])}>
            Cancel
          </button>
        )
      )}
    </li>
  );
}
