-- Jobs, what belongs to them, queues, workers and tokens.
--
-- Why: the first schema. To undo it, drop what it makes: nothing came before.
--
-- Instants are milliseconds since 1970, durations milliseconds. The CHECKs repeat the law of
-- `domain::state`: a bug fails its transaction instead of being stored. Text is compared by its bytes,
-- whatever the database's own order is.
--
-- Numbers are drawn by whoever holds the lock of the writer (writer.rs) and set before its COMMIT, so
-- that they become visible in their order (P2, P6). A sequence is no row: no transaction that stays
-- open elsewhere keeps old versions of it.
CREATE SEQUENCE accept_numbers MINVALUE 0 START 0;
CREATE SEQUENCE fence_numbers MINVALUE 0 START 0;
CREATE SEQUENCE event_numbers MINVALUE 0 START 0;

CREATE TABLE jobs (
    accept_no           BIGINT  PRIMARY KEY,
    id                  UUID    NOT NULL UNIQUE,
    kind                TEXT    COLLATE "C" NOT NULL,
    queue               TEXT    COLLATE "C" NOT NULL,
    state               TEXT    COLLATE "C" NOT NULL,
    seq                 BIGINT  NOT NULL CHECK (seq >= 1),
    created_at          BIGINT  NOT NULL,
    not_before          BIGINT,
    delayed_until       BIGINT,
    delay               TEXT    CHECK (delay IN ('NOT_BEFORE', 'RETRY_BACKOFF')),
    started_at          BIGINT,
    cancel_requested_at BIGINT,
    cancel_note         TEXT,
    ended_at            BIGINT,
    reason              TEXT    COLLATE "C",
    reason_text         TEXT,
    exit_code           INTEGER,
    signal              INTEGER,
    attempt             BIGINT  NOT NULL DEFAULT 0 CHECK (attempt >= 0),
    open_fence          BIGINT,
    max_attempts        BIGINT  NOT NULL CHECK (max_attempts >= 1),
    failures            BIGINT  NOT NULL DEFAULT 0 CHECK (failures >= 0),
    losses              BIGINT  NOT NULL DEFAULT 0 CHECK (losses >= 0),
    timeout_ms          BIGINT,
    has_result          BOOLEAN NOT NULL DEFAULT false,
    args_bytes          BIGINT  NOT NULL CHECK (args_bytes >= 0),
    idempotency_key     TEXT    COLLATE "C",
    fingerprint         BYTEA   CHECK (length(fingerprint) = 32),
    retry_of            UUID,
    -- JSON, an array of `{key, value}` by key; NULL where there are none.
    labels              TEXT    CHECK (labels <> '[]'),
    -- Who claimed its latest attempt. The name stands beside the id, so that a filter reads one row.
    worker              UUID,
    worker_name         TEXT    COLLATE "C" CHECK ((worker IS NULL) = (worker_name IS NULL)),
    -- What its ended attempts used together; NULL before the first end.
    cpu_ms              BIGINT,
    peak_memory_bytes   BIGINT,
    log_bytes           BIGINT  CHECK ((cpu_ms IS NULL) = (log_bytes IS NULL)),
    -- NULL where nobody was asked for a token.
    started_by          TEXT    COLLATE "C" CHECK (started_by <> ''),
    canceled_by         TEXT    CHECK (canceled_by IS NULL OR cancel_requested_at IS NOT NULL),
    -- The bytes of its log that are kept, headers of frames included; NULL until they were measured,
    -- after the end.
    kept_log_bytes      BIGINT  CHECK (kept_log_bytes >= 0),
    -- Whether the folder of its attempts stays. NULL as long.
    has_folder          BOOLEAN CHECK ((has_folder IS NULL) = (kept_log_bytes IS NULL)),

    CHECK (state IN ('QUEUED', 'RUNNING', 'CANCELING', 'SUCCEEDED', 'FAILED', 'CANCELED')),
    -- A final state has an end, and only a final one has (P5).
    CHECK ((state IN ('SUCCEEDED', 'FAILED', 'CANCELED')) = (ended_at IS NOT NULL)),
    CHECK ((ended_at IS NULL) = (reason IS NULL)),
    CHECK ((reason IS NULL) = (reason_text IS NULL)),
    -- No success without a record of one, none after a cancel (P9, P10).
    CHECK ((state = 'SUCCEEDED') = (reason IS NOT DISTINCT FROM 'OK')),
    CHECK (NOT has_result OR state = 'SUCCEEDED'),
    CHECK (state <> 'CANCELED' OR reason = 'CANCEL_REQUESTED'),
    CHECK (state NOT IN ('CANCELING', 'CANCELED') OR cancel_requested_at IS NOT NULL),
    -- An open attempt and the states that may or must have one (P4).
    CHECK (open_fence IS NULL OR state IN ('QUEUED', 'RUNNING', 'CANCELING')),
    CHECK (open_fence IS NOT NULL OR state NOT IN ('RUNNING', 'CANCELING')),
    CHECK (open_fence IS NULL OR (attempt >= 1 AND started_at IS NOT NULL)),
    -- Only what waits can be delayed.
    CHECK ((delayed_until IS NULL) = (delay IS NULL)),
    CHECK (delayed_until IS NULL OR (state = 'QUEUED' AND open_fence IS NULL)),
    CHECK ((idempotency_key IS NULL) = (fingerprint IS NULL))
);

-- The line of each queue: claims (write/claim.rs), counts (read.rs), lists.
CREATE INDEX jobs_line ON jobs (queue, accept_no)
    WHERE state = 'QUEUED' AND open_fence IS NULL AND delayed_until IS NULL;
-- What comes into line by time: promotion (write/claim.rs), counts (read.rs), lists.
CREATE INDEX jobs_delayed ON jobs (delayed_until, accept_no) WHERE delayed_until IS NOT NULL;
-- Jobs with an open attempt: recovery and counts (read.rs).
CREATE UNIQUE INDEX jobs_open ON jobs (open_fence) WHERE open_fence IS NOT NULL;
-- What waits, however it does: counts at the start (tally.rs, read.rs).
CREATE INDEX jobs_queued ON jobs (accept_no) WHERE state = 'QUEUED';
-- One key, one job, for each caller (P14): acceptance (write/start.rs), `job_by_key` (read.rs).
CREATE UNIQUE INDEX jobs_key ON jobs (idempotency_key, coalesce(started_by, ''))
    WHERE idempotency_key IS NOT NULL;
-- Lists (list/source.rs), each in the order of acceptance. One that names no state reads one range for
-- each.
CREATE INDEX jobs_by_state ON jobs (state, accept_no);
CREATE INDEX jobs_by_queue ON jobs (queue, state, accept_no);
CREATE INDEX jobs_by_kind ON jobs (kind, queue, state, accept_no);
CREATE INDEX jobs_by_starter ON jobs (started_by, state, accept_no) WHERE started_by IS NOT NULL;
-- FAILED jobs by why: the other states say it themselves.
CREATE INDEX jobs_by_reason ON jobs (reason, accept_no) WHERE state = 'FAILED';
-- Ended jobs by their end: lists, and how many ended when (ends.rs).
CREATE INDEX jobs_by_end ON jobs (queue, state, ended_at, accept_no) WHERE ended_at IS NOT NULL;
-- Ended jobs, the one that ended first first, and what their logs take: what is pruned next, and how
-- much there is (keep.rs).
CREATE INDEX jobs_ended ON jobs (ended_at, accept_no) INCLUDE (kept_log_bytes)
    WHERE ended_at IS NOT NULL;
-- Ended jobs whose log was not measured yet (keep.rs).
CREATE INDEX jobs_unsettled ON jobs (accept_no)
    WHERE ended_at IS NOT NULL AND kept_log_bytes IS NULL;

-- Beside `jobs`, so that a row which is read for its state does not carry 64 KiB of arguments. JSON as
-- it came: the order of its keys is kept.
CREATE TABLE job_args (
    job  BIGINT PRIMARY KEY REFERENCES jobs (accept_no),
    args TEXT   NOT NULL
);

CREATE TABLE job_results (
    job    BIGINT PRIMARY KEY REFERENCES jobs (accept_no),
    result TEXT   NOT NULL
);

-- The jobs of a label, in acceptance order: lists.
CREATE TABLE job_labels (
    key   TEXT   COLLATE "C" NOT NULL CHECK (key <> ''),
    value TEXT   COLLATE "C" NOT NULL,
    job   BIGINT NOT NULL REFERENCES jobs (accept_no),
    PRIMARY KEY (key, value, job)
);
-- They go with their job (write/prune.rs).
CREATE INDEX job_labels_of ON job_labels (job);

CREATE TABLE attempts (
    fence             BIGINT  PRIMARY KEY,
    job               BIGINT  NOT NULL REFERENCES jobs (accept_no),
    number            BIGINT  NOT NULL CHECK (number >= 1),
    key               TEXT    NOT NULL,
    worker            UUID,
    boot_id           TEXT    NOT NULL,
    -- JSON: an array of texts; `domain::attempt::Policy`.
    argv              TEXT    NOT NULL,
    policy            TEXT    NOT NULL,
    started_at        BIGINT  NOT NULL,
    spawned           BOOLEAN NOT NULL DEFAULT false,
    -- The server stopped it: an end that nobody saw is SHUTDOWN then, and not LOST.
    interrupted       BOOLEAN NOT NULL DEFAULT false,
    ended_at          BIGINT,
    reason            TEXT,
    reason_text       TEXT,
    exit_code         INTEGER,
    signal            INTEGER,
    cpu_ms            BIGINT,
    peak_memory_bytes BIGINT,
    log_bytes         BIGINT,

    CHECK ((ended_at IS NULL) = (reason IS NULL)),
    CHECK ((ended_at IS NULL) = (reason_text IS NULL)),
    CHECK ((ended_at IS NULL) = (cpu_ms IS NULL)),
    CHECK ((ended_at IS NULL) = (log_bytes IS NULL)),
    -- A job's attempts (read.rs), and no number twice.
    UNIQUE (job, number)
);

CREATE TABLE job_events (
    no           BIGINT PRIMARY KEY,
    job          BIGINT NOT NULL REFERENCES jobs (accept_no),
    seq          BIGINT NOT NULL CHECK (seq >= 1),
    at           BIGINT NOT NULL,
    change       TEXT   NOT NULL,
    state        TEXT   NOT NULL,
    state_before TEXT,
    attempt      BIGINT,

    -- The first event of a job is the one that nothing came before.
    CHECK ((seq = 1) = (state_before IS NULL))
);

-- One job's timeline (read.rs).
CREATE INDEX job_events_of ON job_events (job, no);

CREATE TABLE queues (
    name           TEXT   COLLATE "C" PRIMARY KEY,
    file_slots     BIGINT NOT NULL CHECK (file_slots >= 0),
    -- What a mutation said; falls when the file says another number than it said last.
    slots_override BIGINT CHECK (slots_override >= 0),
    paused_at      BIGINT,
    pause_note     TEXT,
    paused_by      TEXT   CHECK (paused_by IS NULL OR paused_at IS NOT NULL),
    -- `started_at` of its latest claim, below which no later one may lie.
    last_claim_at  BIGINT,

    CHECK (pause_note IS NULL OR paused_at IS NOT NULL)
);

-- Every start of a Longhaul process on this store.
CREATE TABLE workers (
    no           BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id           UUID   NOT NULL UNIQUE,
    name         TEXT   COLLATE "C" NOT NULL,
    version      TEXT   NOT NULL,
    slots        BIGINT NOT NULL CHECK (slots >= 0),
    started_at   BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL
);

-- Whether a name was ever a worker's: lists (list/plan.rs).
CREATE INDEX workers_by_name ON workers (name);
-- Workers seen lately (read.rs).
CREATE INDEX workers_by_sight ON workers (last_seen_at, no);

-- Who may ask, and for what. A secret is kept only as its SHA-256.
CREATE TABLE tokens (
    no           BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id           BYTEA  NOT NULL UNIQUE CHECK (length(id) = 8),
    name         TEXT   NOT NULL CHECK (name <> ''),
    hash         BYTEA  NOT NULL CHECK (length(hash) = 32),
    -- The words of `domain::token::Scope`, with a space between two.
    scopes       TEXT   NOT NULL CHECK (scopes <> ''),
    created_at   BIGINT NOT NULL,
    created_by   TEXT,
    -- The token that this one is a share of, and is revoked with.
    parent       BYTEA  CHECK (length(parent) = 8),
    expires_at   BIGINT,
    revoked_at   BIGINT,
    last_used_at BIGINT
);

-- The shares of a token, and the tokens that are none: counts, and ends with the parent
-- (write/token.rs), the list (read.rs).
CREATE INDEX tokens_by_parent ON tokens (parent, no);

-- What attempts of ended jobs printed, as their shims wrote it, where all of a job's is small.
CREATE TABLE job_logs (
    job    BIGINT NOT NULL REFERENCES jobs (accept_no),
    number BIGINT NOT NULL CHECK (number >= 1),
    frames BYTEA  NOT NULL,
    PRIMARY KEY (job, number)
);

-- Jobs whose folder is to be removed, by what is committed already: whoever comes after a crash goes
-- on with it.
CREATE TABLE doomed_folders (
    job UUID PRIMARY KEY
);

-- The last jobs that were pruned, as they were, for feeds that go on from before. `no` is drawn from
-- the numbers of events; the columns of the job are those of `jobs`.
CREATE TABLE removed_jobs (
    no                  BIGINT  PRIMARY KEY,
    removed_at          BIGINT  NOT NULL,
    accept_no           BIGINT  NOT NULL,
    id                  UUID    NOT NULL,
    kind                TEXT    NOT NULL,
    queue               TEXT    NOT NULL,
    state               TEXT    NOT NULL,
    seq                 BIGINT  NOT NULL,
    created_at          BIGINT  NOT NULL,
    not_before          BIGINT,
    delayed_until       BIGINT,
    delay               TEXT,
    started_at          BIGINT,
    cancel_requested_at BIGINT,
    cancel_note         TEXT,
    ended_at            BIGINT,
    reason              TEXT,
    reason_text         TEXT,
    exit_code           INTEGER,
    signal              INTEGER,
    attempt             BIGINT  NOT NULL,
    open_fence          BIGINT,
    max_attempts        BIGINT  NOT NULL,
    failures            BIGINT  NOT NULL,
    losses              BIGINT  NOT NULL,
    timeout_ms          BIGINT,
    has_result          BOOLEAN NOT NULL,
    idempotency_key     TEXT,
    retry_of            UUID,
    labels              TEXT,
    worker              UUID,
    worker_name         TEXT,
    cpu_ms              BIGINT,
    peak_memory_bytes   BIGINT,
    log_bytes           BIGINT,
    started_by          TEXT,
    canceled_by         TEXT
);

-- The number of the last removal that is not in `removed_jobs` any more: a feed cannot go on from
-- before it without a gap.
CREATE TABLE feed_gap (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    no BIGINT  NOT NULL
);
