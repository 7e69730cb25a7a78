-- Parts of logs that stand in an object store, and what is to be done there.
--
-- Why: what is beyond 8 MiB of a job's log was with its worker alone. To undo it, drop what it makes, and
-- delete the rows of `log_chunks` that name an object.
ALTER TABLE log_chunks
    -- The name of the object that has the frames, below the job's own place. NULL: the row has them.
    ADD COLUMN object       TEXT   COLLATE "C",
    ADD COLUMN object_bytes BIGINT CHECK ((object_bytes IS NULL) = (object IS NULL)),
    -- Where the segment of the tail begins that the part belongs to. NULL: it is of the head.
    ADD COLUMN segment      BIGINT,
    -- Segments that began before this were gone when it was added.
    ADD COLUMN oldest       BIGINT CHECK ((oldest IS NULL) = (segment IS NULL)),
    ADD CHECK (object IS NULL OR octet_length(frames) = 0);

-- What the objects of this database are found by. It goes with the rows, wherever they are moved.
CREATE TABLE object_store (
    id   INTEGER PRIMARY KEY CHECK (id = 1),
    name TEXT    NOT NULL
);
INSERT INTO object_store (id, name)
VALUES (
    1,
    left(regexp_replace(current_schema(), '[^A-Za-z0-9_-]', '_', 'g'), 40)
        || '-' || left(replace(gen_random_uuid()::text, '-', ''), 12));

-- Jobs that ended and of which the object store may lack a part that this data folder has.
CREATE TABLE log_rests (
    home TEXT   COLLATE "C" NOT NULL,
    job  BIGINT NOT NULL REFERENCES jobs (accept_no) ON DELETE CASCADE,
    PRIMARY KEY (home, job)
);
CREATE INDEX log_rests_job ON log_rests (job);

-- Jobs that are gone and whose objects are to be removed.
CREATE TABLE doomed_objects (
    job UUID PRIMARY KEY
);
