-- What is kept of jobs that ended.
--
-- Why: ended jobs are pruned by age, by number and by the bytes of their logs, and small logs stand in
-- the store, so that a million jobs are not a million folders. To undo it: put what `job_logs` has into
-- files, and drop the tables, the indexes and the columns.

-- The bytes of its log that are kept, headers of frames included; NULL until they were measured,
-- after the end.
ALTER TABLE jobs ADD COLUMN kept_log_bytes INTEGER CHECK (kept_log_bytes >= 0);
-- Whether the folder of its attempts stays. NULL as long.
ALTER TABLE jobs ADD COLUMN has_folder INTEGER
    CHECK (has_folder IN (0, 1) AND (has_folder IS NULL) = (kept_log_bytes IS NULL));

-- Ended jobs, the one that ended first first, and what their logs take: what is pruned next, and how
-- much there is (keep.rs).
CREATE INDEX jobs_ended ON jobs (ended_at, accept_no, kept_log_bytes) WHERE ended_at IS NOT NULL;
-- Ended jobs whose log was not measured yet (keep.rs).
CREATE INDEX jobs_unsettled ON jobs (accept_no)
    WHERE ended_at IS NOT NULL AND kept_log_bytes IS NULL;
-- A job's labels: they go with it (write/prune.rs). Without it every DELETE of a job would read all
-- labels there are, for the foreign key.
CREATE INDEX job_labels_of ON job_labels (job);

-- What attempts of ended jobs printed, as their shims wrote it, where all of a job's is small.
CREATE TABLE job_logs (
    job    INTEGER NOT NULL REFERENCES jobs (accept_no),
    number INTEGER NOT NULL CHECK (number >= 1),
    frames BLOB    NOT NULL,
    PRIMARY KEY (job, number)
) STRICT;

-- Jobs whose folder is to be removed, by what is committed already: whoever comes after a crash goes
-- on with it.
CREATE TABLE doomed_folders (
    job BLOB PRIMARY KEY CHECK (length(job) = 16)
) STRICT, WITHOUT ROWID;

-- The last jobs that were pruned, as they were, for feeds that go on from before. `no` is drawn from
-- the numbers of `job_events`; the columns of the job are those of `jobs`.
CREATE TABLE removed_jobs (
    no                  INTEGER PRIMARY KEY,
    removed_at          INTEGER NOT NULL,
    accept_no           INTEGER NOT NULL,
    id                  BLOB    NOT NULL,
    kind                TEXT    NOT NULL,
    queue               TEXT    NOT NULL,
    state               TEXT    NOT NULL,
    seq                 INTEGER NOT NULL,
    created_at          INTEGER NOT NULL,
    not_before          INTEGER,
    delayed_until       INTEGER,
    delay               TEXT,
    started_at          INTEGER,
    cancel_requested_at INTEGER,
    cancel_note         TEXT,
    ended_at            INTEGER,
    reason              TEXT,
    reason_text         TEXT,
    exit_code           INTEGER,
    signal              INTEGER,
    attempt             INTEGER NOT NULL,
    open_fence          INTEGER,
    max_attempts        INTEGER NOT NULL,
    failures            INTEGER NOT NULL,
    losses              INTEGER NOT NULL,
    timeout_ms          INTEGER,
    has_result          INTEGER NOT NULL,
    idempotency_key     TEXT,
    retry_of            BLOB,
    labels              TEXT,
    worker              BLOB,
    worker_name         TEXT,
    cpu_ms              INTEGER,
    peak_memory_bytes   INTEGER,
    log_bytes           INTEGER,
    started_by          TEXT,
    canceled_by         TEXT
) STRICT;

-- Their numbers alone: which are old is asked at every removal (write/prune.rs), and the rows are wide.
CREATE INDEX removed_jobs_numbers ON removed_jobs (no);

-- The number of the last removal that is not in `removed_jobs` any more: a feed cannot go on from
-- before it without a gap.
CREATE TABLE feed_gap (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    no INTEGER NOT NULL
) STRICT;
