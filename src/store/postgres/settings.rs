//! What a connection is told before it is used: once where it is ours, in each transaction where a pooler
//! lends it.

/// All of them find what they look for by indexes, and what belongs to a row by its key: what the planner knows
/// of a table may be of when it was empty, or nothing, and what is quickest then (all of it, sorted or hashed)
/// takes seconds of a large one. A plan made then may be kept, too (tests/store/plans.rs).
const BY_INDEXES: &[&str] = &[
    "enable_seqscan = off",
    "enable_bitmapscan = off",
    "enable_hashjoin = off",
    "enable_mergejoin = off",
];

/// Settings of PostgreSQL, each as `name = value`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    /// Told in either way.
    pub(super) alike: &'static [&'static str],
    /// Told to a session only: what keeps a lost connection from being kept is a pooler's own else.
    pub(super) session: &'static [&'static str],
    /// Told to a transaction only.
    pub(super) transaction: &'static [&'static str],
}

impl Settings {
    /// The statements for a connection that is ours.
    pub(super) fn for_session(&self) -> String {
        said("SET", &[BY_INDEXES, self.alike, self.session])
    }

    /// The statements for a transaction on one that is lent.
    pub(super) fn for_transaction(&self) -> String {
        said("SET LOCAL", &[BY_INDEXES, self.alike, self.transaction])
    }
}

fn said(how: &str, settings: &[&[&str]]) -> String {
    let statements = settings.concat().into_iter().map(|setting| format!("{how} {setting}"));
    statements.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_is_told_what_is_its_own() {
        let settings = Settings { alike: &["a = 1"], session: &["b = 2"], transaction: &["c = 3"] };
        let session = settings.for_session();
        assert!(session.starts_with("SET enable_seqscan = off; SET "), "{session}");
        assert!(session.ends_with("; SET a = 1; SET b = 2"), "{session}");
        let transaction = settings.for_transaction();
        assert!(transaction.starts_with("SET LOCAL enable_seqscan = off; "), "{transaction}");
        assert!(transaction.ends_with("; SET LOCAL a = 1; SET LOCAL c = 3"), "{transaction}");
    }
}
