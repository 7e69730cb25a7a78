// The rows of one page. Only shows; what they are is decided in list.ts.

import { memo, useDeferredValue } from "react";
import { ProgressBar } from "../../components/ProgressBar";
import { RowLink } from "../../components/RowLink";
import { StateWord } from "../../components/StateWord";
import { Time } from "../../components/Time";
import { duration } from "../../time/format";
import { useOfNow } from "../../time/now";
import { COLUMN_WORDS, type Column, useColumns } from "./columns";
import type { List, Row } from "./list";
import { labelText, stringifySearch } from "./search";

/** As many as can be seen at once in most windows. */
const FIRST_ROWS = 12;

interface Props {
  list: List;
  selected: ReadonlySet<string>;
  onSelect(id: string, isOn: boolean): void;
  /** The reader's pointer came to the rows, or left them. */
  onPointer(isInside: boolean): void;
}

/** Of all that the page is told, most leaves the rows as they are. */
export const JobsTable = memo(function JobsTable({ list, selected, onSelect, onPointer }: Props) {
  const [columns] = useColumns();
  // The rest is drawn after them, and whoever does something meanwhile is answered first.
  const isWhole = useDeferredValue(true, false);
  const rows = isWhole ? list.rows : list.rows.slice(0, FIRST_ROWS);
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
        {rows.map((row) => (
          <JobRow
            key={row.id}
            row={row}
            columns={columns}
            isGone={list.gone.has(row.id)}
            isSelected={selected.has(row.id)}
            onSelect={onSelect}
          />
        ))}
      </tbody>
    </table>
  );
});

interface RowProps {
  row: Row;
  columns: readonly Column[];
  isGone: boolean;
  isSelected: boolean;
  onSelect(id: string, isOn: boolean): void;
}

const JobRow = memo(function JobRow({ row, columns, isGone, isSelected, onSelect }: RowProps) {
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
        <RowLink href={`/jobs/${row.id}`} title={row.id} data-row>
          {row.kind.title ?? row.kind.name} <code className="short-id">…{row.id.slice(-8)}</code>
        </RowLink>
        {row.labels.length > 0 && (
          <span className="row-labels">
            {row.labels.map((label) => (
              <RowLink
                key={label.key}
                href={`/${stringifySearch({ label: labelText(label) })}`}
                className="label"
              >
                {label.key}: {label.value}
              </RowLink>
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
});

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
  const started = row.state === "QUEUED" ? null : row.startedAt;
  const until = started ?? row.endedAt;
  return useOfNow((now) =>
    row.attempt > 1 ? "–" : duration((until === null ? now : Date.parse(until)) - Date.parse(row.createdAt)),
  );
}

function Ran({ row }: { row: Row }) {
  const { startedAt, endedAt } = row;
  return useOfNow((now) => {
    if (startedAt === null || row.state === "QUEUED") {
      return "–";
    }
    const end = endedAt === null ? now : Date.parse(endedAt);
    const tries = row.attempt > 1 ? ` (attempt ${row.attempt})` : "";
    return `${duration(end - Date.parse(startedAt))}${tries}`;
  });
}
