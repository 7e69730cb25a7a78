-- What workers have that kinds may ask for.
--
-- Why: a worker's labels are shown by every server, and also when it is gone. To undo it, drop the column.

-- JSON: an array of keys and values; NULL where there are none.
ALTER TABLE workers ADD COLUMN labels TEXT;
