//! What several areas share: a runner whose attempts end when the test says so, kinds made by
//! hand, the real server and its client, and one deadline that prints what was seen.

pub(crate) mod deadline;
pub(crate) mod gated;
pub(crate) mod graphql;
pub(crate) mod kinds;
pub(crate) mod server;
