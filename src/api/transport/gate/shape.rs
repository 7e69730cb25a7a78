//! What the gate knows of the schema: read once from its SDL, so that it can judge any schema and
//! never reaches into the library.

use std::collections::{HashMap, HashSet};

use async_graphql::Positioned;
use async_graphql::Value as ConstValue;
use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{
    BaseType, FieldDefinition, InputValueDefinition, OperationType, Type, TypeKind,
    TypeSystemDefinition,
};

use crate::api::rules::{self, Need};

/// How many rows a list counts as, where the caller cannot say how many it wants.
const LIST: u64 = 10;

/// Ends of the names of types that hold one page: the field that leads to them has counted their
/// rows already.
const PAGES: [&str; 4] = ["Connection", "Page", "Feed", "Chunk"];

/// How the rows of a field with `first` or `last` are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PageRule {
    /// The type and the field, like `Query.jobs`.
    pub(crate) field: &'static str,
    /// How many rows come where neither argument is given.
    pub(crate) default: u64,
    /// The most that the resolver takes; what is more is refused there, by name.
    pub(crate) max: u64,
    /// How many rows cost as much as one: more than 1 where they are read in one piece, like the
    /// lines of a file.
    pub(crate) rows_per_cost: u64,
}

/// Judges the values of one custom scalar: `Err` says what would be valid.
pub(crate) type ScalarCheck = fn(&ConstValue) -> Result<(), String>;

/// The types of a schema, as far as the gate needs them.
#[derive(Debug)]
pub(crate) struct Shape {
    types: HashMap<String, TypeShape>,
    roots: [Option<String>; 3],
    scalars: HashMap<&'static str, ScalarCheck>,
}

#[derive(Debug)]
pub(super) enum TypeShape {
    Composite(HashMap<String, FieldShape>),
    Enum(HashSet<String>),
    Input(HashMap<String, InputShape>),
    Scalar,
}

#[derive(Debug)]
pub(super) struct FieldShape {
    /// The named type below all lists.
    pub(super) named: String,
    /// How its rows are counted.
    pub(super) rows: Rows,
    /// What its caller must be allowed.
    pub(super) need: Option<Need>,
    /// The types of its arguments.
    pub(super) arguments: HashMap<String, Type>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rows {
    /// Always so many.
    Fixed(u64),
    /// As many as the caller asks for.
    Page(PageRule),
}

#[derive(Debug)]
pub(super) struct InputShape {
    pub(super) ty: Type,
    pub(super) required: bool,
}

impl Shape {
    /// Reads the SDL of a schema.
    ///
    /// # Panics
    ///
    /// When `sdl` is none: it is generated, so that would be a bug, and the server does not start.
    pub(crate) fn new(
        sdl: &str,
        pages: &[PageRule],
        scalars: impl IntoIterator<Item = (&'static str, ScalarCheck)>,
    ) -> Self {
        let document = parse_schema(sdl).expect("the library reads the SDL that it wrote");
        let mut types = HashMap::new();
        let mut roots = [const { None }; 3];
        for name in ["Int", "Float", "String", "Boolean", "ID"] {
            types.insert(name.to_owned(), TypeShape::Scalar);
        }
        for definition in document.definitions {
            match definition {
                TypeSystemDefinition::Schema(schema) => {
                    let name = |n: Option<Positioned<_>>| {
                        n.map(|n: Positioned<async_graphql::Name>| n.node.to_string())
                    };
                    roots = [
                        name(schema.node.query),
                        name(schema.node.mutation),
                        name(schema.node.subscription),
                    ];
                }
                TypeSystemDefinition::Type(ty) => {
                    let name = ty.node.name.node.to_string();
                    let shape = TypeShape::new(&name, ty.node.kind, pages);
                    types.insert(name, shape);
                }
                TypeSystemDefinition::Directive(_) => {}
            }
        }
        Self { types, roots, scalars: scalars.into_iter().collect() }
    }

    pub(super) fn ty(&self, name: &str) -> Option<&TypeShape> {
        self.types.get(name)
    }

    pub(super) fn root(&self, operation: OperationType) -> Option<&str> {
        let [query, mutation, subscription] = &self.roots;
        match operation {
            OperationType::Query => query.as_deref(),
            OperationType::Mutation => mutation.as_deref(),
            OperationType::Subscription => subscription.as_deref(),
        }
    }

    pub(super) fn field(&self, parent: &str, name: &str) -> Option<&FieldShape> {
        match self.types.get(parent) {
            Some(TypeShape::Composite(fields)) => fields.get(name),
            Some(TypeShape::Enum(_) | TypeShape::Input(_) | TypeShape::Scalar) | None => None,
        }
    }

    pub(super) fn scalar(&self, name: &str) -> Option<ScalarCheck> {
        self.scalars.get(name).copied()
    }
}

impl TypeShape {
    fn new(name: &str, kind: TypeKind, pages: &[PageRule]) -> Self {
        let composite = |fields: Vec<Positioned<FieldDefinition>>| {
            let shapes = fields.into_iter().map(|field| {
                (field.node.name.node.to_string(), FieldShape::new(name, &field.node, pages))
            });
            Self::Composite(shapes.collect())
        };
        match kind {
            TypeKind::Scalar => Self::Scalar,
            TypeKind::Object(object) => composite(object.fields),
            TypeKind::Interface(interface) => composite(interface.fields),
            TypeKind::Union(_) => Self::Composite(HashMap::new()),
            TypeKind::Enum(values) => Self::Enum(
                values.values.into_iter().map(|v| v.node.value.node.to_string()).collect(),
            ),
            TypeKind::InputObject(input) => {
                let fields = input.fields.into_iter().map(|field| input_field(field.node));
                Self::Input(fields.collect())
            }
        }
    }
}

fn input_field(field: InputValueDefinition) -> (String, InputShape) {
    let ty = field.ty.node;
    let required = !ty.nullable && field.default_value.is_none();
    (field.name.node.to_string(), InputShape { ty, required })
}

impl FieldShape {
    fn new(parent: &str, field: &FieldDefinition, pages: &[PageRule]) -> Self {
        let path = format!("{parent}.{}", field.name.node);
        let is_list = matches!(field.ty.node.base, BaseType::List(_));
        let rows = match pages.iter().find(|rule| rule.field == path) {
            Some(rule) => Rows::Page(*rule),
            None if is_list && !PAGES.iter().any(|end| parent.ends_with(end)) => Rows::Fixed(LIST),
            None => Rows::Fixed(1),
        };
        let arguments = field.arguments.iter();
        Self {
            named: named(&field.ty.node).to_owned(),
            rows,
            need: rules::need(parent, &field.name.node),
            arguments: arguments
                .map(|a| (a.node.name.node.to_string(), a.node.ty.node.clone()))
                .collect(),
        }
    }
}

/// The named type below all lists.
pub(super) fn named(ty: &Type) -> &str {
    let mut base = &ty.base;
    loop {
        match base {
            BaseType::Named(name) => return name.as_str(),
            BaseType::List(inner) => base = &inner.base,
        }
    }
}
