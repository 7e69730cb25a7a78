//! Slots: a tokio semaphore whose permits are given back by whoever took them, and the debt that
//! stands for attempts which were found running with no permit left for them.
//!
//! The semaphore never goes below zero. Where more attempts live than there are slots (slots were
//! lowered while busy, or a restart found more than the new configuration allows), the shortfall is
//! kept as debt, and a slot that comes back pays it off before it counts as free (P3).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;

/// A number of slots.
#[derive(Debug)]
pub(super) struct Slots {
    free: Semaphore,
    count: Mutex<Count>,
}

#[derive(Debug, Clone, Copy)]
struct Count {
    slots: u32,
    debt: u32,
    busy: u32,
}

/// A slot that is taken. Dropping it gives it back.
#[derive(Debug)]
#[must_use]
pub(super) struct Slot(Arc<Slots>);

impl Slots {
    /// So many free slots.
    pub(super) fn new(slots: u32) -> Arc<Self> {
        Arc::new(Self {
            free: Semaphore::new(slots as usize),
            count: Mutex::new(Count { slots, debt: 0, busy: 0 }),
        })
    }

    /// Takes a slot as soon as one is free; among those who wait, the first first.
    pub(super) async fn take(self: &Arc<Self>) -> Slot {
        let permit = self.free.acquire().await.expect("the semaphore is never closed");
        permit.forget();
        self.taken()
    }

    /// Takes a slot if one is free.
    pub(super) fn try_take(self: &Arc<Self>) -> Option<Slot> {
        self.free.try_acquire().ok()?.forget();
        Some(self.taken())
    }

    /// Takes a slot for an attempt that lives already, whether one is free or not.
    pub(super) fn take_owed(self: &Arc<Self>) -> Slot {
        let mut count = self.count();
        // Under the lock: a slot that comes back meanwhile must not be free beside the debt.
        match self.free.try_acquire() {
            Ok(permit) => permit.forget(),
            Err(_) => count.debt += 1,
        }
        count.busy += 1;
        Slot(Arc::clone(self))
    }

    /// Changes the number of slots. Nothing that runs is touched: until fewer run, what comes back
    /// pays the debt.
    pub(super) fn set(&self, slots: u32) {
        let mut count = self.count();
        let (old, debt) = (count.slots, count.debt);
        count.slots = slots;
        if slots >= old {
            let more = slots - old;
            let paid = more.min(debt);
            count.debt -= paid;
            self.free.add_permits((more - paid) as usize);
        } else {
            let fewer = old - slots;
            let gone = self.free.forget_permits(fewer as usize);
            count.debt += fewer - u32::try_from(gone).unwrap_or(fewer);
        }
    }

    /// How many there are, and how many are taken.
    pub(super) fn usage(&self) -> (u32, u32) {
        let count = self.count();
        (count.slots, count.busy)
    }

    /// One is free.
    pub(super) fn has_free(&self) -> bool {
        self.free.available_permits() > 0
    }

    fn taken(self: &Arc<Self>) -> Slot {
        self.count().busy += 1;
        Slot(Arc::clone(self))
    }

    fn count(&self) -> MutexGuard<'_, Count> {
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut count = self.0.count();
        count.busy -= 1;
        if count.debt > 0 {
            count.debt -= 1;
        } else {
            self.0.free.add_permits(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lowering_starts_nothing_until_fewer_run() {
        // P3
        let slots = Slots::new(3);
        let mut held: Vec<_> = (0..3).map(|_| slots.try_take().unwrap()).collect();
        slots.set(1);
        held.pop();
        assert!(slots.try_take().is_none(), "two of one run");
        held.pop();
        assert!(slots.try_take().is_none(), "one of one runs");
        held.pop();
        assert!(slots.try_take().is_some());
    }

    #[test]
    fn zero_slots_start_nothing_and_raising_pays_the_debt_first() {
        let slots = Slots::new(2);
        let held = [slots.try_take().unwrap(), slots.try_take().unwrap()];
        slots.set(0);
        slots.set(2);
        assert!(slots.try_take().is_none());
        drop(held);
        assert_eq!((0..3).filter_map(|_| slots.try_take()).collect::<Vec<_>>().len(), 2);
    }

    proptest! {
        #[test]
        fn never_more_are_free_than_slots_less_those_taken(
            start in 0_u32..6,
            moves in prop::collection::vec((0_u8..4, 0_u32..6), 0..80),
        ) {
            let slots = Slots::new(start);
            let mut held = Vec::new();
            let mut number = start;
            for (what, value) in moves {
                match what {
                    0 => held.extend(slots.try_take()),
                    1 => held.push(slots.take_owed()),
                    2 => drop(held.pop()),
                    _ => { slots.set(value); number = value; }
                }
                let busy = u32::try_from(held.len()).unwrap();
                prop_assert_eq!(slots.usage(), (number, busy));
                let free = slots.free.available_permits();
                prop_assert_eq!(free, number.saturating_sub(busy) as usize, "P3");
            }
        }
    }
}
