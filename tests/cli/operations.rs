//! Holds every document that the commands send against `schema.graphql`: each field and argument
//! exists, each variable has the type of the place where it stands.

use std::collections::HashMap;
use std::fmt::Display;
use std::path::Path;

use async_graphql::parser::types::{
    BaseType, DocumentOperations, ExecutableDocument, FieldDefinition, InputValueDefinition,
    OperationDefinition, OperationType, Selection, SelectionSet, Type, TypeKind,
    TypeSystemDefinition,
};
use async_graphql::parser::{parse_query, parse_schema};
use async_graphql::{Name, Positioned};

use longhaul::cli::operations::ALL;

/// The fields of each object and interface; `None` where a type has no fields.
type Types = HashMap<Name, Option<Vec<FieldDefinition>>>;

fn types() -> Types {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema.graphql");
    let sdl = std::fs::read_to_string(path).unwrap();
    let document = parse_schema(sdl).unwrap();
    let mut types = Types::new();
    for definition in document.definitions {
        if let TypeSystemDefinition::Type(definition) = definition {
            let plain = |fields: Vec<Positioned<FieldDefinition>>| {
                Some(fields.into_iter().map(|field| field.node).collect())
            };
            let fields = match definition.node.kind {
                TypeKind::Object(object) => plain(object.fields),
                TypeKind::Interface(interface) => plain(interface.fields),
                TypeKind::Scalar
                | TypeKind::Union(_)
                | TypeKind::Enum(_)
                | TypeKind::InputObject(_) => None,
            };
            types.insert(definition.node.name.node, fields);
        }
    }
    types
}

fn base(of: &Type) -> &Name {
    match &of.base {
        BaseType::Named(name) => name,
        BaseType::List(inner) => base(inner),
    }
}

/// A walk over one document; what does not fit is noted with the path that leads to it.
struct Walk<'a> {
    types: &'a Types,
    document: &'a ExecutableDocument,
    operation: &'a OperationDefinition,
    problems: Vec<String>,
}

impl Walk<'_> {
    fn set(&mut self, on: &Name, path: &str, set: &SelectionSet) {
        for item in &set.items {
            match &item.node {
                Selection::Field(field) => {
                    let name = &field.node.name.node;
                    let path = format!("{path}.{name}");
                    let fields = self.types.get(on).and_then(Option::as_ref).into_iter().flatten();
                    let Some(found) = fields.into_iter().find(|f| f.name.node == *name) else {
                        self.problems.push(format!("{path}: no such field"));
                        continue;
                    };
                    self.arguments(&path, &field.node.arguments, &found.arguments);
                    let of = base(&found.ty.node);
                    let has_fields = self.types.get(of).is_some_and(Option::is_some);
                    if has_fields == field.node.selection_set.node.items.is_empty() {
                        self.problems.push(format!("{path}: a selection fits a type with fields"));
                    }
                    self.set(of, &path, &field.node.selection_set.node);
                }
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    let document = self.document;
                    let fragment = &document.fragments[name].node;
                    assert_eq!(fragment.type_condition.node.on.node, *on, "{path}");
                    self.set(on, path, &fragment.selection_set.node);
                }
                Selection::InlineFragment(_) => panic!("{path}: no inline fragments here"),
            }
        }
    }

    fn arguments<Value: Display>(
        &mut self,
        path: &str,
        given: &[(Positioned<Name>, Positioned<Value>)],
        wanted: &[Positioned<InputValueDefinition>],
    ) {
        for (name, value) in given {
            let Some(wanted) = wanted.iter().find(|w| w.node.name.node == name.node) else {
                self.problems.push(format!("{path}({}): no such argument", name.node));
                continue;
            };
            let value = value.node.to_string();
            let Some(variable) = value.strip_prefix('$') else { continue };
            let mut variables = self.operation.variable_definitions.iter();
            let declared = variables.find(|v| v.node.name.node == variable).unwrap();
            let (have, want) = (&declared.node.var_type.node, &wanted.node.ty.node);
            let nullable = have.nullable && !want.nullable && wanted.node.default_value.is_none();
            if have.base != want.base || nullable {
                self.problems.push(format!("{path}({}): {have} is no {want}", name.node));
            }
        }
        for wanted in wanted {
            let needed = !wanted.node.ty.node.nullable && wanted.node.default_value.is_none();
            if needed && !given.iter().any(|(name, _)| name.node == wanted.node.name.node) {
                self.problems.push(format!("{path}({}): missing", wanted.node.name.node));
            }
        }
    }
}

#[test]
fn every_document_fits_the_schema() {
    let types = types();
    let mut problems = Vec::new();
    for operation in ALL {
        let document = parse_query(operation.text).unwrap();
        let DocumentOperations::Multiple(operations) = &document.operations else {
            panic!("{} is not named in its document", operation.name);
        };
        let definition = &operations[operation.name].node;
        let root = match definition.ty {
            OperationType::Query => "Query",
            OperationType::Mutation => "Mutation",
            OperationType::Subscription => "Subscription",
        };
        let mut walk = Walk {
            types: &types,
            document: &document,
            operation: definition,
            problems: Vec::new(),
        };
        walk.set(&Name::new(root), operation.name, &definition.selection_set.node);
        problems.extend(walk.problems);
    }
    assert_eq!(problems, [""; 0]);
}
