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

/// Holds what is read of an answer to what its operation selects: nothing else, and what the schema lets
/// be null may be missing.
#[cfg(test)]
#[track_caller]
pub(super) fn selected<T: serde::de::DeserializeOwned + serde::Serialize>(
    operation: Operation,
    place: &str,
) {
    let samples: serde_json::Value =
        serde_json::from_str(include_str!(concat!(env!("OUT_DIR"), "/samples.json"))).unwrap();
    let answers = &samples[operation.name];
    let read = |answer: &serde_json::Value| {
        let value = answer.pointer(place).cloned().unwrap_or_default();
        serde_json::from_value::<T>(value)
            .unwrap_or_else(|error| panic!("{}{place}: {error}", operation.name))
    };
    if answers["bare"].pointer(place).is_some_and(|part| !part.is_null()) {
        read(&answers["bare"]);
    }
    let whole = serde_json::to_value(read(&answers["full"])).unwrap();
    let missing = ["null", "[]"].iter().any(|empty| whole.to_string().contains(empty));
    assert!(!missing, "{}{place} does not select all of it: {whole}", operation.name);
}
