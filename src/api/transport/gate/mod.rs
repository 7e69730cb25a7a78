//! The gate between bytes and resolvers: every operation of every transport passes it, whole,
//! before anything of it runs.
//!
//! Four looks, each cheap enough for the worst that passed the one before: the text is scanned
//! without recursion ([`scan`]), the parsed document is measured as if its fragments were written
//! out ([`walk`]), the values are checked against the schema ([`values`]), and only then the
//! library validates and executes. Reasons: 3 KB of brackets overflow the parser's stack and abort
//! the process; a fragment bomb of 753 bytes holds a core for most of a second with the library's
//! own limits set; the library notices a missing variable only when it reaches the field.
//!
//! # Invariants
//!
//! - Time and memory are linear in the size of the request.
//! - What is refused here has executed nothing.

mod cache;
#[cfg(any(test, feature = "fuzzing"))]
pub(super) mod fuzzing;
mod scan;
mod shape;
#[cfg(test)]
mod tests;
mod values;
mod walk;

use std::sync::Arc;

use async_graphql::parser::parse_query;
use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, OperationDefinition, OperationType, Selection,
};
use async_graphql::{Request, ServerError, Value, Variables};

use crate::api::error::{ApiError, Code};
use crate::api::input::number;
use crate::api::rules::Needs;
use crate::domain::limits::Limits;
use cache::Cache;
pub(crate) use shape::{PageRule, ScalarCheck, Shape};
use values::Misfit;
use walk::{Measure, Walk};

/// Judges requests. One for all transports.
pub(crate) struct Gate {
    shape: Shape,
    limits: Limits,
    introspection: bool,
    cache: Cache,
}

/// A request that may be executed.
pub(crate) struct Admitted {
    /// The request, without its document.
    pub(crate) request: Request,
    /// Its document: one for all who send the same text.
    pub(crate) document: Arc<ExecutableDocument>,
    /// What it is.
    pub(crate) operation: OperationType,
    /// What its caller must be allowed.
    pub(crate) needs: Needs,
}

impl Admitted {
    /// The request as the library executes it, which takes its document apart.
    pub(crate) fn into_request(mut self) -> Request {
        self.request.set_parsed_query(Arc::unwrap_or_clone(self.document));
        self.request
    }
}

impl Gate {
    pub(crate) fn new(shape: Shape, limits: Limits) -> Self {
        Self { shape, limits, introspection: true, cache: Cache::default() }
    }

    /// Lets clients ask for the schema, or not.
    pub(crate) fn with_introspection(self, introspection: bool) -> Self {
        Self { introspection, ..self }
    }

    /// The limits that it holds.
    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Judges a request as a whole.
    pub(crate) fn admit(&self, mut request: Request) -> Result<Admitted, ServerError> {
        let document = self.document(&request.query)?;
        values::check_types(&self.shape, &document).map_err(unfit)?;
        let operation = choose(&document, request.operation_name.as_deref())
            .map_err(ApiError::into_server_error)?;
        let needs = self.measure(&document, operation, &request.variables);
        let needs = needs.map_err(ApiError::into_server_error)?;
        values::check_variables(&self.shape, operation, &request.variables).map_err(unfit)?;
        values::check_literals(&self.shape, &document, operation).map_err(unfit)?;
        // A stream keeps its variables for as long as it lasts, and who sends them need not declare them.
        let declared = &operation.variable_definitions;
        request.variables.retain(|name, _| declared.iter().any(|d| d.node.name.node == *name));
        let operation = operation.ty;
        request.uploads.clear();
        Ok(Admitted { request, document, operation, needs })
    }

    fn document(&self, text: &str) -> Result<Arc<ExecutableDocument>, ServerError> {
        if let Some(document) = self.cache.get(text) {
            return Ok(document);
        }
        let parse_failed =
            |error: String| ApiError::new(Code::GraphqlParseFailed, error).into_server_error();
        let size = scan::scan(text).map_err(|error| parse_failed(error.to_string()))?;
        let limits = &self.limits;
        within("nesting", limits.query_nesting, size.nesting)
            .and_then(|()| within("tokens", limits.query_tokens, size.tokens))
            .map_err(ApiError::into_server_error)?;
        let document = Arc::new(parse_query(text).map_err(|error| {
            let at = error.positions().collect();
            ServerError { locations: at, ..parse_failed(error.to_string()) }
        })?);
        self.cache.insert(text, Arc::clone(&document));
        Ok(document)
    }

    /// Measures every operation of the document, not only the one that will run: the library
    /// validates all of them. Answers what the caller of `chosen` must be allowed.
    fn measure(
        &self,
        document: &ExecutableDocument,
        chosen: &OperationDefinition,
        variables: &Variables,
    ) -> Result<Needs, ApiError> {
        let mut needs = Needs::default();
        for (_, operation) in document.operations.iter() {
            let operation = &operation.node;
            let variable = |name: &str| number_of(operation, variables, name);
            let root = self.shape.root(operation.ty).unwrap_or_default();
            let measure = Walk::new(document, &self.shape, &variable)
                .selection(&operation.selection_set.node, root)
                .map_err(|e| ApiError::new(Code::GraphqlValidationFailed, e.to_string()))?;
            self.judge(operation, measure)?;
            if std::ptr::eq(operation, chosen) {
                needs = measure.needs;
            }
        }
        Ok(needs)
    }

    fn judge(&self, operation: &OperationDefinition, measure: Measure) -> Result<(), ApiError> {
        let limits = &self.limits;
        let root_fields = match operation.ty {
            OperationType::Query => limits.query_root_fields,
            OperationType::Mutation => limits.mutation_root_fields,
            OperationType::Subscription => 1,
        };
        let cost = usize::try_from(limits.query_cost).unwrap_or(usize::MAX);
        let lists = usize::try_from(walk::INTROSPECTION_LISTS).unwrap_or(usize::MAX);
        for (limit, max, found) in [
            ("depth", limits.query_depth, measure.depth),
            ("nesting", limits.query_nesting, measure.levels),
            ("rootFields", root_fields, measure.top),
            ("aliases", limits.query_aliases, measure.aliases),
            // With its fragments written out a document may hold what any document may hold.
            ("fields", limits.query_tokens, measure.fields),
            ("introspectionLists", lists, measure.introspection_lists),
            ("cost", cost, measure.cost),
        ] {
            within(limit, max, found)?;
        }
        if measure.introspects && !self.introspection {
            let message = "this server does not tell its schema: `server.introspection` is false in its configuration; `longhaul schema` prints it";
            return Err(ApiError::new(Code::GraphqlValidationFailed, message));
        }
        match operation.ty {
            OperationType::Subscription => judge_stream(operation),
            OperationType::Query | OperationType::Mutation => Ok(()),
        }
    }
}

/// A subscription has its one field in the operation itself, whatever its variables are. The
/// library would end any other stream without a word.
fn judge_stream(operation: &OperationDefinition) -> Result<(), ApiError> {
    let refuse = |message| Err(ApiError::new(Code::GraphqlValidationFailed, message));
    let mut fields =
        operation.selection_set.node.items.iter().filter_map(|item| match &item.node {
            Selection::Field(field) if field.node.name.node != "__typename" => Some(&field.node),
            Selection::Field(_) | Selection::FragmentSpread(_) | Selection::InlineFragment(_) => {
                None
            }
        });
    let Some(field) = fields.next() else {
        return refuse(
            "the field of a subscription must stand in the operation itself, not in a fragment",
        );
    };
    let conditional = |name: &str| matches!(name, "skip" | "include");
    if field.directives.iter().any(|directive| conditional(&directive.node.name.node)) {
        return refuse("the field of a subscription has neither `@skip` nor `@include`");
    }
    Ok(())
}

fn within(limit: &'static str, max: usize, found: u64) -> Result<(), ApiError> {
    if usize::try_from(found).is_ok_and(|found| found <= max) {
        return Ok(());
    }
    let message =
        format!("the document is too large: {limit} may be at most {max}, and is {found}");
    Err(ApiError::new(Code::QueryTooLarge, message)
        .with("limit", limit)
        .with("max", max)
        .with("found", found))
}

fn unfit(misfit: Misfit) -> ServerError {
    let error = ApiError::new(Code::GraphqlValidationFailed, misfit.message);
    ServerError { locations: vec![misfit.at], ..error.into_server_error() }
}

/// The operation that the request names, or the only one.
fn choose<'a>(
    document: &'a ExecutableDocument,
    name: Option<&str>,
) -> Result<&'a OperationDefinition, ApiError> {
    let invalid = |message: String| Err(ApiError::new(Code::GraphqlValidationFailed, message));
    let operation = match (&document.operations, name) {
        (DocumentOperations::Single(operation), None) => operation,
        (DocumentOperations::Multiple(operations), None) if operations.len() == 1 => {
            operations.values().next().expect("one of one")
        }
        (DocumentOperations::Multiple(_), None) => {
            return invalid("the document has several operations: give `operationName`".to_owned());
        }
        (DocumentOperations::Multiple(operations), Some(name)) if operations.contains_key(name) => {
            &operations[name]
        }
        (_, Some(name)) => {
            return invalid(format!("the document has no operation with the name `{name}`"));
        }
    };
    Ok(&operation.node)
}

/// The whole number that a variable holds, its default included; less than none is none.
fn number_of(operation: &OperationDefinition, variables: &Variables, name: &str) -> Option<u64> {
    let definition = operation.variable_definitions.iter().find(|d| d.node.name.node == name);
    let default = || definition?.node.default_value.as_ref().map(|value| &value.node);
    rows(variables.get(name).or_else(default)?)
}

/// As many rows as a value asks for.
fn rows(value: &Value) -> Option<u64> {
    Some(number(value)?.as_u64().unwrap_or(0))
}
