//! How many jobs wait in each queue and how large their arguments are, kept in memory so that an
//! acceptance need not count rows.
//!
//! # Invariants
//!
//! Outside of a transaction it equals what counting the QUEUED rows would give: it is changed by
//! the one writer only, beside the row it counts, and a rollback takes those changes back.

use std::collections::HashMap;

use crate::domain::names::QueueName;

/// The counts.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    waiting: HashMap<QueueName, i64>,
    args_bytes: i64,
    /// What the open transaction changed.
    open: Vec<(QueueName, i64, i64)>,
}

impl Tally {
    /// The counts of some queues: name, jobs, bytes of their arguments.
    pub(super) fn of(counts: impl IntoIterator<Item = (QueueName, i64, i64)>) -> Self {
        let mut tally = Self::default();
        for (queue, jobs, bytes) in counts {
            tally.change(&queue, jobs, bytes);
        }
        tally
    }

    /// How many jobs of the queue are QUEUED.
    pub(super) fn waiting(&self, queue: &QueueName) -> u64 {
        self.waiting.get(queue).copied().unwrap_or_default().unsigned_abs()
    }

    /// How many bytes the arguments of all QUEUED jobs take.
    pub(super) fn args_bytes(&self) -> u64 {
        self.args_bytes.unsigned_abs()
    }

    /// So many more jobs wait in the queue, with so many bytes; negative: fewer.
    pub(super) fn add(&mut self, queue: &QueueName, jobs: i64, bytes: i64) {
        self.change(queue, jobs, bytes);
        self.open.push((queue.clone(), jobs, bytes));
    }

    /// The same for what somebody else committed: no rollback takes that back.
    pub(super) fn learn(&mut self, queue: &QueueName, jobs: i64, bytes: i64) {
        self.change(queue, jobs, bytes);
    }

    /// The transaction was committed.
    pub(super) fn commit(&mut self) {
        self.open.clear();
    }

    /// The transaction was rolled back.
    pub(super) fn roll_back(&mut self) {
        for (queue, jobs, bytes) in std::mem::take(&mut self.open) {
            self.change(&queue, -jobs, -bytes);
        }
    }

    fn change(&mut self, queue: &QueueName, jobs: i64, bytes: i64) {
        self.args_bytes += bytes;
        let waiting = self.waiting.entry(queue.clone()).or_default();
        *waiting += jobs;
        if *waiting == 0 {
            self.waiting.remove(queue);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rollback_takes_back_what_its_transaction_counted() {
        let queue: QueueName = "default".parse().unwrap();
        let mut tally = Tally::default();
        tally.add(&queue, 2, 30);
        tally.commit();
        tally.add(&queue, -1, -10);
        tally.add(&queue, -1, -20);
        assert_eq!((tally.waiting(&queue), tally.args_bytes()), (0, 0));
        tally.roll_back();
        assert_eq!((tally.waiting(&queue), tally.args_bytes()), (2, 30));
    }
}
