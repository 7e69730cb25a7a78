//! The jobs of a queue that have no open attempt, as estimates see them.
//!
//! A queue may hold 100,000 of them, so each takes as few bytes as it can: 48. What several have in common is kept
//! once, in about 90 bytes.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use super::ranked::Ranked;
use crate::domain::clock::Timestamp;
use crate::domain::estimate::Traits;
use crate::domain::id::{AcceptNo, JobId};

/// Fewer lots than these are never looked through for those that nobody has any more.
const FEW: usize = 64;

/// What many jobs have in common.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Lot {
    pub(super) traits: Traits,
    pub(super) timeout: Option<Duration>,
}

/// A job without an open attempt.
#[derive(Debug, Clone)]
pub(super) struct Waiter {
    pub(super) job: JobId,
    pub(super) lot: Arc<Lot>,
    /// When it comes into line; `None`: it is in line.
    pub(super) due: Option<Timestamp>,
}

/// All of a queue.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    line: Ranked<Waiter>,
    /// Those that somebody has, and some that nobody has any more.
    lots: HashSet<Arc<Lot>>,
    /// How many somebody had when that was looked at last.
    kept: usize,
    /// How many jobs there were at most since.
    most: usize,
}

impl Waiters {
    /// Puts a job in that is not there.
    pub(super) fn insert(
        &mut self,
        accepted: AcceptNo,
        job: JobId,
        lot: Lot,
        due: Option<Timestamp>,
    ) {
        let lot = self.shared(lot);
        self.line.insert(accepted, Waiter { job, lot, due });
        self.most = self.most.max(self.line.len());
    }

    /// Takes a job out.
    pub(super) fn remove(&mut self, accepted: AcceptNo) -> Option<Waiter> {
        let waiter = self.line.remove(accepted);
        // What many had is given back once half of them are gone: else it would stay for ever.
        if self.lots.len() > FEW && self.line.len() <= self.most / 2 {
            self.let_go();
        }
        waiter
    }

    /// What is known of a job.
    pub(super) fn get(&self, accepted: AcceptNo) -> Option<&Waiter> {
        self.line.get(accepted)
    }

    /// A job has come into line.
    pub(super) fn promote(&mut self, accepted: AcceptNo) {
        if let Some(waiter) = self.line.get_mut(accepted) {
            waiter.due = None;
        }
    }

    /// More is known of a job now, where it is there.
    pub(super) fn learn(&mut self, accepted: AcceptNo, lot: Lot) {
        let lot = self.shared(lot);
        if let Some(waiter) = self.line.get_mut(accepted) {
            waiter.lot = lot;
        }
    }

    /// All of them, in the order of their acceptance.
    pub(super) fn iter(&self) -> impl Iterator<Item = (AcceptNo, &Waiter)> {
        self.line.iter()
    }

    /// How many there are down to this one.
    pub(super) fn down_to(&self, accepted: AcceptNo) -> usize {
        self.line.below(accepted) + usize::from(self.line.contains(accepted))
    }

    /// The one that others have, too, where there is one.
    fn shared(&mut self, lot: Lot) -> Arc<Lot> {
        if let Some(known) = self.lots.get(&lot) {
            return Arc::clone(known);
        }
        // Looked through each time that it has doubled: that costs each new lot the same, however many there are.
        if self.lots.len() >= FEW.max(2 * self.kept) {
            self.let_go();
        }
        let lot = Arc::new(lot);
        self.lots.insert(Arc::clone(&lot));
        lot
    }

    /// Lets go of the lots that nobody has any more.
    fn let_go(&mut self) {
        self.lots.retain(|lot| Arc::strong_count(lot) > 1);
        self.lots.shrink_to(FEW.max(2 * self.lots.len()));
        (self.kept, self.most) = (self.lots.len(), self.line.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lot(args: u64) -> Lot {
        let traits = Traits { kind: 1, caller: 2, args, size: 3, quarter: 4 };
        Lot { traits, timeout: None }
    }

    fn id(number: u32) -> JobId {
        JobId::from_bytes(u128::from(number).to_be_bytes())
    }

    #[test]
    fn a_job_takes_forty_eight_bytes() {
        assert_eq!(size_of::<(AcceptNo, Waiter)>(), 48);
    }

    #[test]
    fn jobs_that_are_alike_share_what_is_known_of_them() {
        let mut waiters = Waiters::default();
        for number in 0_u32..10_000 {
            let args = u64::from(number % 3 == 0);
            waiters.insert(AcceptNo(number.into()), id(number), lot(args), None);
        }
        assert_eq!(waiters.lots.len(), 2);
        for (number, args, jobs) in [(3, 1, 3_334), (4, 0, 6_666)] {
            let lot = &waiters.get(AcceptNo(number)).unwrap().lot;
            assert_eq!((lot.traits.args, Arc::strong_count(lot)), (args, jobs + 1));
        }
    }

    #[test]
    fn a_line_that_drains_leaves_nothing() {
        let mut waiters = Waiters::default();
        for number in 0_u32..10_000 {
            waiters.insert(AcceptNo(number.into()), id(number), lot(number.into()), None);
        }
        for number in 0..9_990 {
            waiters.remove(AcceptNo(number));
        }
        assert!(waiters.lots.len() <= FEW, "{} lots for 10 jobs", waiters.lots.len());
        assert!(waiters.lots.capacity() <= 8 * FEW, "room for {}", waiters.lots.capacity());
    }

    #[test]
    fn what_nobody_has_any_more_is_let_go() {
        let mut waiters = Waiters::default();
        for number in 0_u32..10_000 {
            let (accepted, job) = (AcceptNo(number.into()), id(number));
            waiters.insert(accepted, job, lot(number.into()), None);
            if number >= 10 {
                waiters.remove(AcceptNo(i64::from(number) - 10)).unwrap();
            }
        }
        assert!(waiters.lots.len() <= 2 * FEW, "{} lots for 10 jobs", waiters.lots.len());
        assert!(waiters.lots.capacity() <= 8 * FEW, "room for {}", waiters.lots.capacity());
        for (accepted, waiter) in waiters.iter() {
            assert_eq!(i64::try_from(waiter.lot.traits.args), Ok(accepted.0));
        }
        assert_eq!(waiters.iter().count(), 10);
        assert_eq!((waiters.down_to(AcceptNo(9_994)), waiters.down_to(AcceptNo(20_000))), (5, 10));
    }
}
