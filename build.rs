//! Puts the web pages into the binary: every file below `web/dist`, compressed once here. And holds the
//! GraphQL documents of the command line to `schema.graphql`.
//!
//! Without the folder of the pages the crate builds all the same and has none: Node is needed for the
//! pages only. `src/api/transport/pages` and `src/cli/operations.rs` include what is written here.

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use apollo_compiler::ast::Type;
use apollo_compiler::diagnostic::ToCliReport as _;
use apollo_compiler::executable::{Selection, SelectionSet};
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::validation::DiagnosticList;
use apollo_compiler::{ExecutableDocument, Name, Schema};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// What `npm run build` leaves.
const DIST: &str = "web/dist";
/// What the server answers, as its own test writes it.
const SCHEMA: &str = "schema.graphql";
/// What the command line asks.
const OPERATIONS: &str = "src/cli/operations";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    link_at_a_fixed_place();
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    pages(&out)?;
    operations(&out)
}

fn pages(out: &Path) -> Result<(), Box<dyn Error>> {
    // Cargo takes a path that is not there for changed at every build. An empty folder is not, and
    // where it cannot be made, only that is lost.
    let _ = fs::create_dir_all(DIST);
    println!("cargo::rerun-if-changed={DIST}");
    let mut files = Vec::new();
    // Half a build must not look like a whole one.
    if Path::new(DIST).join("index.html").is_file() {
        collect(Path::new(DIST), &mut files)?;
    }
    files.sort();
    let mut table = String::from("&[\n");
    for (number, file) in files.iter().enumerate() {
        let content = fs::read(file)?;
        let gzip = format!("page-{number}.gz");
        let mut encoder = GzEncoder::new(File::create(out.join(&gzip))?, Compression::best());
        encoder.write_all(&content)?;
        encoder.finish()?;
        let path = file.strip_prefix(DIST)?.to_str().ok_or("the name of a page is UTF-8")?;
        writeln!(
            table,
            "    File {{ path: {:?}, media: {:?}, tag: {:?}, gzip: include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{gzip}\")) }},",
            format!("/{path}"),
            media(file)?,
            tag(&content),
        )?;
    }
    table.push(']');
    fs::write(out.join("pages.rs"), table)?;
    Ok(())
}

/// The binary is started again for each attempt, as its shim. Where it may lie anywhere in memory, the loader
/// writes tens of thousands of addresses into it before `main`, and each page of those is copied: most of
/// what the start of a shim costs. The price: the place of its own code is no secret (those of its
/// libraries, its heap and its stack are).
fn link_at_a_fixed_place() {
    let of_target = |what: &str| std::env::var(format!("CARGO_CFG_TARGET_{what}"));
    if of_target("OS").as_deref() == Ok("linux") && of_target("ENV").as_deref() == Ok("gnu") {
        println!("cargo::rustc-link-arg-bin=longhaul=-no-pie");
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// The type of a file by its ending. Browsers are told not to guess, so an unknown one is a fault.
fn media(file: &Path) -> Result<&'static str, String> {
    let ending = file.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    Ok(match ending {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "txt" => "text/plain; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "woff" => "font/woff",
        "ttf" => "font/ttf",
        _ => {
            return Err(format!(
                "{}: build.rs knows no type for `.{ending}`: add it there",
                file.display()
            ));
        }
    })
}

/// What tells one content from another.
fn tag(content: &[u8]) -> String {
    let hash = Sha256::digest(content);
    hash[..16].iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The documents of the command line, each held to the schema, as constants with the fragments they use.
///
/// What does not fit fails the build with its file, line and column. For the tests an answer of each shape is
/// written too: `full` has everything, `bare` only what the schema promises.
fn operations(out: &Path) -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={SCHEMA}");
    println!("cargo::rerun-if-changed={OPERATIONS}");
    let schema = match Schema::parse_and_validate(fs::read_to_string(SCHEMA)?, SCHEMA) {
        Ok(schema) => schema,
        Err(found) => {
            report(&found.errors);
            return Ok(());
        }
    };
    let mut files = Vec::new();
    collect(Path::new(OPERATIONS), &mut files)?;
    files.sort();
    let mut errors = DiagnosticList::new(Arc::default());
    let mut builder = ExecutableDocument::builder(Some(&schema), &mut errors);
    for file in &files {
        builder = builder.parse(fs::read_to_string(file)?, file);
    }
    let document = builder.build();
    let document = match document.validate(&schema) {
        Ok(document) if errors.is_empty() => document,
        found => {
            found.err().into_iter().for_each(|found| errors.merge(found.errors));
            report(&errors);
            return Ok(());
        }
    };
    let (mut constants, mut samples) = (String::new(), Map::new());
    for (name, operation) in &document.operations.named {
        let mut used = BTreeSet::new();
        fragments(&document, &operation.selection_set, &mut used);
        let used = used.iter().map(|name| document.fragments[*name].location());
        let mut text = String::new();
        for place in std::iter::once(operation.location()).chain(used) {
            let place = place.ok_or("what was parsed has its place")?;
            text.push_str(document.sources[&place.file_id()].source_text());
        }
        writeln!(
            constants,
            "/// `{name}`\npub(in crate::cli) const {}: Operation = Operation {{ name: {:?}, text: {text:?} }};",
            constant(name),
            name.as_str(),
        )?;
        let sample = |full| sample(&document, &schema, &operation.selection_set, full);
        samples.insert(name.to_string(), json!({"full": sample(true)?, "bare": sample(false)?}));
    }
    fs::write(out.join("operations.rs"), constants)?;
    fs::write(out.join("samples.json"), Value::Object(samples).to_string())?;
    Ok(())
}

/// Says what does not fit, a line each; Cargo fails the build for it.
fn report(errors: &DiagnosticList) {
    for found in errors.iter() {
        let place = found.error.location();
        let file = place.and_then(|place| found.sources.get(&place.file_id()));
        let file = file.map_or_else(|| Path::new(OPERATIONS), |file| file.path());
        let at = found.line_column_range().map(|range| range.start);
        let at = at.map(|at| format!(":{}:{}", at.line, at.column)).unwrap_or_default();
        println!("cargo::error={}{at}: {}", file.display(), found.error);
    }
}

/// `JobLogPage` as `JOB_LOG_PAGE`.
fn constant(name: &str) -> String {
    let mut constant = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !constant.is_empty() {
            constant.push('_');
        }
        constant.push(letter.to_ascii_uppercase());
    }
    constant
}

/// The fragments that a selection uses, also by others.
fn fragments<'d>(
    document: &'d ExecutableDocument,
    set: &'d SelectionSet,
    used: &mut BTreeSet<&'d Name>,
) {
    for selection in &set.selections {
        match selection {
            Selection::Field(field) => fragments(document, &field.selection_set, used),
            Selection::InlineFragment(inline) => fragments(document, &inline.selection_set, used),
            Selection::FragmentSpread(spread) => {
                if used.insert(&spread.fragment_name) {
                    let fragment = &document.fragments[&spread.fragment_name];
                    fragments(document, &fragment.selection_set, used);
                }
            }
        }
    }
}

/// An answer to a selection.
fn sample(
    document: &ExecutableDocument,
    schema: &Schema,
    set: &SelectionSet,
    full: bool,
) -> Result<Value, String> {
    let mut answer = Map::new();
    for selection in &set.selections {
        let (more, directives) = match selection {
            Selection::Field(field) => {
                let inner = |name: &Name| match schema.types.get(name) {
                    Some(ExtendedType::Scalar(_)) => scalar(name),
                    // Most may grow: a command must stand a word that it does not know.
                    Some(ExtendedType::Enum(_)) => Ok(json!("A_NEW_WORD")),
                    _ => sample(document, schema, &field.selection_set, full),
                };
                let value = of_type(&field.definition.ty, full, &inner)?;
                (Map::from_iter([(field.response_key().to_string(), value)]), &field.directives)
            }
            Selection::InlineFragment(inline) => {
                (object(sample(document, schema, &inline.selection_set, full)?), &inline.directives)
            }
            Selection::FragmentSpread(spread) => {
                let fragment = &document.fragments[&spread.fragment_name];
                (
                    object(sample(document, schema, &fragment.selection_set, full)?),
                    &spread.directives,
                )
            }
        };
        if full || !directives.has("include") {
            answer.extend(more);
        }
    }
    Ok(Value::Object(answer))
}

fn object(value: Value) -> Map<String, Value> {
    if let Value::Object(map) = value { map } else { Map::new() }
}

fn of_type(
    of: &Type,
    full: bool,
    inner: &dyn Fn(&Name) -> Result<Value, String>,
) -> Result<Value, String> {
    match of {
        Type::Named(_) | Type::List(_) if !full => Ok(Value::Null),
        Type::Named(name) | Type::NonNullNamed(name) => inner(name),
        Type::List(item) | Type::NonNullList(item) => Ok(json!([of_type(item, full, inner)?])),
    }
}

fn scalar(name: &Name) -> Result<Value, String> {
    Ok(match name.as_str() {
        "Boolean" => json!(true),
        "Float" => json!(1.5),
        "Int" | "Long" => json!(1),
        "ID" | "String" | "Cursor" => json!("text"),
        "DateTime" => json!("2026-11-25T04:44:34.120Z"),
        "JSON" => json!({"any": [1]}),
        other => {
            return Err(format!("build.rs knows no value of the scalar `{other}`: add one there"));
        }
    })
}
