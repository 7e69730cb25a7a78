-- What lists are filtered and ordered by, and who ran a job.
--
-- Why: lists by end, by reason, by worker and in the order of the line; what a job used, without a
-- look at its attempts. To undo it: drop the indexes, the table and the columns, and make
-- `jobs_delayed` as before.

-- Every start of a Longhaul process on this store.
CREATE TABLE workers (
    no           INTEGER PRIMARY KEY AUTOINCREMENT,
    id           BLOB    NOT NULL UNIQUE CHECK (length(id) = 16),
    name         TEXT    NOT NULL,
    version      TEXT    NOT NULL,
    slots        INTEGER NOT NULL CHECK (slots >= 0),
    started_at   INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL
) STRICT;

-- Whether a name was ever a worker's: lists (list/plan.rs).
CREATE INDEX workers_by_name ON workers (name);
-- Workers seen lately (read.rs).
CREATE INDEX workers_by_sight ON workers (last_seen_at);

-- Who claimed its latest attempt. The name stands beside the id, so that a filter reads one row.
ALTER TABLE jobs ADD COLUMN worker BLOB CHECK (length(worker) = 16);
ALTER TABLE jobs ADD COLUMN worker_name TEXT CHECK ((worker IS NULL) = (worker_name IS NULL));
ALTER TABLE attempts ADD COLUMN worker BLOB CHECK (length(worker) = 16);

-- What its ended attempts used together; NULL before the first end.
ALTER TABLE jobs ADD COLUMN cpu_ms INTEGER;
ALTER TABLE jobs ADD COLUMN peak_memory_bytes INTEGER;
ALTER TABLE jobs ADD COLUMN log_bytes INTEGER CHECK ((cpu_ms IS NULL) = (log_bytes IS NULL));

-- Ended jobs by their end (list/source.rs, ends.rs). One entry, once, at the end.
CREATE INDEX jobs_by_end ON jobs (queue, state, ended_at) WHERE ended_at IS NOT NULL;
-- FAILED jobs by why: the other states say it themselves (list/source.rs).
CREATE INDEX jobs_by_reason ON jobs (reason) WHERE state = 'FAILED';

-- As before, and in the order in which delayed jobs come into line (list/source.rs).
DROP INDEX jobs_delayed;
CREATE INDEX jobs_delayed ON jobs (delayed_until, accept_no, queue)
    WHERE delayed_until IS NOT NULL;
