//! The rules of a session as a table: where it stands, what it hears, what it does.

use async_graphql::{Response, ServerError, Value as GraphQl};
use futures::{FutureExt, StreamExt, stream};
use serde_json::{Value, json};

use super::operations::Operations;
use super::session::{Act, Session};
use crate::api::transport::credentials::Shown;
use crate::api::transport::door::Told;
use crate::auth::NotKnown;

/// What is done, short enough for a table.
fn short(act: &Act) -> String {
    match act {
        Act::Nothing => "nothing".to_owned(),
        Act::Judge(shown) => format!("judge {}", shown.as_ref().map_or("nothing", Shown::as_str)),
        Act::Say(text) => format!("say {text}"),
        Act::SayLast([next, complete]) => format!("say {next} and {complete}"),
        Act::Refuse(id) => format!("refuse {id}"),
        Act::Begin(id, request) => format!("begin {id} {}", request.query),
        Act::Drop(id) => format!("drop {id}"),
        Act::Close(close) => format!("close {} {}", close.code, close.reason),
    }
}

/// Anybody is let in, but for one that shows `stale`.
fn hear(session: &mut Session, message: &Value) -> String {
    let act = session.hear(&message.to_string());
    let Act::Judge(shown) = act else { return short(&act) };
    let is_stale = shown.is_some_and(|token| token.as_str() == "stale");
    let judged = session.judged(if is_stale { Err(NotKnown::Wrong) } else { Ok(()) });
    short(&judged.map_or_else(Act::Close, Act::Say))
}

fn init() -> Value {
    json!({"type": "connection_init"})
}

fn subscribe(id: &str) -> Value {
    json!({"type": "subscribe", "id": id, "payload": {"query": "{ q }"}})
}

fn complete(id: &str) -> Value {
    json!({"type": "complete", "id": id})
}

const ACK: &str = r#"say {"type":"connection_ack"}"#;

#[test]
fn a_dialogue_is_answered_by_the_rules() {
    let ping = |payload: Value| json!({"type": "ping", "payload": payload});
    let dialogues: Vec<Vec<(Value, &str)>> = vec![
        vec![
            (init(), ACK),
            (subscribe("1"), "begin 1 { q }"),
            (subscribe("2"), "begin 2 { q }"),
            (complete("1"), "drop 1"),
            // Both may end it at once, so an end of nothing is no fault.
            (complete("1"), "nothing"),
            (complete("never"), "nothing"),
            // An id that ended is free again.
            (subscribe("1"), "begin 1 { q }"),
            (subscribe("2"), "close 4409 Subscriber for 2 already exists"),
        ],
        vec![(
            subscribe("1"),
            "close 4401 Unauthorized: send connection_init and await connection_ack first",
        )],
        vec![
            (init(), ACK),
            (subscribe("1"), "begin 1 { q }"),
            (subscribe("2"), "begin 2 { q }"),
            (subscribe("3"), "begin 3 { q }"),
            // Three is the limit here. What was refused takes no place, and its id is free.
            (subscribe("4"), "refuse 4"),
            (complete("4"), "nothing"),
            (complete("1"), "drop 1"),
            (subscribe("4"), "begin 4 { q }"),
            (subscribe("1"), "refuse 1"),
            (subscribe("4"), "close 4409 Subscriber for 4 already exists"),
        ],
        vec![(init(), ACK), (init(), "close 4429 Too many initialisation requests")],
        vec![
            // Both ways, at any time, with what they bring.
            (ping(Value::Null), r#"say {"type":"pong"}"#),
            (ping(json!({"b": 1, "a": [2]})), r#"say {"type":"pong","payload":{"b":1,"a":[2]}}"#),
            (json!({"type": "pong", "payload": {"any": true}}), "nothing"),
            (json!({"type": "connection_init", "payload": {"token": "x"}}), ACK),
            (json!({"type": "ping", "more": 1}), r#"say {"type":"pong"}"#),
        ],
        vec![(
            json!({"type": "connection_init", "payload": {"token": "stale"}}),
            "close 4403 Forbidden: the token is none of this server's, or was revoked",
        )],
    ];
    for dialogue in dialogues {
        let mut session = Session::new(3);
        for (message, act) in dialogue {
            assert_eq!(hear(&mut session, &message), act, "{message}");
        }
    }
}

#[test]
fn nothing_begins_while_the_caller_is_being_judged() {
    let mut session = Session::new(3);
    assert!(matches!(session.hear(&init().to_string()), Act::Judge(None)));
    let early = short(&session.hear(&subscribe("1").to_string()));
    assert!(early.starts_with("close 4401"), "{early}");
    let again = short(&session.hear(&init().to_string()));
    assert!(again.starts_with("close 4429"), "{again}");
}

#[test]
fn what_is_no_message_says_what_would_be() {
    let id = "`id` must be a string of 1 to 1024 bytes";
    let payload = "`payload` must be an object, or absent";
    let with =
        |payload: Value| json!({"type": "subscribe", "id": "1", "payload": payload}).to_string();
    for (text, reason) in [
        (String::new(), "a message is one JSON object"),
        ("{".to_owned(), "a message is one JSON object"),
        ("[]".to_owned(), "a message is one JSON object"),
        ("null".to_owned(), "a message is one JSON object"),
        ("[".repeat(100_000), "a message is one JSON object"),
        ("{}".to_owned(), "a message needs a `type`, a string"),
        (r#"{"type": 1}"#.to_owned(), "a message needs a `type`, a string"),
        (
            r#"{"type": "start"}"#.to_owned(),
            "`type` must be connection_init, ping, pong, subscribe or complete, not \"start\"",
        ),
        (r#"{"type": "connection_init", "payload": []}"#.to_owned(), payload),
        (r#"{"type": "ping", "payload": "x"}"#.to_owned(), payload),
        (r#"{"type": "pong", "payload": 1}"#.to_owned(), payload),
        (r#"{"type": "complete"}"#.to_owned(), id),
        (r#"{"type": "complete", "id": 1}"#.to_owned(), id),
        (json!({"type": "complete", "id": ""}).to_string(), id),
        (json!({"type": "complete", "id": "x".repeat(1_025)}).to_string(), id),
        (r#"{"type": "subscribe", "payload": {"query": "{ q }"}}"#.to_owned(), id),
        (
            r#"{"type": "subscribe", "id": "1"}"#.to_owned(),
            "`payload` must be an object with `query`",
        ),
        (with(json!({})), "`query` must be a string, the document"),
        (with(json!({"query": 1})), "`query` must be a string, the document"),
        (with(json!({"query": "", "variables": []})), "`variables` must be an object or null"),
        (
            with(json!({"query": "", "operationName": 1})),
            "`operationName` must be a string or null",
        ),
        (with(json!({"query": "", "extensions": 1})), "`extensions` must be an object or null"),
    ] {
        let mut session = Session::new(3);
        session.hear(&init().to_string());
        let act = short(&session.hear(&text));
        assert_eq!(act, format!("close 4400 {reason}"), "{text:.80}");
    }
}

#[test]
fn an_operation_tells_until_its_end() {
    let result = || Told::Next(Response::new(GraphQl::from(1)));
    let failed = || Told::Error(vec![ServerError::new("no", None)]);
    let mut session = Session::new(3);
    for message in [init(), subscribe("a"), subscribe("b"), subscribe("c")] {
        hear(&mut session, &message);
    }
    let mut tell = |id: &str, told: &Told| short(&session.tell(id, told));
    let next = r#"say {"type":"next","id":"a","payload":{"data":1}}"#;
    assert_eq!(tell("a", &result()), next);
    assert_eq!(tell("a", &Told::Shared(r#"{"data":1}"#.into())), next);
    assert_eq!(tell("a", &Told::Complete), r#"say {"type":"complete","id":"a"}"#);
    assert_eq!(
        tell("b", &failed()),
        r#"say {"type":"error","id":"b","payload":[{"message":"no"}]}"#
    );
    let last = r#"say {"type":"next","id":"c","payload":{}} and {"type":"complete","id":"c"}"#;
    assert_eq!(tell("c", &Told::Last("{}".into())), last);
    assert!(hear(&mut session, &subscribe("c")).starts_with("begin c"), "its id is free again");
    let mut tell = |id: &str, told: &Told| short(&session.tell(id, told));
    // Nothing after an end, whoever ended it.
    assert_eq!(tell("a", &result()), "nothing");
    assert_eq!(tell("b", &Told::Complete), "nothing");
    assert_eq!(hear(&mut session, &complete("c")), "drop c");
    assert_eq!(short(&session.tell("c", &result())), "nothing");
}

#[test]
fn a_session_must_begin_and_answer() {
    let patience = std::time::Duration::from_secs(15);
    let mut session = Session::new(3);
    assert_eq!(short(&session.must_have_begun()), "close 4408 Connection initialisation timeout");
    hear(&mut session, &init());
    assert_eq!(short(&session.must_have_begun()), "nothing");
    for _ in 0..3 {
        assert_eq!(session.may_ping(patience), Ok(()));
        session.is_there();
    }
    assert_eq!(session.may_ping(patience), Ok(()));
    let close = session.may_ping(patience).unwrap_err();
    assert_eq!((close.code, close.reason.as_str()), (1001, "no answer to a ping within 15s"));
}

#[test]
fn a_reason_is_cut_between_characters() {
    let close = super::close::Close::malformed(&"ü".repeat(100));
    assert_eq!(close.frame().reason.as_str(), "ü".repeat(61));
}

#[test]
fn what_was_dropped_leaves_nothing() {
    let mut operations = Operations::default();
    let polled = |operations: &mut Operations| operations.next().now_or_never();
    assert!(polled(&mut operations).is_none());
    for n in 0..1_000 {
        let id = n.to_string();
        operations.add(&id, stream::pending().boxed());
        operations.drop(&id);
        operations.drop(&id);
    }
    // They count until they are cleared away, and whoever waits is told that they were.
    assert_eq!(operations.len(), 1_000);
    while operations.len() > 0 {
        assert!(matches!(polled(&mut operations), Some(None)), "{} are left", operations.len());
    }
    assert!(polled(&mut operations).is_none());
    operations.add("1", stream::iter([Told::Complete]).boxed());
    let told = polled(&mut operations).flatten();
    assert!(matches!(told, Some((id, Told::Complete)) if &*id == "1"));
}
