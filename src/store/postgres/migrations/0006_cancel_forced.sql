-- How a job was asked to stop.
--
-- Why: the server that is asked to kill at once tells the one that runs the job by its row. To undo it, drop
-- the columns.

-- Somebody asked to kill it at once, first or later.
ALTER TABLE jobs
    ADD COLUMN cancel_forced BOOLEAN NOT NULL DEFAULT false
    CHECK (NOT cancel_forced OR cancel_requested_at IS NOT NULL);
ALTER TABLE removed_jobs ADD COLUMN cancel_forced BOOLEAN NOT NULL DEFAULT false;
