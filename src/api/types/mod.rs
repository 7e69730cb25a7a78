//! The types that a client sees: one file each, made from the domain's.
//!
//! Doc comments here are published in the SDL; notes for maintainers stand in `//`.

pub(crate) mod attempt;
pub(crate) mod check;
pub(crate) mod enums;
pub(crate) mod estimate;
pub(crate) mod event;
pub(crate) mod job;
pub(crate) mod kind;
pub(crate) mod log;
pub(crate) mod node;
pub(crate) mod page;
pub(crate) mod payload;
pub(crate) mod queue;
pub(crate) mod scalar;
pub(crate) mod server;
pub(crate) mod token;
pub(crate) mod wait;
pub(crate) mod worker;

/// A count for a field of type `Int`; what does not fit is shown as the most that does.
pub(crate) fn int(count: impl TryInto<i32>) -> i32 {
    count.try_into().unwrap_or(i32::MAX)
}
