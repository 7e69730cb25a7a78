//! What the gate admits and refuses, at, below and above each limit (P12).

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use async_graphql::Request;
use serde_json::{Value, json};

use super::*;

const SDL: &str = "
type Query {
  thing(id: ID!): Thing
  things(first: Int, last: Int, filter: Filter): ThingConnection!
  lines(first: Int = 100): Lines
  list: [Thing!]!
  scalars: [String!]!
}
type Mutation { start(input: StartInput!): Thing!, stop(id: ID!): Thing! }
type Subscription { watch(id: ID!): Thing!, feed: Feed! }
type Thing { id: ID!, name: String!, next: Thing, log(first: Int): Lines }
type ThingConnection { nodes: [Thing!]! }
type Feed { events: [Thing!]! }
type Lines { text: String! }
enum Colour { RED GREEN }
input Filter { colours: [Colour!], text: String }
input StartInput { kind: String!, size: Int = 1, colour: Colour, at: When, tags: [String!] }
scalar When
schema { query: Query, mutation: Mutation, subscription: Subscription }
";

fn gate() -> Gate {
    let page = |field, default, max, rows_per_cost| PageRule { field, default, max, rows_per_cost };
    let pages = [page("Query.things", 20, 100, 1), page("Query.lines", 100, 5_000, 100)];
    let when: ScalarCheck = |value| {
        let is_now = *value == async_graphql::Value::from("now");
        if is_now { Ok(()) } else { Err("expected now".to_owned()) }
    };
    Gate::new(Shape::new(SDL, &pages, [("When", when)]), Limits::default())
}

/// What the gate says: `ok`, or the code with the limit and what was found.
fn judge(query: &str, variables: Value) -> String {
    let request = Request::new(query).variables(Variables::from_json(variables));
    match gate().admit(request) {
        Ok(_) => "ok".to_owned(),
        Err(error) => {
            let extensions = error.extensions.unwrap();
            let get = |key| match extensions.get(key) {
                Some(async_graphql::Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
                None => String::new(),
            };
            format!("{} {} {}", get("code"), get("limit"), get("found")).trim_end().to_owned()
        }
    }
}

#[test]
fn a_mutation_has_as_many_root_fields_as_the_limit_says() {
    let limits = Limits { mutation_root_fields: 2, ..Limits::default() };
    let gate = Gate::new(Shape::new(SDL, &[], []), limits);
    let admits = |fields| {
        let request =
            Request::new(format!("mutation {{ {} }}", "stop(id: 1) { id } ".repeat(fields)));
        gate.admit(request).is_ok()
    };
    assert_eq!([1, 2, 3].map(admits), [true, true, false]);
}

#[test]
fn the_schema_is_told_where_the_configuration_says_so() {
    for allowed in [true, false] {
        let gate = Gate::new(Shape::new(SDL, &[], []), Limits::default());
        let gate = gate.with_introspection(allowed);
        for query in [
            "{ __schema { queryType { name } } }",
            "{ __type(name: \"Thing\") { name } }",
            "{ thing(id: 1) { id } a: __schema { queryType { name } } }",
            "{ ...f } fragment f on Query { ... { __schema { types { name } } } }",
            "query a { thing(id: 1) { id } } query b { __schema { types { name } } }",
        ] {
            let request = Request::new(query).operation_name("a");
            let request = if query.contains("query b") { request } else { Request::new(query) };
            let refused = gate.admit(request).err();
            assert_eq!(refused.is_none(), allowed, "{query}");
            if let Some(refused) = refused {
                assert!(refused.message.contains("`server.introspection`"), "{}", refused.message);
            }
        }
        assert!(gate.admit(Request::new("{ __typename thing(id: 1) { __typename } }")).is_ok());
    }
}

fn plain(query: &str) -> String {
    judge(query, json!({}))
}

fn nested(depth: usize) -> String {
    format!("{{ thing(id: 1) {}{{ id }}{} }}", "{ next ".repeat(depth - 2), "}".repeat(depth - 2))
}

#[test]
fn each_limit_holds_from_its_very_number_on() {
    let fields = |n: usize, field: &str| format!("{{ thing(id: 1) {{ {} }} }}", field.repeat(n));
    let roots = |n: usize| format!("{{ {} }}", "scalars ".repeat(n));
    let nest = |n: usize| format!("{{ a(b: {}1{}) }}", "[".repeat(n - 2), "]".repeat(n - 2));
    for (query, verdict) in [
        (nested(15), "ok"),
        (nested(16), "ok"),
        (nested(17), "QUERY_TOO_LARGE depth 17"),
        (fields(30, "a: id "), "ok"),
        (fields(31, "a: id "), "QUERY_TOO_LARGE aliases 31"),
        (roots(20), "ok"),
        (roots(21), "QUERY_TOO_LARGE rootFields 21"),
        // Ten tokens stand around the fields.
        (fields(1_989, "id "), "ok"),
        (fields(1_991, "id "), "QUERY_TOO_LARGE tokens 2001"),
        (nest(64), "ok"),
        (nest(65), "QUERY_TOO_LARGE nesting 65"),
    ] {
        let short: String = query.chars().take(60).collect();
        assert_eq!(plain(&query), verdict, "{short}");
    }
}

#[test]
fn cost_is_fields_with_a_selection_times_the_rows_asked_for() {
    let things =
        |first: &str, inner: &str| format!("{{ things({first}) {{ nodes {{ {inner} }} }} }}");
    for (query, found) in [
        // things × 100 × (1 + nodes 1 + next 18), at the limit and above it.
        (things("first: 100", &"next { id } ".repeat(18)), None),
        (things("first: 100", &"next { id } ".repeat(19)), Some(2_100)),
        // More than the resolver takes counts as the most it takes, so that it can say so itself.
        (things("first: 1000000", "id"), None),
        (things("last: 100", &"next { id } ".repeat(19)), Some(2_100)),
        // A list that nobody limits counts ten, a page's own list one, a list of scalars none.
        (format!("{{ {} }}", "list { next { id } } ".repeat(20)), None),
        (format!("{{ list {{ {} }} }}", "next { id } ".repeat(200)), Some(2_010)),
        ("{ scalars __schema { types { name } } __typename }".to_owned(), None),
        // A hundred lines cost as much as one row.
        (format!("{{ {} }}", "lines(first: 5000) { text } ".repeat(20)), None),
    ] {
        let verdict = found.map_or("ok".to_owned(), |n| format!("QUERY_TOO_LARGE cost {n}"));
        assert_eq!(plain(&query), verdict, "{query}");
    }
    let query = format!(
        "query($n: Int = 100) {{ things(first: $n) {{ nodes {{ {} }} }} }}",
        "next { id } ".repeat(19)
    );
    assert_eq!(judge(&query, json!({})), "QUERY_TOO_LARGE cost 2100");
    assert_eq!(judge(&query, json!({"n": 50})), "ok");
}

#[test]
fn a_mutation_and_a_subscription_have_one_root_field() {
    for (query, verdict) in [
        ("mutation { stop(id: 1) { id } }", "ok"),
        ("mutation { __typename stop(id: 1) { id } }", "ok"),
        ("mutation { stop(id: 1) { id } stop(id: 1) { id } }", "QUERY_TOO_LARGE rootFields 2"),
        (
            "mutation { ...F ...F } fragment F on Mutation { stop(id: 1) { id } }",
            "QUERY_TOO_LARGE rootFields 2",
        ),
        ("subscription { watch(id: 1) { id } }", "ok"),
        ("subscription { watch(id: 1) { id @skip(if: true) } }", "ok"),
        ("subscription { watch(id: 1) @skip(if: true) { id } }", "GRAPHQL_VALIDATION_FAILED"),
        (
            "subscription($x: Boolean!) { watch(id: 1) @include(if: $x) { id } }",
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (
            "subscription { a: feed { events { id } } feed { events { id } } }",
            "QUERY_TOO_LARGE rootFields 2",
        ),
        (
            "subscription { ...F } fragment F on Subscription { watch(id: 1) { id } }",
            "GRAPHQL_VALIDATION_FAILED",
        ),
    ] {
        assert_eq!(plain(query), verdict, "{query}");
    }
}

/// `levels` fragments, each of which spreads the next one twice.
fn bomb(levels: usize, leaf: &str) -> String {
    let mut query = "{ thing(id: 1) { ...f0 } }".to_owned();
    for level in 0..levels {
        let next = level + 1;
        write!(query, "fragment f{level} on Thing {{ ...f{next} ...f{next} }}").unwrap();
    }
    query + &format!("fragment f{levels} on Thing {{ {leaf} }}")
}

#[test]
fn a_fragment_bomb_costs_what_its_text_costs() {
    let begin = Instant::now();
    // 3 · 2^60 selections, 2^20 fields, and more than any number holds.
    assert_eq!(plain(&bomb(60, "id")), "QUERY_TOO_LARGE fields 3458764513820540928");
    assert!(plain(&bomb(20, "next { id }")).starts_with("QUERY_TOO_LARGE"));
    assert!(plain(&bomb(120, "id")).starts_with("QUERY_TOO_LARGE"));
    assert_eq!(plain(&bomb(3, "id")), "ok");
    let took = begin.elapsed();
    assert!(took < Duration::from_secs(2), "linear in the text, took {took:?}");
}

#[test]
fn fragments_that_lead_nowhere_are_refused() {
    for query in [
        "{ ...F } fragment F on Query { ...F }",
        "{ ...F } fragment F on Query { ...G } fragment G on Query { thing(id: 1) { ...H } } fragment H on Thing { next { ...H } }",
        "{ ...Nothing }",
    ] {
        assert_eq!(plain(query), "GRAPHQL_VALIDATION_FAILED", "{query}");
    }
}

#[test]
fn hostile_texts_are_refused_before_they_are_parsed() {
    let aliases = "a: scalars ".repeat(20_000);
    for (query, verdict) in [
        ("[".repeat(3 * 1024), "QUERY_TOO_LARGE nesting 3072"),
        (format!("query($a: {}", "[".repeat(200 * 1024)), "QUERY_TOO_LARGE nesting 204801"),
        (format!("{{ a(b: {}", "{a:".repeat(80 * 1024)), "QUERY_TOO_LARGE nesting 81922"),
        (format!("{{ {aliases} }}"), "QUERY_TOO_LARGE tokens 60002"),
        ("{ thing(id: \"".to_owned(), "GRAPHQL_PARSE_FAILED"),
        (String::new(), "GRAPHQL_PARSE_FAILED"),
        ("{ thing( }".to_owned(), "GRAPHQL_PARSE_FAILED"),
    ] {
        let short: String = query.chars().take(30).collect();
        assert_eq!(plain(&query), verdict, "{short}");
    }
}

#[test]
fn an_introspection_may_not_multiply_itself() {
    let deep = |n: usize| {
        format!(
            "{{ __schema {{ types {} {{ name }} {} }} }}",
            "{ fields { type ".repeat(n),
            "} }".repeat(n)
        )
    };
    assert_eq!(plain(&deep(2)), "ok");
    assert_eq!(plain(&deep(3)), "QUERY_TOO_LARGE introspectionLists 3");
}

#[test]
fn variables_are_good_or_nothing_runs() {
    let start = "mutation($input: StartInput!) { start(input: $input) { id } }";
    let two = "query($a: ID!, $b: ID!) { thing(id: $a) { id } x: thing(id: $b) { id } }";
    for (query, variables, verdict) in [
        (two, json!({"a": "1", "b": 2}), "ok"),
        (two, json!({"a": "1"}), "GRAPHQL_VALIDATION_FAILED"),
        (two, json!({"a": "1", "b": null}), "GRAPHQL_VALIDATION_FAILED"),
        (two, json!({"a": "1", "b": ["x"]}), "GRAPHQL_VALIDATION_FAILED"),
        (start, json!({"input": {"kind": "k"}}), "ok"),
        (start, json!({"input": {"kind": "k", "size": null, "tags": "one"}}), "ok"),
        (start, json!({"input": {"kind": "k", "colour": "RED", "at": "now"}}), "ok"),
        (start, json!({"input": {}}), "GRAPHQL_VALIDATION_FAILED"),
        (start, json!({"input": {"kind": null}}), "GRAPHQL_VALIDATION_FAILED"),
        (start, json!({"input": {"kind": "k", "more": 1}}), "GRAPHQL_VALIDATION_FAILED"),
        (
            start,
            json!({"input": {"kind": "k", "size": 2_147_483_648_u32}}),
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (start, json!({"input": {"kind": "k", "size": 1.5}}), "GRAPHQL_VALIDATION_FAILED"),
        (start, json!({"input": {"kind": "k", "colour": "BLUE"}}), "GRAPHQL_VALIDATION_FAILED"),
        (start, json!({"input": {"kind": "k", "at": "later"}}), "GRAPHQL_VALIDATION_FAILED"),
        (start, json!({"input": {"kind": "k", "tags": [null]}}), "GRAPHQL_VALIDATION_FAILED"),
        (start, json!({"input": "k"}), "GRAPHQL_VALIDATION_FAILED"),
        // The library panics on the first of these.
        ("query($a: [Nothing] = [1]) { scalars }", json!({}), "GRAPHQL_VALIDATION_FAILED"),
        ("query($a: Thing) { scalars }", json!({}), "GRAPHQL_VALIDATION_FAILED"),
        // A literal deep in the answer, which the library reads after the job has started.
        (
            "mutation { stop(id: 1) { log(first: 99999999999) { text } } }",
            json!({}),
            "GRAPHQL_VALIDATION_FAILED",
        ),
    ] {
        assert_eq!(judge(query, variables.clone()), verdict, "{query} {variables}");
    }
}

#[test]
fn the_operation_that_runs_is_named_or_the_only_one() {
    let document = "query A { scalars } mutation B { stop(id: 1) { id } }";
    let admit = |name: Option<&str>| {
        let mut request = Request::new(document);
        request.operation_name = name.map(str::to_owned);
        gate().admit(request).map(|admitted| admitted.operation).map_err(|error| error.message)
    };
    assert_eq!(admit(Some("A")), Ok(OperationType::Query));
    assert_eq!(admit(Some("B")), Ok(OperationType::Mutation));
    assert!(admit(Some("C")).is_err() && admit(None).is_err());
}

#[test]
fn what_no_operation_declares_is_not_kept() {
    // P12: a stream keeps its variables for as long as it lasts.
    let query = "query($id: ID!) { thing(id: $id) { id } }";
    let variables = json!({"id": "1", "more": [0, 0, 0], "ID": "2"});
    let request = Request::new(query).variables(Variables::from_json(variables));
    let admitted = gate().admit(request).map_err(|error| error.message).unwrap();
    let kept: Vec<_> = admitted.request.variables.keys().map(ToString::to_string).collect();
    assert_eq!(kept, ["id"]);
}
