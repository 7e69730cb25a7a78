//! The third look: every value that the request brings, variables and literals, against the types
//! of the schema, before anything runs.
//!
//! The library reads a value when it reaches the field that takes it; a mutation would have begun
//! by then. A request is known good as a whole, or nothing of it is executed.

use std::fmt::Write as _;

use async_graphql::parser::types::{
    BaseType, ExecutableDocument, Field, OperationDefinition, Selection, SelectionSet, Type,
};
use async_graphql::{Pos, Value as ConstValue, Variables};

use super::shape::{Shape, TypeShape, named};

/// A value that does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Misfit {
    pub(super) message: String,
    pub(super) at: Pos,
}

/// Every variable of every operation must have a type that may be brought in. The library takes
/// that for granted in places and panics.
pub(super) fn check_types(shape: &Shape, document: &ExecutableDocument) -> Result<(), Misfit> {
    for (_, operation) in document.operations.iter() {
        for definition in &operation.node.variable_definitions {
            let ty = &definition.node.var_type;
            let problem = match shape.ty(named(&ty.node)) {
                Some(TypeShape::Composite(_)) => "is no input type",
                Some(TypeShape::Enum(_) | TypeShape::Input(_) | TypeShape::Scalar) => continue,
                None => "is not in this schema",
            };
            return Err(Misfit {
                message: format!(
                    "the variable `${}` has the type `{}`, which {problem}",
                    definition.node.name.node, ty.node
                ),
                at: definition.pos,
            });
        }
    }
    Ok(())
}

/// Checks the variables of the operation that will run.
pub(super) fn check_variables(
    shape: &Shape,
    operation: &OperationDefinition,
    variables: &Variables,
) -> Result<(), Misfit> {
    for definition in &operation.variable_definitions {
        let variable = &definition.node;
        let name = &variable.name.node;
        let ty = &variable.var_type.node;
        let misfit = |message| Misfit { message, at: definition.pos };
        match variables.get(name) {
            Some(value) => {
                let mut path = format!("${name}");
                fits(shape, ty, value, &mut path)
                    .map_err(|expected| misfit(format!("`{path}` does not fit: {expected}")))?;
            }
            None if ty.nullable || variable.default_value.is_some() => {}
            None => {
                return Err(misfit(format!("the variable `${name}` of type `{ty}` is required")));
            }
        }
    }
    Ok(())
}

/// Checks the arguments that stand in the document, each fragment once.
pub(super) fn check_literals(
    shape: &Shape,
    document: &ExecutableDocument,
    operation: &OperationDefinition,
) -> Result<(), Misfit> {
    let root = shape.root(operation.ty).unwrap_or_default();
    check_selection(shape, &operation.selection_set.node, root)?;
    for fragment in document.fragments.values() {
        let on = fragment.node.type_condition.node.on.node.as_str();
        check_selection(shape, &fragment.node.selection_set.node, on)?;
    }
    Ok(())
}

fn check_selection(shape: &Shape, set: &SelectionSet, parent: &str) -> Result<(), Misfit> {
    for selection in &set.items {
        match &selection.node {
            Selection::Field(field) => check_field(shape, &field.node, parent)?,
            Selection::InlineFragment(inline) => {
                let on = inline.node.type_condition.as_ref();
                let parent = on.map_or(parent, |on| on.node.on.node.as_str());
                check_selection(shape, &inline.node.selection_set.node, parent)?;
            }
            Selection::FragmentSpread(_) => {}
        }
    }
    Ok(())
}

fn check_field(shape: &Shape, field: &Field, parent: &str) -> Result<(), Misfit> {
    // What is not in the schema is the library's to refuse.
    let Some(known) = shape.field(parent, &field.name.node) else { return Ok(()) };
    for (name, value) in &field.arguments {
        let Some(ty) = known.arguments.get(name.node.as_str()) else { continue };
        // A value with variables in it was checked with the variables.
        let Some(literal) = value.node.clone().into_const() else { continue };
        let mut path = name.node.to_string();
        fits(shape, ty, &literal, &mut path).map_err(|expected| Misfit {
            message: format!("`{path}` does not fit: {expected}"),
            at: value.pos,
        })?;
    }
    check_selection(shape, &field.selection_set.node, &known.named)
}

/// Does `value` fit `ty`? `Err` says what was expected where `path` points then. Recursion is
/// bounded: JSON is read 128 levels deep at most, a document less.
fn fits(shape: &Shape, ty: &Type, value: &ConstValue, path: &mut String) -> Result<(), String> {
    if *value == ConstValue::Null {
        return if ty.nullable { Ok(()) } else { Err(format!("expected `{ty}`, found null")) };
    }
    match &ty.base {
        BaseType::List(item) => {
            let ConstValue::List(values) = value else { return fits(shape, item, value, path) };
            let before = path.len();
            for (index, value) in values.iter().enumerate() {
                let _ = write!(path, ".{index}");
                fits(shape, item, value, path)?;
                path.truncate(before);
            }
            Ok(())
        }
        BaseType::Named(name) => fits_named(shape, name, value, path),
    }
}

fn fits_named(
    shape: &Shape,
    name: &str,
    value: &ConstValue,
    path: &mut String,
) -> Result<(), String> {
    match shape.ty(name) {
        Some(TypeShape::Scalar) => fits_scalar(shape, name, value),
        Some(TypeShape::Enum(values)) => {
            if enum_text(value).is_some_and(|text| values.contains(text)) {
                return Ok(());
            }
            let mut names: Vec<_> = values.iter().map(String::as_str).collect();
            names.sort_unstable();
            Err(format!("expected one of {}", names.join(", ")))
        }
        Some(TypeShape::Input(fields)) => {
            let ConstValue::Object(object) = value else {
                return Err(format!("expected an object, the input `{name}`"));
            };
            let before = path.len();
            for (key, value) in object {
                let _ = write!(path, ".{key}");
                let field = fields
                    .get(key.as_str())
                    .ok_or_else(|| format!("the input `{name}` has no such field"))?;
                fits(shape, &field.ty, value, path)?;
                path.truncate(before);
            }
            match fields.iter().find(|(key, f)| f.required && !object.contains_key(key.as_str())) {
                Some((key, field)) => Err(format!("`{key}` of type `{}` is required", field.ty)),
                None => Ok(()),
            }
        }
        // Refused by `check_types` or by the library.
        Some(TypeShape::Composite(_)) | None => Ok(()),
    }
}

/// A variable brings an enum's value as a string, a document as a name.
fn enum_text(value: &ConstValue) -> Option<&str> {
    if let ConstValue::Enum(name) = value {
        Some(name.as_str())
    } else if let ConstValue::String(text) = value {
        Some(text)
    } else {
        None
    }
}

fn fits_scalar(shape: &Shape, name: &str, value: &ConstValue) -> Result<(), String> {
    let expected = |what: &str| Err(format!("expected {what}"));
    match (name, value) {
        ("Int", ConstValue::Number(n)) => match n.as_i64().map(i32::try_from) {
            Some(Ok(_)) => Ok(()),
            _ => expected("a whole number of 32 bit"),
        },
        ("Int", _) => expected("a whole number"),
        ("Float", ConstValue::Number(_))
        | ("String" | "ID", ConstValue::String(_))
        | ("Boolean", ConstValue::Boolean(_)) => Ok(()),
        ("ID", ConstValue::Number(n)) if n.is_i64() => Ok(()),
        ("Float", _) => expected("a number"),
        ("String" | "ID", _) => expected("a string"),
        ("Boolean", _) => expected("true or false"),
        _ => shape.scalar(name).map_or(Ok(()), |check| check(value)),
    }
}
