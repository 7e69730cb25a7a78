-- Lines that are walked in their order whatever the planner believes.
--
-- Why: the order of a line was that of the key and of all that waits, too. Once statistics said that most rows are of one
-- queue, a claim from another one walked all of that queue first: 33 ms for 100,000 jobs. So the place in a line is an
-- expression, which has its order from these indexes alone. What waits of the kinds that a worker does not take, which
-- it passed over row by row (39 ms), stands in other ranges of the second one. `jobs_queued` is read by nobody:
-- `jobs_by_state` has the same. To undo it, drop both, and make `jobs_line` and `jobs_queued` as 0001 does.

DROP INDEX jobs_line;
DROP INDEX jobs_queued;
-- The line of each queue: lists, counts (read.rs).
CREATE INDEX jobs_line ON jobs (queue, (accept_no + 0))
    WHERE state = 'QUEUED' AND open_fence IS NULL AND delayed_until IS NULL;
-- The part of it that is of one kind: claims (write/claim.rs).
CREATE INDEX jobs_line_of ON jobs (queue, kind, (accept_no + 0))
    WHERE state = 'QUEUED' AND open_fence IS NULL AND delayed_until IS NULL;
