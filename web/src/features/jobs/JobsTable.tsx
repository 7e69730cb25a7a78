// The rows of one page. Only shows; what they are is decided in list.ts.

import { Link } from "@tanstack/react-router";
import { ProgressBar } from "../../components/ProgressBar";
import { StateWord } from "../../components/StateWord";
import { Time } from "../../components/Time";
import { duration } from "../../time/format";
import { useNow } from "../../time/now";
import { COLUMN_WORDS, type Column, useColumns } from "./columns";
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
  const [columns] = useColumns();
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
          {columns.map((column) => (
            <th key={column} scope="col" className={column === "accepted" ? undefined : "wide"}>
              {COLUMN_WORDS[column]}
            </th>
          ))}
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
            columns={columns}
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
  columns: readonly Column[];
  isGone: boolean;
  isSelected: boolean;
  onSelect(id: string, isOn: boolean): void;
}

function JobRow({ listed, columns, isGone, isSelected, onSelect }: RowProps) {
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
      {columns.map((column) => (
        <td key={column} className={column === "accepted" ? undefined : "wide number"}>
          <Cell column={column} row={row} />
        </td>
      ))}
    </tr>
  );
}

function Cell({ column, row }: { column: Column; row: Row }) {
  switch (column) {
    case "queue":
      return row.queue.name;
    case "accepted":
      return <Time at={row.createdAt} />;
    case "waited":
      return <Waited row={row} />;
    case "ran":
      return <Ran row={row} />;
    case "exit":
      return row.signal ?? row.exitCode ?? "–";
    case "worker":
      return row.worker?.name ?? "–";
    case "startedBy":
      return row.startedBy ?? "–";
  }
}

/** Until it started, or ended without that. Of an attempt after the first it can't be told. */
function Waited({ row }: { row: Row }) {
  const now = useNow();
  const started = row.state === "QUEUED" ? null : row.startedAt;
  if (row.attempt > 1) {
    return "–";
  }
  const until = started ?? row.endedAt;
  return duration((until === null ? now : Date.parse(until)) - Date.parse(row.createdAt));
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
