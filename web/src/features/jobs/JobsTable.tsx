// The rows of one page. Only shows; what they are is decided in list.ts.

import { Link } from "@tanstack/react-router";
import { ProgressBar } from "../../components/ProgressBar";
import { StateWord } from "../../components/StateWord";
import { Time } from "../../components/Time";
import { duration } from "../../time/format";
import { useNow } from "../../time/now";
import type { List, Row } from "./list";
import { labelText } from "./search";
import { useRow } from "./useRow";

interface Props {
  list: List;
  selected: ReadonlySet<string>;
  onSelect(id: string, isOn: boolean): void;
  /** The reader's pointer came to the rows, or left them. */
  onPointer(isInside: boolean): void;
}

export function JobsTable({ list, selected, onSelect, onPointer }: Props) {
  return (
    <table className="jobs">
      <caption className="hidden-words">Jobs, newest first</caption>
      <thead>
        <tr>
          <th scope="col">
            <span className="hidden-words">Selected</span>
          </th>
          <th scope="col">State</th>
          <th scope="col">Job</th>
          <th scope="col" className="wide">
            Queue
          </th>
          <th scope="col">Accepted</th>
          <th scope="col" className="wide">
            Ran
          </th>
        </tr>
      </thead>
      <tbody
        // A finger that lifts leaves nothing under it: only a mouse or a pen holds the rows.
        onPointerEnter={(event) => onPointer(event.pointerType !== "touch")}
        onPointerLeave={() => onPointer(false)}
      >
        {list.rows.map((row) => (
          <JobRow
            key={row.id}
            listed={row}
            isGone={list.gone.has(row.id)}
            isSelected={selected.has(row.id)}
            onSelect={onSelect}
          />
        ))}
      </tbody>
    </table>
  );
}

interface RowProps {
  listed: Row;
  isGone: boolean;
  isSelected: boolean;
  onSelect(id: string, isOn: boolean): void;
}

function JobRow({ listed, isGone, isSelected, onSelect }: RowProps) {
  const row = useRow(listed);
  return (
    <tr className={isGone ? "gone" : undefined}>
      <td className="select">
        <input
          type="checkbox"
          checked={isSelected}
          aria-label={`Select …${row.id.slice(-8)}`}
          onChange={(event) => onSelect(row.id, event.currentTarget.checked)}
        />
      </td>
      <td>
        <StateWord state={row.state} />
        {isGone && <span className="note"> no longer matches</span>}
      </td>
      <td className="job-cell">
        <Link to="/jobs/$id" params={{ id: row.id }} title={row.id} data-row>
          {row.kind.title ?? row.kind.name} <code className="short-id">…{row.id.slice(-8)}</code>
        </Link>
        {row.labels.length > 0 && (
          <span className="row-labels">
            {row.labels.map((label) => (
              <Link key={label.key} to="/" search={{ label: labelText(label) }} className="label">
                {label.key}: {label.value}
              </Link>
            ))}
          </span>
        )}
        {row.state === "RUNNING" && row.progress !== null && (
          <ProgressBar progress={row.progress} label={`Progress of ${row.id}`} />
        )}
        {row.reasonText !== null && row.state !== "SUCCEEDED" && <div className="note">{row.reasonText}</div>}
      </td>
      <td className="wide">{row.queue.name}</td>
      <td>
        <Time at={row.createdAt} />
      </td>
      <td className="wide number">
        <Ran row={row} />
      </td>
    </tr>
  );
}

function Ran({ row }: { row: Row }) {
  const now = useNow();
  if (row.startedAt === null || row.state === "QUEUED") {
    return "–";
  }
  const end = row.endedAt === null ? now : Date.parse(row.endedAt);
  const tries = row.attempt > 1 ? ` (attempt ${row.attempt})` : "";
  return `${duration(end - Date.parse(row.startedAt))}${tries}`;
}
