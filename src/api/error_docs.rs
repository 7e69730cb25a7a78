//! The table of error codes in README.md: made of the enum that clients read in the schema, and of what
//! is said here about how each is answered. A new code without a row does not compile.

use std::fmt::Write as _;

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{TypeKind, TypeSystemDefinition};
use strum::IntoEnumIterator;

use crate::api::error::Code;
use crate::api::schema::sdl;

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
const BEGIN: &str = "<!-- The errors, made of the code: `make schema` writes them anew. -->\n";
const END: &str = "<!-- The end of the errors. -->\n";

/// How an error is answered over HTTP: the status where `application/json` is accepted, the status where
/// `application/graphql-response+json` is, and whether to send the same again.
struct Answer(&'static str, &'static str, &'static str);

fn answer(code: Code) -> Answer {
    let in_a_field = |retry| Answer("200", "200", retry);
    let document = Answer("200", "400", "no: change the document");
    match code {
        Code::GraphqlParseFailed => document,
        Code::GraphqlValidationFailed => {
            Answer("200", "400", "no: change the document or variables")
        }
        Code::QueryTooLarge => {
            Answer("200", "400; 200 for `responseBytes`", "no: ask for less at once")
        }
        Code::RequestTooLarge => Answer("413", "413", "no: send less at once"),
        Code::InvalidInput => Answer(
            "200; 400, 405, 406, 415 for the request itself",
            "200; 400, 405, 406, 415 for the request itself",
            "no: change the value",
        ),
        Code::UnknownKind | Code::InvalidArgs => in_a_field("no: change the input"),
        Code::QueueFull => in_a_field("yes, with the same idempotency key"),
        Code::NotAccepting => in_a_field("yes: another server may answer"),
        Code::IdempotencyConflict => in_a_field("no: take another key, or the job that has it"),
        Code::NotFound => Answer("200; 404 outside of GraphQL", "200", "no"),
        Code::InvalidState => in_a_field("no: look at the job first"),
        Code::ConfirmationRequired => in_a_field("with the number"),
        Code::Unauthenticated => Answer("401", "401", "with a token"),
        Code::Forbidden => {
            Answer("200; 403 for the request itself", "200; 403 for the request itself", "no")
        }
        Code::RateLimited => Answer(
            "429; 503 where all sockets are taken",
            "429; 503 where all sockets are taken",
            "yes",
        ),
        Code::DeadlineExceeded => Answer(
            "200; 408 for a body that comes too slowly",
            "200; 408 for a body that comes too slowly",
            "ask for less at once",
        ),
        Code::Unavailable => {
            Answer("200; 503 outside of GraphQL", "200", "yes, with the same idempotency key")
        }
        Code::Internal => {
            Answer("200; 500 outside of GraphQL", "200", "no: tell whoever runs the server")
        }
    }
}

/// What the schema says of each code: when it comes, and which further keys stand beside it.
fn said() -> Vec<(String, String, String)> {
    let document = parse_schema(sdl()).unwrap();
    let values = document.definitions.into_iter().find_map(|definition| {
        let TypeSystemDefinition::Type(ty) = definition else { return None };
        match (ty.node.name.node.as_str(), ty.node.kind) {
            ("ErrorCode", TypeKind::Enum(values)) => Some(values.values),
            _ => None,
        }
    });
    let said = values.unwrap().into_iter().map(|value| {
        let text = value.node.description.unwrap().node;
        let (when, keys) = match text.rsplit_once(" (") {
            Some((when, keys)) => (when.to_owned(), keys.trim_end_matches(')').to_owned()),
            None => (text, String::new()),
        };
        (value.node.value.node.to_string(), when, keys)
    });
    said.collect()
}

fn table() -> String {
    let said = said();
    let mut table = "| code | when | with `application/json` | with `…graphql-response+json` | further keys | again? |\n| --- | --- | --- | --- | --- | --- |\n".to_owned();
    for code in Code::iter() {
        let (_, when, keys) = said.iter().find(|(name, ..)| name == code.as_str()).unwrap();
        let Answer(json, modern, retry) = answer(code);
        let row = format!("| {} | {when} | {json} | {modern} | {keys} | {retry} |", code.as_str());
        writeln!(table, "{row}").unwrap();
    }
    table
}

#[test]
fn the_readme_says_of_every_code_how_it_is_answered() {
    let readme = std::fs::read_to_string(README).unwrap();
    let (before, rest) = readme.split_once(BEGIN).expect(BEGIN);
    let (_, after) = rest.split_once(END).expect(END);
    let made = format!("{before}{BEGIN}\n{}\n{END}{after}", table());
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(README, &made).unwrap();
    } else {
        assert!(readme == made, "the errors in README.md differ: `make schema` writes them anew");
    }
}
