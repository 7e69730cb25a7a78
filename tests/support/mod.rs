//! What several areas share: a runner whose attempts end when the test says so, kinds made by
//! hand, and one deadline that prints what was seen.

pub(crate) mod deadline;
pub(crate) mod gated;
pub(crate) mod kinds;
