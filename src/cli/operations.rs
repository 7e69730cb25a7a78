//! The GraphQL documents that the commands send: each file of `operations/` holds one operation, and `build.rs`
//! makes of each a constant of its name, `JobLog` as `JOB_LOG`, with the fragments that it uses.
//!
//! The build fails for a document that does not fit `schema.graphql`.

/// A document with one operation.
#[derive(Debug, Clone, Copy)]
pub(in crate::cli) struct Operation {
    /// The name of its operation.
    pub(in crate::cli) name: &'static str,
    /// Its text.
    pub(in crate::cli) text: &'static str,
}

include!(concat!(env!("OUT_DIR"), "/operations.rs"));
