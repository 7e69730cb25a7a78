//! Whatever request before the gate of the real schema: what it admits, the library can validate; strings
//! end for the scan where they end for the parser; the walk counts what a naive one counts.

use std::sync::Arc;

use async_graphql::extensions::{Extension, ExtensionContext, ExtensionFactory, NextExecute};
use async_graphql::parser::parse_query;
use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};
use async_graphql::{Request, Response};
use futures::FutureExt;

use super::walk::Walk;
use super::{Cache, Gate, Shape, scan};
use crate::api::rules::Needs;
use crate::api::schema::{self, LonghaulSchema};
use crate::domain::limits::Limits;

/// As many brackets as the parser takes without harm, however they stand.
const BRACKETS: usize = 64;
/// So many selections are written out, at most, to count them; each takes some of the stack.
const WRITTEN_OUT: u32 = 1_000;

/// The gate, and the schema behind it, of which nothing is executed.
pub(in crate::api::transport) struct Bed {
    gate: Gate,
    schema: LonghaulSchema,
}

/// Stands where an operation would be executed.
struct Nothing;

impl ExtensionFactory for Nothing {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self)
    }
}

#[async_trait::async_trait]
impl Extension for Nothing {
    async fn execute(
        &self,
        _: &ExtensionContext<'_>,
        _: Option<&str>,
        _: NextExecute<'_>,
    ) -> Response {
        Response::default()
    }
}

impl Bed {
    pub(in crate::api::transport) fn new() -> Self {
        let limits = Limits::default();
        let schema = schema::builder(&limits).extension(Nothing).finish();
        let gate = schema::gate(&schema::sdl(), limits, 64);
        Self { gate, schema }
    }

    /// Judges a request; what the gate admits is validated by the library.
    pub(in crate::api::transport) fn judge(&mut self, request: Request) {
        // What came before must not take the way short.
        self.gate.cache = Cache::default();
        agree(&request.query, &self.gate.shape);
        match self.gate.admit(request) {
            Ok(admitted) => {
                let validated = self.schema.execute(admitted.into_request()).now_or_never();
                validated.expect("nothing in it waits");
            }
            Err(refused) => {
                let extensions = refused.extensions.expect("every refusal has a code");
                assert!(extensions.get("code").is_some(), "{extensions:?}");
            }
        }
    }
}

/// Compares what the scan says with what the parser says, where that is safe to ask.
fn agree(text: &str, shape: &Shape) {
    let brackets = text.bytes().filter(|byte| b"()[]{}".contains(byte)).count();
    if brackets > BRACKETS {
        return;
    }
    let Ok(document) = parse_query(text) else { return };
    let size = match scan::scan(text) {
        Ok(size) => size,
        // The parser reads `null2` as two tokens, the specification and the scan as one.
        Err(error) if error.what == scan::BEGINS_NONE => return,
        // The parser reads what begins a block string that never ends as an empty string and more.
        Err(error) if error.what == scan::ENDS_NOT && text[error.at..].starts_with("\"\"\"") => {
            return;
        }
        Err(error) => panic!("the parser reads it: {error}"),
    };
    for (_, operation) in document.operations.iter() {
        let set = &operation.node.selection_set.node;
        let root = shape.root(operation.node.ty).unwrap_or_default();
        let mut naive = Naive::of(&document, shape);
        let Some((depth, levels)) = naive.count(set, root) else { continue };
        let walked = Walk::new(&document, shape, &|_| None).selection(set, root);
        let walked = walked.expect("the naive walk came to an end");
        assert_eq!(
            (walked.fields, walked.aliases, walked.needs, walked.depth, walked.levels),
            (naive.fields, naive.aliases, naive.needs, depth, levels)
        );
        let braces = open_sets(set);
        assert!(size.nesting >= braces, "{braces} braces stand within each other: {size:?}");
    }
}

/// How many selections stand open within each other, fragments apart.
fn open_sets(set: &SelectionSet) -> u64 {
    let below = set.items.iter().map(|selection| match &selection.node {
        Selection::Field(field) => open_sets(&field.node.selection_set.node),
        Selection::InlineFragment(inline) => open_sets(&inline.node.selection_set.node),
        Selection::FragmentSpread(_) => 0,
    });
    below.max().map_or(0, |deepest| deepest + 1)
}

/// Counts a selection by writing its fragments out.
struct Naive<'a> {
    document: &'a ExecutableDocument,
    shape: &'a Shape,
    left: u32,
    fields: u64,
    aliases: u64,
    needs: Needs,
}

impl<'a> Naive<'a> {
    fn of(document: &'a ExecutableDocument, shape: &'a Shape) -> Self {
        let (fields, aliases, needs) = (0, 0, Needs::default());
        Self { document, shape, left: WRITTEN_OUT, fields, aliases, needs }
    }

    /// How deep its fields and its selections nest; `None` where it has no end, or too late a one.
    fn count(&mut self, set: &SelectionSet, parent: &str) -> Option<(u64, u64)> {
        let (mut depth, mut levels) = (0, 0);
        for selection in &set.items {
            self.left = self.left.checked_sub(1)?;
            self.fields += 1;
            let (below, is_field) = match &selection.node {
                Selection::Field(field) => {
                    let field = &field.node;
                    let shape = self.shape.field(parent, &field.name.node);
                    self.aliases += u64::from(field.alias.is_some());
                    self.needs = self.needs.with(shape.and_then(|shape| shape.need));
                    let named = shape.map_or("", |shape| &shape.named);
                    (self.count(&field.selection_set.node, named)?, 1)
                }
                Selection::InlineFragment(inline) => {
                    let on = inline.node.type_condition.as_ref();
                    let on = on.map_or(parent, |on| on.node.on.node.as_str());
                    (self.count(&inline.node.selection_set.node, on)?, 0)
                }
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    let fragment = &self.document.fragments.get(name)?.node;
                    let on = fragment.type_condition.node.on.node.as_str();
                    (self.count(&fragment.selection_set.node, on)?, 0)
                }
            };
            depth = depth.max(below.0 + is_field);
            levels = levels.max(below.1 + 1);
        }
        Some((depth, levels))
    }
}
