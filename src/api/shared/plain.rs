//! Which documents are shared: those whose messages are the same for everybody.

use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, Field, OperationDefinition, Selection, SelectionSet,
};
use async_graphql::{ID, InputType, Name, Pos, Request, Value, Variables};
use sha2::{Digest, Sha256};

/// The field whose messages are shared.
pub(super) const ROOT: &str = "jobStatus";
/// What costs a pass over the queue.
const ESTIMATE: &str = "estimate";
/// What may be selected below it, each under its own name: scalars of the message, and of the row that
/// it carries.
pub(super) const PLAIN: [&str; 36] = [
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
    ESTIMATE,
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

/// What tells one question from another.
pub(super) type Key = [u8; 32];

/// What is known of a request whose messages are the same for everybody who sends it.
pub(super) struct Plain {
    /// Equal for those that ask the same, of whatever job and at whatever pace.
    pub(super) key: Key,
    /// Where its field stands.
    pub(super) at: Pos,
    /// It selects an estimate, perhaps.
    pub(super) wants_estimate: bool,
    /// The arguments of the field.
    pub(super) id: ID,
    pub(super) min_interval_ms: Option<i32>,
}

impl Plain {
    /// Looks at a request that the gate has admitted.
    pub(super) fn read(request: &Request, document: &ExecutableDocument) -> Option<Self> {
        if !is_plain(document) {
            return None;
        }
        let name = request.operation_name.as_deref();
        let operation = chosen(document, name)?;
        let Selection::Field(field) = &operation.selection_set.node.items.first()?.node else {
            return None;
        };
        let mut own = Own { operation, variables: &request.variables, names: Vec::new() };
        let id = own.argument(&field.node, "id")?;
        let min_interval_ms = own.argument(&field.node, "minIntervalMs");
        // What one says of an argument that does not fit is the library's business.
        let (id, min_interval_ms) = match min_interval_ms {
            Some(value) => (ID::parse(Some(id)).ok()?, InputType::parse(Some(value)).ok()?),
            None => (ID::parse(Some(id)).ok()?, None),
        };
        let mut beside = request.variables.clone();
        beside.retain(|name, _| !own.names.contains(name));
        let beside = serde_json::to_string(&beside).ok()?;
        let mut hash = Sha256::new();
        for part in [&request.query, name.unwrap_or_default(), &beside] {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
        let wants_estimate = has_field(document, ESTIMATE);
        Some(Self {
            key: hash.finalize().into(),
            at: field.pos,
            wants_estimate,
            id,
            min_interval_ms,
        })
    }
}

fn chosen<'a>(
    document: &'a ExecutableDocument,
    name: Option<&str>,
) -> Option<&'a OperationDefinition> {
    let operation = match (&document.operations, name) {
        (DocumentOperations::Single(operation), _) => operation,
        (DocumentOperations::Multiple(all), Some(name)) => all.get(name)?,
        (DocumentOperations::Multiple(all), None) => all.values().next()?,
    };
    Some(&operation.node)
}

/// The variables that the field itself takes: they say which job and at what pace. What is selected
/// below it depends on others, by `@skip` and `@include`, which take no value of those types.
struct Own<'a> {
    operation: &'a OperationDefinition,
    variables: &'a Variables,
    names: Vec<Name>,
}

impl Own<'_> {
    /// The value of an argument, as the library would give it to the resolver.
    fn argument(&mut self, field: &Field, name: &str) -> Option<Value> {
        let value = field.get_argument(name)?.node.clone();
        let of_variable = |name: Name| {
            let mut all = self.operation.variable_definitions.iter().map(|d| &d.node);
            let definition = all.find(|definition| definition.name.node == name).ok_or(())?;
            let given = self.variables.get(&name).or_else(|| definition.default_value()).cloned();
            self.names.push(name);
            given.ok_or(())
        };
        value.into_const_with(of_variable).ok()
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

fn has_field(document: &ExecutableDocument, name: &str) -> bool {
    let operations = document.operations.iter().map(|(_, operation)| &operation.node.selection_set);
    let fragments = document.fragments.values().map(|fragment| &fragment.node.selection_set);
    operations.chain(fragments).any(|set| set_has_field(&set.node, name))
}

fn set_has_field(set: &SelectionSet, name: &str) -> bool {
    set.items.iter().any(|selection| match &selection.node {
        Selection::Field(field) => {
            field.node.name.node == name || set_has_field(&field.node.selection_set.node, name)
        }
        Selection::InlineFragment(inline) => set_has_field(&inline.node.selection_set.node, name),
        Selection::FragmentSpread(_) => false,
    })
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
    use async_graphql::parser::parse_query;
    use serde_json::{Value as Json, json};

    use super::*;

    fn read(query: &str, variables: Json) -> Option<Plain> {
        let request = Request::new(query).variables(Variables::from_json(variables));
        Plain::read(&request, &parse_query(query).unwrap())
    }

    fn key(query: &str, variables: Json) -> Option<Key> {
        read(query, variables).map(|plain| plain.key)
    }

    #[test]
    fn only_what_is_the_same_for_everybody_is_shared() {
        for (query, is_shared) in [
            (
                "subscription($id: ID!) { jobStatus(id: $id) { seq ...F } } fragment F on JobStatus { job { id state } }",
                true,
            ),
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
            assert_eq!(key(query, json!({ "id": "1" })).is_some(), is_shared, "{query}");
        }
    }

    #[test]
    fn an_estimate_is_made_for_who_selects_one() {
        for (selected, is_wanted) in [
            ("state job { wait { position } }", false),
            ("estimate { endAt }", true),
            ("job { estimate { endAt } }", true),
            ("... { job { ... { estimate { endAt } } } }", true),
            ("job { ...F }", true),
        ] {
            let query = format!("subscription($id: ID!) {{ jobStatus(id: $id) {{ {selected} }} }}");
            let fragment = "fragment F on Job { estimate { endAt } }";
            let query = if selected.contains("...F") { query + fragment } else { query };
            let plain = read(&query, json!({ "id": "1" })).unwrap();
            assert_eq!(plain.wants_estimate, is_wanted, "{selected}");
        }
    }

    #[test]
    fn a_question_is_told_from_others_by_what_it_selects() {
        let query = "subscription($id: ID!, $ms: Int, $all: Boolean!) {
            jobStatus(id: $id, minIntervalMs: $ms) { state seq @include(if: $all) } }";
        let of = |id, ms, all| key(query, json!({ "id": id, "ms": ms, "all": all })).unwrap();
        let one = of("1", 50, true);
        assert_eq!(one, of("2", 60, true), "of whatever job, at whatever pace");
        assert_ne!(one, of("1", 50, false));
        let other = query.replace("seq", "at");
        assert_ne!(Some(one), key(&other, json!({ "id": "1", "ms": 50, "all": true })));
    }

    #[test]
    fn its_arguments_are_what_the_library_would_give() {
        let of = |arguments: &str, variables| {
            let query = format!(
                "subscription($id: ID = \"d\", $ms: Int) {{ jobStatus({arguments}) {{ seq }} }}"
            );
            read(&query, variables).map(|plain| (plain.id.0, plain.min_interval_ms))
        };
        let some = |id: &str, ms| Some((id.to_owned(), ms));
        assert_eq!(
            of("id: $id, minIntervalMs: $ms", json!({ "id": "1", "ms": 60 })),
            some("1", Some(60))
        );
        assert_eq!(of("id: $id, minIntervalMs: $ms", json!({})), some("d", None));
        assert_eq!(of("id: 7", json!({})), some("7", None));
        assert_eq!(of("id: $id", json!({ "id": null })), None);
        assert_eq!(of("id: $id, minIntervalMs: $ms", json!({ "ms": "soon" })), None);
    }
}
