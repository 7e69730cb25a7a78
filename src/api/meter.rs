//! What clients asked for since this process began, and who is connected: for whoever watches the server.

use std::sync::Arc;

use async_graphql::parser::types::OperationType;
use async_graphql::{ServerError, Value};
use strum::IntoEnumIterator;

use crate::api::error::Code;
use crate::domain::meter::{Count, Level};

/// All accounts.
#[derive(Debug)]
pub struct Meter {
    queries: Count,
    mutations: Count,
    subscriptions: Count,
    /// By the number of the code.
    errors: Vec<Count>,
    /// Connections that are open.
    pub connections: Arc<Level>,
    /// Those that became a WebSocket.
    pub sockets: Arc<Level>,
    /// Streams of events that are open.
    pub streams: Arc<Level>,
}

impl Default for Meter {
    fn default() -> Self {
        Self {
            queries: Count::default(),
            mutations: Count::default(),
            subscriptions: Count::default(),
            errors: Code::iter().map(|_| Count::default()).collect(),
            connections: Arc::default(),
            sockets: Arc::default(),
            streams: Arc::default(),
        }
    }
}

impl Meter {
    /// An operation was let in.
    pub(super) fn admitted(&self, operation: OperationType) {
        let count = match operation {
            OperationType::Query => &self.queries,
            OperationType::Mutation => &self.mutations,
            OperationType::Subscription => &self.subscriptions,
        };
        count.add(1);
    }

    /// A client was told an error of this code.
    pub(super) fn told(&self, code: Code) {
        self.errors[code as usize].add(1);
    }

    /// A client was told these errors.
    pub(super) fn told_all(&self, errors: &[ServerError]) {
        errors.iter().filter_map(code_of).for_each(|code| self.told(code));
    }

    /// How many operations were let in, by what they are.
    pub fn operations(&self) -> [(&'static str, u64); 3] {
        [
            ("query", self.queries.get()),
            ("mutation", self.mutations.get()),
            ("subscription", self.subscriptions.get()),
        ]
    }

    /// How many errors clients were told, by code.
    pub fn errors(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Code::iter().map(Code::as_str).zip(self.errors.iter().map(Count::get))
    }
}

fn code_of(error: &ServerError) -> Option<Code> {
    let Some(Value::String(code)) = error.extensions.as_ref()?.get("code") else { return None };
    code.parse().ok()
}
