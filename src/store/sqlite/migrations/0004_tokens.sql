-- Tokens, and who asked for what.
--
-- Why: a server that other machines reach must know who asks. To undo it: drop the table, the
-- indexes and the columns, and make `jobs_key` as before.

-- Who may ask, and for what. A secret is kept only as its SHA-256.
CREATE TABLE tokens (
    no           INTEGER PRIMARY KEY AUTOINCREMENT,
    id           BLOB    NOT NULL UNIQUE CHECK (length(id) = 8),
    name         TEXT    NOT NULL CHECK (name <> ''),
    hash         BLOB    NOT NULL CHECK (length(hash) = 32),
    -- The words of `domain::token::Scope`, with a space between two.
    scopes       TEXT    NOT NULL CHECK (scopes <> ''),
    created_at   INTEGER NOT NULL,
    created_by   TEXT,
    -- The token that this one is a share of, and is revoked with.
    parent       BLOB    CHECK (length(parent) = 8),
    expires_at   INTEGER,
    revoked_at   INTEGER,
    last_used_at INTEGER
) STRICT;

-- The shares of a token, and the tokens that are none: counts, and ends with the parent
-- (write/token.rs), the list (read.rs).
CREATE INDEX tokens_by_parent ON tokens (parent, no);

-- NULL where nobody was asked for a token.
ALTER TABLE jobs ADD COLUMN started_by TEXT CHECK (started_by <> '');
ALTER TABLE jobs ADD COLUMN canceled_by TEXT
    CHECK (canceled_by IS NULL OR cancel_requested_at IS NOT NULL);
ALTER TABLE queues ADD COLUMN paused_by TEXT CHECK (paused_by IS NULL OR paused_at IS NOT NULL);

-- One key, one job, for each caller (P14): acceptance (write/start.rs), `job_by_key` (read.rs). NULLs
-- would all be different from each other.
DROP INDEX jobs_key;
CREATE UNIQUE INDEX jobs_key ON jobs (idempotency_key, ifnull(started_by, ''))
    WHERE idempotency_key IS NOT NULL;
-- A caller's own jobs, in acceptance order: lists (list/source.rs).
CREATE INDEX jobs_by_starter ON jobs (started_by, state) WHERE started_by IS NOT NULL;
