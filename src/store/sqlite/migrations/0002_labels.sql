-- Labels of jobs.
--
-- Why: callers find their jobs again by names and values of their own. To undo it: drop the table
-- and the column.

-- JSON, an array of `{key, value}` by key; NULL where there are none. Beside the rest of the row,
-- since whoever is told of a job is told its labels, and they never change.
ALTER TABLE jobs ADD COLUMN labels TEXT CHECK (labels <> '[]');

-- The jobs of a label, in acceptance order: lists (list.rs).
CREATE TABLE job_labels (
    key   TEXT    NOT NULL CHECK (key <> ''),
    value TEXT    NOT NULL,
    job   INTEGER NOT NULL REFERENCES jobs (accept_no),
    PRIMARY KEY (key, value, job)
) STRICT, WITHOUT ROWID;
