//! What has a number each, in the order of the numbers, and how many of them are smaller than a given one.
//!
//! Sorted blocks of at most [`BLOCK`] numbers: a rank adds up the lengths of the blocks before, so
//! with the 100,000 jobs that a queue may hold it touches 400 lengths and one binary search, in
//! memory that lies together. Acceptance numbers mostly come in rising and leave at the front, which
//! keeps blocks full, where the nodes of a balanced tree would be half empty.

use crate::domain::id::AcceptNo;

/// How many numbers a block holds before it is cut in two.
const BLOCK: usize = 512;

/// A block has room for at most so many times what is in it, so that what is left of a long line takes little.
const SPARE: usize = 8;

/// Numbers, and what belongs to each.
#[derive(Debug, Clone)]
pub(super) struct Ranked<V> {
    /// None is empty; each is sorted, and so is their sequence.
    blocks: Vec<Vec<(AcceptNo, V)>>,
    len: usize,
}

/// Nothing but the numbers.
pub(super) type RankedSet = Ranked<()>;

impl<V> Default for Ranked<V> {
    fn default() -> Self {
        Self { blocks: Vec::new(), len: 0 }
    }
}

impl<V> Ranked<V> {
    /// How many numbers are in it.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The smallest.
    pub(super) fn first(&self) -> Option<AcceptNo> {
        self.blocks.first().and_then(|block| block.first()).map(|&(number, _)| number)
    }

    /// Puts a number in; `false`, and nothing is changed, if it was there.
    pub(super) fn insert(&mut self, number: AcceptNo, value: V) -> bool {
        let at = self.block_of(number).min(self.blocks.len().saturating_sub(1));
        let Some(block) = self.blocks.get_mut(at) else {
            self.blocks.push(vec![(number, value)]);
            self.len = 1;
            return true;
        };
        let Err(place) = place_in(block, number) else { return false };
        self.len += 1;
        if block.len() < BLOCK {
            block.insert(place, (number, value));
        } else if place == BLOCK {
            // Rising numbers fill the last block: leave the old one full, not half.
            self.blocks.insert(at + 1, vec![(number, value)]);
        } else {
            let mut upper = block.split_off(BLOCK / 2);
            match place.checked_sub(BLOCK / 2) {
                Some(place) => upper.insert(place, (number, value)),
                None => block.insert(place, (number, value)),
            }
            self.blocks.insert(at + 1, upper);
        }
        true
    }

    /// Takes a number out, with what belongs to it; `None` if it was not there.
    pub(super) fn remove(&mut self, number: AcceptNo) -> Option<V> {
        let at = self.block_of(number);
        let block = self.blocks.get_mut(at)?;
        let place = place_in(block, number).ok()?;
        let (_, value) = block.remove(place);
        if block.is_empty() {
            self.blocks.remove(at);
        } else if block.capacity() > SPARE * block.len() {
            block.shrink_to(SPARE / 2 * block.len());
        }
        self.len -= 1;
        Some(value)
    }

    /// `number` is in it.
    pub(super) fn contains(&self, number: AcceptNo) -> bool {
        self.get(number).is_some()
    }

    /// What belongs to a number.
    pub(super) fn get(&self, number: AcceptNo) -> Option<&V> {
        let block = self.blocks.get(self.block_of(number))?;
        Some(&block[place_in(block, number).ok()?].1)
    }

    /// The same, to be changed.
    pub(super) fn get_mut(&mut self, number: AcceptNo) -> Option<&mut V> {
        let at = self.block_of(number);
        let block = self.blocks.get_mut(at)?;
        let place = place_in(block, number).ok()?;
        Some(&mut block[place].1)
    }

    /// All of them, the smallest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (AcceptNo, &V)> {
        self.blocks.iter().flatten().map(|(number, value)| (*number, value))
    }

    /// How many are smaller than `number`, whether or not that is in it.
    pub(super) fn below(&self, number: AcceptNo) -> usize {
        let at = self.block_of(number);
        let smaller = |block: &Vec<(AcceptNo, V)>| block.partition_point(|&(no, _)| no < number);
        let place = self.blocks.get(at).map_or(0, smaller);
        self.blocks[..at].iter().map(Vec::len).sum::<usize>() + place
    }

    /// The first block whose last number is not smaller.
    fn block_of(&self, number: AcceptNo) -> usize {
        self.blocks.partition_point(|block| block.last().is_some_and(|&(last, _)| last < number))
    }
}

/// Where a number is in a block, or else where it would be.
fn place_in<V>(block: &[(AcceptNo, V)], number: AcceptNo) -> Result<usize, usize> {
    block.binary_search_by_key(&number, |&(no, _)| no)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn it_agrees_with_an_ordered_map(moves in prop::collection::vec((0_i64..3000, prop::bool::weighted(0.7)), 0..4000)) {
            let (mut ranked, mut model) = (Ranked::default(), BTreeMap::new());
            for (turn, (number, put)) in moves.into_iter().enumerate() {
                if put {
                    let is_new = !model.contains_key(&number);
                    model.entry(number).or_insert(turn);
                    prop_assert_eq!(ranked.insert(AcceptNo(number), turn), is_new);
                } else {
                    prop_assert_eq!(ranked.remove(AcceptNo(number)), model.remove(&number));
                }
            }
            prop_assert_eq!(ranked.len(), model.len());
            prop_assert_eq!(ranked.first().map(|n| n.0), model.keys().next().copied());
            let all: Vec<_> = ranked.iter().map(|(number, turn)| (number.0, *turn)).collect();
            prop_assert_eq!(all, model.iter().map(|(&number, &turn)| (number, turn)).collect::<Vec<_>>());
            let mut smaller = 0;
            for number in 0..3001 {
                prop_assert_eq!(ranked.below(AcceptNo(number)), smaller);
                prop_assert_eq!(ranked.contains(AcceptNo(number)), model.contains_key(&number));
                prop_assert_eq!(ranked.get(AcceptNo(number)), model.get(&number));
                prop_assert_eq!(ranked.get_mut(AcceptNo(number)), model.get_mut(&number));
                smaller += usize::from(model.contains_key(&number));
            }
        }
    }

    #[test]
    fn rising_numbers_fill_their_blocks() {
        let mut set = RankedSet::default();
        for number in 0..100_000 {
            set.insert(AcceptNo(number), ());
        }
        assert!(set.blocks.len() <= 100_000 / BLOCK + 1, "{} blocks", set.blocks.len());
        assert_eq!(set.below(AcceptNo(77_777)), 77_777);
        assert!(room(&set) <= 100_000 + BLOCK, "room for {}", room(&set));
    }

    #[test]
    fn what_is_left_of_many_takes_little() {
        let mut set = RankedSet::default();
        for number in 0..100_000 {
            set.insert(AcceptNo(number), ());
        }
        for number in (0..100_000).filter(|number| number % 500 != 0) {
            set.remove(AcceptNo(number));
        }
        assert_eq!(set.len(), 200);
        assert!(room(&set) <= 200 * SPARE, "room for {}", room(&set));
    }

    fn room(set: &RankedSet) -> usize {
        // A number alone takes eight bytes, with `()` beside it, too.
        set.blocks.iter().map(Vec::capacity).sum()
    }
}
