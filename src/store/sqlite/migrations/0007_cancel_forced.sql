-- How a job was asked to stop.
--
-- Why: where several servers share a store, one that is asked to kill at once tells the one that runs the
-- job by its row. To undo it, drop the columns.

-- Somebody asked to kill it at once, first or later.
ALTER TABLE jobs ADD COLUMN cancel_forced INTEGER NOT NULL DEFAULT 0
    CHECK (cancel_forced IN (0, 1) AND (cancel_forced = 0 OR cancel_requested_at IS NOT NULL));
ALTER TABLE removed_jobs ADD COLUMN cancel_forced INTEGER NOT NULL DEFAULT 0;
