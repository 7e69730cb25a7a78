//! One serialised message for all who asked the same: of many who watch one job with the same
//! document, the first to tell a moment resolves and writes it, and the others send its bytes.
//!
//! Resolving and writing is most of what a message costs, and one socket's is like the other's.
//!
//! # Invariants
//!
//! - Shared is only what is the same for everybody: [`PLAIN`] fields, which come from the message
//!   itself. What reads anything later, or depends on who asks, is resolved for each.
//! - A text is told for the very [`Moment`] that it was made of.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use async_graphql::parser::types::{ExecutableDocument, Field, Selection, SelectionSet};
use async_graphql::registry::Registry;
use async_graphql::{
    ContextSelectionSet, OutputType, Positioned, Request, Response, ServerResult, Value,
};
use sha2::{Digest, Sha256};

use crate::api::types::wait::Wait;
use crate::domain::clock::Timestamp;
use crate::domain::estimate::Estimate;
use crate::domain::event::JobChange;
use crate::domain::id::Seq;
use crate::domain::job::Progress;

/// The field whose messages are shared.
const ROOT: &str = "jobStatus";
/// What may be selected below it, each under its own name: scalars of the message, and of the row that
/// it carries.
const PLAIN: [&str; 36] = [
    "__typename",
    "attempt",
    "basedOnRuns",
    "cancelRequestedAt",
    "change",
    "coalesced",
    "at",
    "createdAt",
    "current",
    "eligibleAt",
    "endAt",
    "endAtLatest",
    "endedAt",
    "estimate",
    "exitCode",
    "id",
    "job",
    "maxAttempts",
    "message",
    "notBefore",
    "percent",
    "position",
    "progress",
    "reason",
    "reasonText",
    "seq",
    "signal",
    "startAt",
    "startAtLatest",
    "startedAt",
    "state",
    "terminal",
    "timeoutMs",
    "total",
    "updatedAt",
    "wait",
];

/// What tells one message of a job from another: whatever it shows follows from it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Moment {
    pub(crate) seq: Seq,
    pub(crate) change: JobChange,
    pub(crate) at: Timestamp,
    pub(crate) wait: Option<Wait>,
    pub(crate) estimate: Option<Estimate>,
    pub(crate) progress: Option<Arc<Progress>>,
    pub(crate) coalesced: i64,
}

type Key = [u8; 32];

/// Every question that somebody follows. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Questions(Arc<Mutex<HashMap<Key, Weak<Question>>>>);

/// A document with its variables. Lasts as long as somebody follows it.
#[derive(Debug)]
struct Question {
    key: Key,
    all: Questions,
    latest: Mutex<Option<(Moment, Arc<str>)>>,
}

/// One follower of a question. Lies in the data of its request.
#[derive(Debug)]
pub(crate) struct Asked {
    question: Arc<Question>,
    /// Of the message that is being resolved.
    now: Mutex<Option<Now>>,
}

#[derive(Debug)]
enum Now {
    /// It is yet to be written.
    Untold(Moment),
    /// Somebody has written it.
    Told(Arc<str>),
}

impl Questions {
    /// Joins those who asked the same; `None` where nothing can be shared.
    pub(crate) fn join(&self, request: &mut Request) -> Option<Arc<Asked>> {
        let document = request.parsed_query().ok()?;
        if !is_plain(document) {
            return None;
        }
        let variables = serde_json::to_string(&request.variables).ok()?;
        let name = request.operation_name.as_deref().unwrap_or_default();
        let mut hash = Sha256::new();
        for part in [&request.query, name, &variables] {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
        let key = hash.finalize().into();
        let mut all = self.lock();
        let question = all.get(&key).and_then(Weak::upgrade).unwrap_or_else(|| {
            let question = Arc::new(Question { key, all: self.clone(), latest: Mutex::default() });
            all.insert(key, Arc::downgrade(&question));
            question
        });
        drop(all);
        Some(Arc::new(Asked { question, now: Mutex::default() }))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Weak<Question>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        let mut all = self.all.lock();
        // Another may have asked it anew meanwhile.
        if all.get(&self.key).is_some_and(|question| question.strong_count() == 0) {
            all.remove(&self.key);
        }
    }
}

impl Asked {
    /// A message comes; whether it is written already, so that nothing of it need be resolved.
    pub(crate) fn meet(&self, moment: Moment) -> bool {
        let latest = self.question.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let told = latest.as_ref().filter(|(known, _)| *known == moment);
        let now = told.map_or(Now::Untold(moment), |(_, text)| Now::Told(Arc::clone(text)));
        let is_told = matches!(now, Now::Told(_));
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
        is_told
    }

    /// The message that was met, as it is written; `None` where this one is only its client's.
    pub(crate) fn tell(&self, response: &Response) -> Option<Arc<str>> {
        match self.now.lock().unwrap_or_else(PoisonError::into_inner).take()? {
            Now::Told(text) => Some(text),
            Now::Untold(moment) => {
                // Nobody else follows it, or it is no message for everybody.
                if Arc::strong_count(&self.question) < 2 || response.is_err() {
                    return None;
                }
                let text = Arc::<str>::from(serde_json::to_string(response).ok()?);
                let mut latest =
                    self.question.latest.lock().unwrap_or_else(PoisonError::into_inner);
                *latest = Some((moment, Arc::clone(&text)));
                Some(text)
            }
        }
    }
}

/// A message that is not resolved where it is written already.
pub(crate) struct Shared<M> {
    pub(crate) message: M,
    pub(crate) is_told: bool,
}

impl<M: OutputType> OutputType for Shared<M> {
    fn type_name() -> Cow<'static, str> {
        M::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        M::create_type_info(registry)
    }

    async fn resolve(
        &self,
        ctx: &ContextSelectionSet<'_>,
        field: &Positioned<Field>,
    ) -> ServerResult<Value> {
        if self.is_told { Ok(Value::Null) } else { self.message.resolve(ctx, field).await }
    }
}

/// Everything in it is the same for everybody at one moment. Whatever has another name by an alias is
/// not: its client alone knows what it means.
fn is_plain(document: &ExecutableDocument) -> bool {
    let mut roots = document.operations.iter().flat_map(|(_, operation)| {
        operation.node.selection_set.node.items.iter().map(|selection| &selection.node)
    });
    roots.all(|root| match root {
        Selection::Field(field) => {
            let field = &field.node;
            field.name.node == ROOT
                && field.alias.is_none()
                && is_plain_set(&field.selection_set.node)
        }
        Selection::FragmentSpread(_) | Selection::InlineFragment(_) => false,
    }) && document.fragments.values().all(|f| is_plain_set(&f.node.selection_set.node))
}

fn is_plain_set(set: &SelectionSet) -> bool {
    set.items.iter().all(|selection| match &selection.node {
        Selection::Field(field) => {
            let field = &field.node;
            let is_known = PLAIN.contains(&field.name.node.as_str());
            is_known && field.alias.is_none() && is_plain_set(&field.selection_set.node)
        }
        Selection::InlineFragment(inline) => is_plain_set(&inline.node.selection_set.node),
        // The fragments of a document are looked at by themselves.
        Selection::FragmentSpread(_) => true,
    })
}

#[cfg(test)]
mod tests {
    use async_graphql::Variables;
    use serde_json::json;

    use super::*;

    const QUERY: &str = "subscription($id: ID!) { jobStatus(id: $id) { seq ...F } } fragment F on JobStatus { job { id state } }";

    fn join(all: &Questions, query: &str, id: &str) -> Option<Arc<Asked>> {
        let variables = Variables::from_json(json!({ "id": id }));
        all.join(&mut Request::new(query).variables(variables))
    }

    fn moment(seq: i64) -> Moment {
        let at = Timestamp::UNIX_EPOCH;
        Moment {
            seq: Seq(seq),
            change: JobChange::Updated,
            at,
            wait: None,
            estimate: None,
            progress: None,
            coalesced: 0,
        }
    }

    #[test]
    fn who_asks_the_same_is_told_the_same_bytes_at_the_same_moment() {
        let all = Questions::default();
        let [first, second] = [(), ()].map(|()| join(&all, QUERY, "1").unwrap());
        let other = join(&all, QUERY, "2").unwrap();
        let response = Response::new(7);
        assert!(!first.meet(moment(1)));
        let text = first.tell(&response).unwrap();
        assert_eq!(&*text, r#"{"data":7}"#);
        assert!(second.meet(moment(1)));
        assert!(Arc::ptr_eq(&second.tell(&Response::default()).unwrap(), &text));
        // Another moment is written anew, and so is another question.
        assert!(!second.meet(moment(2)) && !other.meet(moment(1)));
        // Nothing is written that nobody else waits for, and no error is told to others.
        assert!(other.tell(&response).is_none());
        assert!(second.tell(&Response::from_errors(vec![])).is_some());
        assert!(!second.meet(moment(3)));
        let failed = Response::from_errors(vec![async_graphql::ServerError::new("no", None)]);
        assert!(second.tell(&failed).is_none() && !first.meet(moment(3)));
    }

    #[test]
    fn a_question_lasts_as_long_as_somebody_follows_it() {
        // P12
        let all = Questions::default();
        let asked: Vec<_> = ["1", "1", "2"].map(|id| join(&all, QUERY, id)).into();
        assert_eq!(all.lock().len(), 2);
        drop(asked);
        assert_eq!(all.lock().len(), 0);
    }

    #[test]
    fn only_what_is_the_same_for_everybody_is_shared() {
        let all = Questions::default();
        for (query, is_shared) in [
            (QUERY, true),
            (
                "subscription($id: ID!) { jobStatus(id: $id) { wait { position } ... { at } } }",
                true,
            ),
            (
                "subscription($id: ID!) { jobStatus(id: $id) { job { viewerCan { cancel } } } }",
                false,
            ),
            ("subscription($id: ID!) { jobStatus(id: $id) { job { result } } }", false),
            ("subscription($id: ID!) { jobStatus(id: $id) { cursor: state } }", false),
            ("subscription($id: ID!) { s: jobStatus(id: $id) { state } }", false),
            (
                "subscription($id: ID!) { jobStatus(id: $id) { ...F } } fragment F on JobStatus { job { args } }",
                false,
            ),
            ("subscription { jobFeed { cursor } }", false),
            ("query($id: ID!) { job(id: $id) { state } }", false),
        ] {
            assert_eq!(join(&all, query, "1").is_some(), is_shared, "{query}");
        }
    }
}
