//! An ordered set of numbers that tells how many of them are smaller than a given one.
//!
//! Sorted blocks of at most [`BLOCK`] numbers: a rank adds up the lengths of the blocks before, so
//! with the 100,000 jobs that a queue may hold it touches 400 lengths and one binary search, in
//! memory that lies together. Acceptance numbers mostly come in rising and leave at the front, which
//! keeps blocks full.

use crate::domain::id::AcceptNo;

/// How many numbers a block holds before it is cut in two.
const BLOCK: usize = 512;

/// The set.
#[derive(Debug, Default, Clone)]
pub(super) struct RankedSet {
    /// None is empty; each is sorted, and so is their sequence.
    blocks: Vec<Vec<AcceptNo>>,
    len: usize,
}

impl RankedSet {
    /// How many numbers are in it.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The smallest.
    pub(super) fn first(&self) -> Option<AcceptNo> {
        self.blocks.first().and_then(|block| block.first()).copied()
    }

    /// Puts a number in; `false` if it was there.
    pub(super) fn insert(&mut self, number: AcceptNo) -> bool {
        let at = self.block_of(number).min(self.blocks.len().saturating_sub(1));
        let Some(block) = self.blocks.get_mut(at) else {
            self.blocks.push(vec![number]);
            self.len = 1;
            return true;
        };
        let Err(place) = block.binary_search(&number) else { return false };
        block.insert(place, number);
        if block.len() > BLOCK {
            // Rising numbers fill the last block: leave the old one nearly full, not half.
            let cut = if place == BLOCK { BLOCK } else { BLOCK / 2 };
            let upper = block.split_off(cut);
            self.blocks.insert(at + 1, upper);
        }
        self.len += 1;
        true
    }

    /// Takes a number out; `false` if it was not there.
    pub(super) fn remove(&mut self, number: AcceptNo) -> bool {
        let at = self.block_of(number);
        let Some(block) = self.blocks.get_mut(at) else { return false };
        let Ok(place) = block.binary_search(&number) else { return false };
        block.remove(place);
        if block.is_empty() {
            self.blocks.remove(at);
        }
        self.len -= 1;
        true
    }

    /// `number` is in it.
    pub(super) fn contains(&self, number: AcceptNo) -> bool {
        let block = self.blocks.get(self.block_of(number));
        block.is_some_and(|block| block.binary_search(&number).is_ok())
    }

    /// How many are smaller than `number`, whether or not that is in the set.
    pub(super) fn below(&self, number: AcceptNo) -> usize {
        let at = self.block_of(number);
        let smaller = |block: &Vec<AcceptNo>| block.partition_point(|&other| other < number);
        let place = self.blocks.get(at).map_or(0, smaller);
        self.blocks[..at].iter().map(Vec::len).sum::<usize>() + place
    }

    /// The first block whose last number is not smaller.
    fn block_of(&self, number: AcceptNo) -> usize {
        self.blocks.partition_point(|block| block.last().is_some_and(|&last| last < number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn it_agrees_with_an_ordered_set(moves in prop::collection::vec((0_i64..3000, prop::bool::weighted(0.7)), 0..4000)) {
            let (mut ranked, mut model) = (RankedSet::default(), BTreeSet::new());
            for (number, put) in moves {
                if put {
                    prop_assert_eq!(ranked.insert(AcceptNo(number)), model.insert(number));
                } else {
                    prop_assert_eq!(ranked.remove(AcceptNo(number)), model.remove(&number));
                }
            }
            prop_assert_eq!(ranked.len(), model.len());
            prop_assert_eq!(ranked.first().map(|n| n.0), model.first().copied());
            let mut smaller = 0;
            for number in 0..3001 {
                prop_assert_eq!(ranked.below(AcceptNo(number)), smaller);
                prop_assert_eq!(ranked.contains(AcceptNo(number)), model.contains(&number));
                smaller += usize::from(model.contains(&number));
            }
        }
    }

    #[test]
    fn rising_numbers_fill_their_blocks() {
        let mut set = RankedSet::default();
        for number in 0..100_000 {
            set.insert(AcceptNo(number));
        }
        assert!(set.blocks.len() <= 100_000 / BLOCK + 1, "{} blocks", set.blocks.len());
        assert_eq!(set.below(AcceptNo(77_777)), 77_777);
    }
}
