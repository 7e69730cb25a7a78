-- What attempts print, while they run, for the servers that have not their folders.
--
-- Why: a log was with its worker alone until its job had ended. To undo it, drop what it makes.
--
-- The bytes `start..until` of everything that an attempt printed, as its shim wrote them: frames. What one
-- row ends with the next begins with, but where both were written by who did not know of the other: then
-- they tell the same of the same bytes. Its rows go with a job, also where a server of an earlier release
-- removes it.
CREATE TABLE log_chunks (
    job    BIGINT  NOT NULL REFERENCES jobs (accept_no) ON DELETE CASCADE,
    number BIGINT  NOT NULL CHECK (number >= 1),
    start  BIGINT  NOT NULL CHECK (start >= 0),
    until  BIGINT  NOT NULL CHECK (until >= start),
    frames BYTEA   NOT NULL,
    -- What comes behind it stays with the worker.
    is_cut BOOLEAN NOT NULL,
    PRIMARY KEY (job, number, until)
);
