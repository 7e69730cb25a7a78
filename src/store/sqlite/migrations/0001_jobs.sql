-- Jobs, their attempts, their events, and the queues they wait in.
--
-- Why: the first schema. To undo it, remove the file: nothing came before.
--
-- Instants are milliseconds since 1970, durations milliseconds, ids 16 bytes, flags 0 or 1.
-- The CHECKs repeat the law of `domain::state`: a bug fails its transaction instead of being stored.
-- They spell `OR` where three or more values are meant: SQLite builds a table in memory for such an
-- `IN` at every single write, which halved the rate.

-- 'LHDB': tells `file` and us whose database this is.
PRAGMA application_id = 0x4C484442;

CREATE TABLE jobs (
    -- Drawn when a job is accepted; AUTOINCREMENT, so that none is ever used again.
    accept_no           INTEGER PRIMARY KEY AUTOINCREMENT,
    id                  BLOB    NOT NULL UNIQUE CHECK (length(id) = 16),
    kind                TEXT    NOT NULL,
    queue               TEXT    NOT NULL,
    state               TEXT    NOT NULL,
    seq                 INTEGER NOT NULL CHECK (seq >= 1),
    created_at          INTEGER NOT NULL,
    not_before          INTEGER,
    delayed_until       INTEGER,
    delay               TEXT    CHECK (delay IN ('NOT_BEFORE', 'RETRY_BACKOFF')),
    started_at          INTEGER,
    cancel_requested_at INTEGER,
    cancel_note         TEXT,
    ended_at            INTEGER,
    reason              TEXT,
    reason_text         TEXT,
    exit_code           INTEGER,
    signal              INTEGER,
    attempt             INTEGER NOT NULL DEFAULT 0 CHECK (attempt >= 0),
    open_fence          INTEGER,
    max_attempts        INTEGER NOT NULL CHECK (max_attempts >= 1),
    failures            INTEGER NOT NULL DEFAULT 0 CHECK (failures >= 0),
    losses              INTEGER NOT NULL DEFAULT 0 CHECK (losses >= 0),
    timeout_ms          INTEGER,
    has_result          INTEGER NOT NULL DEFAULT 0 CHECK (has_result IN (0, 1)),
    args_bytes          INTEGER NOT NULL CHECK (args_bytes >= 0),
    idempotency_key     TEXT,
    fingerprint         BLOB    CHECK (length(fingerprint) = 32),
    retry_of            BLOB    CHECK (length(retry_of) = 16),

    CHECK (state = 'QUEUED' OR state = 'RUNNING' OR state = 'CANCELING'
        OR state = 'SUCCEEDED' OR state = 'FAILED' OR state = 'CANCELED'),
    -- A final state has an end, and only a final one has (P5).
    CHECK ((state = 'SUCCEEDED' OR state = 'FAILED' OR state = 'CANCELED')
        = (ended_at IS NOT NULL)),
    CHECK ((ended_at IS NULL) = (reason IS NULL)),
    CHECK ((reason IS NULL) = (reason_text IS NULL)),
    -- No success without a record of one, none after a cancel (P9, P10).
    CHECK ((state = 'SUCCEEDED') = (reason IS 'OK')),
    CHECK (has_result = 0 OR state = 'SUCCEEDED'),
    CHECK (state <> 'CANCELED' OR reason = 'CANCEL_REQUESTED'),
    CHECK (state NOT IN ('CANCELING', 'CANCELED') OR cancel_requested_at IS NOT NULL),
    -- An open attempt and the states that may or must have one (P4).
    CHECK (open_fence IS NULL OR state = 'QUEUED' OR state = 'RUNNING' OR state = 'CANCELING'),
    CHECK (open_fence IS NOT NULL OR state NOT IN ('RUNNING', 'CANCELING')),
    CHECK (open_fence IS NULL OR (attempt >= 1 AND started_at IS NOT NULL)),
    -- Only what waits can be delayed.
    CHECK ((delayed_until IS NULL) = (delay IS NULL)),
    CHECK (delayed_until IS NULL OR (state = 'QUEUED' AND open_fence IS NULL)),
    CHECK ((idempotency_key IS NULL) = (fingerprint IS NULL))
) STRICT;

-- The line of each queue: claims (write/claim.rs) and counts (read.rs). What follows `accept_no`
-- is in it only so that neither reads a row to judge it: SQLite asks for the columns of the
-- condition again.
CREATE INDEX jobs_line ON jobs (queue, accept_no, kind, state, open_fence, delayed_until)
    WHERE state = 'QUEUED' AND open_fence IS NULL AND delayed_until IS NULL;
-- What comes into line by time: promotion (write/claim.rs), counts (read.rs).
CREATE INDEX jobs_delayed ON jobs (delayed_until, queue) WHERE delayed_until IS NOT NULL;
-- Jobs with an open attempt: recovery and counts (read.rs).
CREATE UNIQUE INDEX jobs_open ON jobs (open_fence) WHERE open_fence IS NOT NULL;
-- One key, one job (P14): acceptance (write/start.rs), `job_by_key` (read.rs).
CREATE UNIQUE INDEX jobs_key ON jobs (idempotency_key) WHERE idempotency_key IS NOT NULL;
-- Lists (list.rs). Each ends with the row's accept_no, as every index does, so that a page is a
-- range of it. A list that names no state reads one range for each.
CREATE INDEX jobs_by_state ON jobs (state);
CREATE INDEX jobs_by_queue ON jobs (queue, state);
CREATE INDEX jobs_by_kind ON jobs (kind, queue, state);

-- Beside `jobs`, so that a row which is read for its state does not carry 64 KiB of arguments.
CREATE TABLE job_args (
    job  INTEGER PRIMARY KEY REFERENCES jobs (accept_no),
    args TEXT    NOT NULL
) STRICT;

CREATE TABLE job_results (
    job    INTEGER PRIMARY KEY REFERENCES jobs (accept_no),
    result TEXT    NOT NULL
) STRICT;

CREATE TABLE attempts (
    -- AUTOINCREMENT: an old claim can never be taken for a new one (P4).
    fence             INTEGER PRIMARY KEY AUTOINCREMENT,
    job               INTEGER NOT NULL REFERENCES jobs (accept_no),
    number            INTEGER NOT NULL CHECK (number >= 1),
    key               TEXT    NOT NULL,
    boot_id           TEXT    NOT NULL,
    -- JSON: an array of texts; `domain::attempt::Policy`.
    argv              TEXT    NOT NULL,
    policy            TEXT    NOT NULL,
    started_at        INTEGER NOT NULL,
    spawned           INTEGER NOT NULL DEFAULT 0 CHECK (spawned IN (0, 1)),
    -- The server stopped it: an end that nobody saw is SHUTDOWN then, and not LOST.
    interrupted       INTEGER NOT NULL DEFAULT 0 CHECK (interrupted IN (0, 1)),
    ended_at          INTEGER,
    reason            TEXT,
    reason_text       TEXT,
    exit_code         INTEGER,
    signal            INTEGER,
    cpu_ms            INTEGER,
    peak_memory_bytes INTEGER,
    log_bytes         INTEGER,

    CHECK ((ended_at IS NULL) = (reason IS NULL)),
    CHECK ((ended_at IS NULL) = (reason_text IS NULL)),
    CHECK ((ended_at IS NULL) = (cpu_ms IS NULL)),
    CHECK ((ended_at IS NULL) = (log_bytes IS NULL)),
    -- A job's attempts (read.rs), and no number twice.
    UNIQUE (job, number)
) STRICT;

CREATE TABLE job_events (
    -- AUTOINCREMENT: a cursor of a feed never comes to mean another event.
    no           INTEGER PRIMARY KEY AUTOINCREMENT,
    job          INTEGER NOT NULL REFERENCES jobs (accept_no),
    seq          INTEGER NOT NULL CHECK (seq >= 1),
    at           INTEGER NOT NULL,
    change       TEXT    NOT NULL,
    state        TEXT    NOT NULL,
    state_before TEXT,
    attempt      INTEGER,

    -- The first event of a job is the one that nothing came before.
    CHECK ((seq = 1) = (state_before IS NULL))
) STRICT;

-- One job's timeline (read.rs).
CREATE INDEX job_events_of ON job_events (job);

CREATE TABLE queues (
    name           TEXT    PRIMARY KEY,
    file_slots     INTEGER NOT NULL CHECK (file_slots >= 0),
    -- What a mutation said; falls when the file says another number than it said last.
    slots_override INTEGER CHECK (slots_override >= 0),
    paused_at      INTEGER,
    pause_note     TEXT,
    -- `started_at` of its latest claim, below which no later one may lie.
    last_claim_at  INTEGER,

    CHECK (pause_note IS NULL OR paused_at IS NOT NULL)
) STRICT, WITHOUT ROWID;

-- Room taken and given back to learn whether a full disk has room again (writer.rs).
CREATE TABLE probe (
    id   INTEGER PRIMARY KEY CHECK (id = 1),
    room BLOB    NOT NULL
) STRICT;
