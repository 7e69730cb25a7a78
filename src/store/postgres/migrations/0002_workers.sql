-- Several workers on one store.
--
-- Why: each server knows its own folder only, so what lies in one is told from what lies in another, and
-- a worker that is not heard of any more is told from one that lives. To undo it, drop what it adds; one
-- server at a time may work on it then.
ALTER TABLE workers
    -- The data folder that it works in, by a name that the folder keeps. Empty before the first start
    -- that knows of folders.
    ADD COLUMN home     TEXT    COLLATE "C" NOT NULL DEFAULT '',
    -- JSON: an array of the kinds that it takes.
    ADD COLUMN kinds    TEXT    NOT NULL DEFAULT '[]',
    -- For how long it counts as living after `last_seen_at`, which is of the database's clock then. NULL:
    -- it never joined.
    ADD COLUMN lease_ms BIGINT  CHECK (lease_ms > 0),
    -- It takes nothing more.
    ADD COLUMN draining BOOLEAN NOT NULL DEFAULT false,
    -- Since when it is known to be gone.
    ADD COLUMN gone_at  BIGINT;

-- Workers that may live (fleet.rs, write/fleet.rs): by name, and by folder.
CREATE INDEX workers_joined ON workers (name) WHERE lease_ms IS NOT NULL AND gone_at IS NULL;
CREATE INDEX workers_by_home ON workers (home);

-- A folder is removed by the server that has it.
ALTER TABLE doomed_folders
    ADD COLUMN home TEXT COLLATE "C" NOT NULL DEFAULT '',
    DROP CONSTRAINT doomed_folders_pkey,
    ADD PRIMARY KEY (home, job);

-- Counts the changes of queues, tokens and workers: who reads another number than before reads them
-- again. A row and no sequence: it must not be seen before what it counts.
CREATE TABLE settings (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    no BIGINT  NOT NULL
);
INSERT INTO settings (id, no) VALUES (1, 0);
