// The choice of columns.

import { COLUMN_WORDS, COLUMNS, useColumns } from "./columns";

export function Columns() {
  const [columns, set] = useColumns();
  return (
    <details className="columns">
      <summary>Columns</summary>
      <fieldset>
        <legend className="hidden-words">Columns that are shown</legend>
        {COLUMNS.map((column) => (
          <label key={column} className="check">
            <input
              type="checkbox"
              checked={columns.includes(column)}
              onChange={(event) => set(column, event.currentTarget.checked)}
            />
            {COLUMN_WORDS[column]}
          </label>
        ))}
      </fieldset>
    </details>
  );
}
