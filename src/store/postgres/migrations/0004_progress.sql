-- What running jobs last said of their progress, for the servers that do not run them.
--
-- Why: it was known on one server alone. To undo it, drop what it makes.
--
-- Volatile, and worth nothing after its attempt: no log of the database keeps it, and a crash empties it. A
-- row of an old claim stands for nothing. It goes with its job, also where a server of an earlier release
-- removes that.
CREATE UNLOGGED TABLE job_progress (
    job   BIGINT PRIMARY KEY REFERENCES jobs (accept_no) ON DELETE CASCADE,
    fence BIGINT NOT NULL,
    -- JSON: `domain::job::Progress`.
    said  TEXT   NOT NULL
);
