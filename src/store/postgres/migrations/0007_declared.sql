-- How each worker declares its kinds.
--
-- Why: where two workers that live declare one differently, every server can say so. To undo it, drop the
-- column.

-- JSON: an object of the kinds' names and what stands for their declarations: the same where they are.
ALTER TABLE workers ADD COLUMN declared TEXT NOT NULL DEFAULT '{}';
