//! The second look: one memoised walk over the parsed document that measures every operation as if
//! its fragments were written out, without ever writing them out.
//!
//! A fragment is measured once, however often it is spread, and sums saturate: the time is linear
//! in the size of the document, where the document it stands for may be exponential.

use std::collections::HashMap;

use async_graphql::parser::types::{ExecutableDocument, Field, Selection, SelectionSet};
use async_graphql::{Name, Positioned, Value};

use super::shape::{Rows, Shape};
use crate::api::rules::Needs;

/// How often an introspection may go from a type to its fields again. The introspection of every
/// known tool goes once; each further time multiplies the answer by the size of the schema.
pub(super) const INTROSPECTION_LISTS: u64 = 2;

/// The type that stands for all types of the introspection.
const INTROSPECTION: &str = "__";

/// What a selection amounts to, fragments included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Measure {
    /// The deepest that fields nest.
    pub(super) depth: u64,
    /// The deepest that selections of any sort nest: fields, inline fragments, spreads.
    pub(super) levels: u64,
    /// See [`page`].
    pub(super) cost: u64,
    /// Fields with an alias.
    pub(super) aliases: u64,
    /// Selections of any sort.
    pub(super) fields: u64,
    /// Fields that stand directly here, without `__typename`.
    pub(super) top: u64,
    /// How often an introspection lists fields within fields.
    pub(super) introspection_lists: u64,
    /// What the caller must be allowed for all of it.
    pub(super) needs: Needs,
    /// Something asks for the schema.
    pub(super) introspects: bool,
}

/// Why a document cannot be measured.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unmeasurable {
    #[error("no fragment has the name `{0}`")]
    UnknownFragment(Name),
    #[error("the fragment `{0}` spreads itself")]
    Cycle(Name),
}

/// Looks a variable's value up, its default included.
pub(super) type Lookup<'a> = &'a dyn Fn(&str) -> Option<u64>;

/// One walk over one document.
pub(super) struct Walk<'a> {
    document: &'a ExecutableDocument,
    shape: &'a Shape,
    variable: Lookup<'a>,
    /// `None` while a fragment is being measured: who meets it again goes in a circle.
    fragments: HashMap<&'a Name, Option<Measure>>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        document: &'a ExecutableDocument,
        shape: &'a Shape,
        variable: Lookup<'a>,
    ) -> Self {
        Self { document, shape, variable, fragments: HashMap::new() }
    }

    /// Measures a selection on the type `parent`.
    pub(super) fn selection(
        &mut self,
        set: &'a SelectionSet,
        parent: &str,
    ) -> Result<Measure, Unmeasurable> {
        let mut sum = Measure::default();
        for selection in &set.items {
            let one = match &selection.node {
                Selection::Field(field) => self.field(&field.node, parent)?,
                Selection::InlineFragment(inline) => {
                    let on = inline.node.type_condition.as_ref();
                    let parent = on.map_or(parent, |on| on.node.on.node.as_str());
                    self.selection(&inline.node.selection_set.node, parent)?.one_level_up()
                }
                Selection::FragmentSpread(spread) => {
                    self.fragment(&spread.node.fragment_name)?.one_level_up()
                }
            };
            sum.add(one);
        }
        Ok(sum)
    }

    fn fragment(&mut self, name: &'a Positioned<Name>) -> Result<Measure, Unmeasurable> {
        let name = &name.node;
        match self.fragments.get(name) {
            Some(Some(known)) => return Ok(*known),
            Some(None) => return Err(Unmeasurable::Cycle(name.clone())),
            None => {}
        }
        let unknown = || Unmeasurable::UnknownFragment(name.clone());
        let fragment = &self.document.fragments.get(name).ok_or_else(unknown)?.node;
        self.fragments.insert(name, None);
        let on = fragment.type_condition.node.on.node.as_str();
        let measure = self.selection(&fragment.selection_set.node, on)?;
        self.fragments.insert(name, Some(measure));
        Ok(measure)
    }

    fn field(&mut self, field: &'a Field, parent: &str) -> Result<Measure, Unmeasurable> {
        let name = field.name.node.as_str();
        let introspects =
            parent.starts_with(INTROSPECTION) || matches!(name, "__schema" | "__type");
        let shape = self.shape.field(parent, name);
        let named = match shape {
            _ if introspects => INTROSPECTION,
            Some(shape) => shape.named.as_str(),
            // Validation refuses it later; until then it counts like any other.
            None => "",
        };
        let below = self.selection(&field.selection_set.node, named)?;
        let cost = if introspects || field.selection_set.node.items.is_empty() {
            0
        } else {
            let rows = shape.map_or(1, |shape| page(shape.rows, field, self.variable));
            rows.saturating_mul(below.cost.saturating_add(1))
        };
        let lists = introspects
            && matches!(name, "fields" | "inputFields" | "interfaces" | "possibleTypes");
        Ok(Measure {
            depth: below.depth.saturating_add(1),
            levels: below.levels.saturating_add(1),
            cost,
            aliases: below.aliases.saturating_add(u64::from(field.alias.is_some())),
            fields: below.fields.saturating_add(1),
            top: u64::from(name != "__typename"),
            introspection_lists: below.introspection_lists.saturating_add(u64::from(lists)),
            needs: below.needs.with(shape.and_then(|shape| shape.need)),
            introspects: introspects || below.introspects,
        })
    }
}

impl Measure {
    /// A sibling: sizes add up, depths do not.
    fn add(&mut self, other: Self) {
        self.depth = self.depth.max(other.depth);
        self.levels = self.levels.max(other.levels);
        self.introspection_lists = self.introspection_lists.max(other.introspection_lists);
        self.introspects |= other.introspects;
        self.cost = self.cost.saturating_add(other.cost);
        self.aliases = self.aliases.saturating_add(other.aliases);
        self.fields = self.fields.saturating_add(other.fields);
        self.top = self.top.saturating_add(other.top);
        self.needs = self.needs.and(other.needs);
    }

    /// The same behind a fragment, which is a selection and a level by itself.
    fn one_level_up(self) -> Self {
        Self {
            levels: self.levels.saturating_add(1),
            fields: self.fields.saturating_add(1),
            ..self
        }
    }
}

/// How many times the rest of a field counts: the rows asked for, never none, and no more than the
/// resolver will take (it names its own limit better than the gate could).
fn page(rows: Rows, field: &Field, variable: Lookup<'_>) -> u64 {
    let rule = match rows {
        Rows::Fixed(rows) => return rows,
        Rows::Page(rule) => rule,
    };
    let asked = ["first", "last"].into_iter().filter_map(|name| {
        let value = field.get_argument(name)?.node.clone();
        let value = value.into_const_with(|name| variable(&name).map(Value::from).ok_or(()));
        super::rows(&value.ok()?)
    });
    let rows = asked.max().unwrap_or(rule.default).min(rule.max);
    rows.div_ceil(rule.rows_per_cost.max(1)).max(1)
}
