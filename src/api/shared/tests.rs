//! Tests of what is shared, with our own schema and nothing behind it.

use async_graphql::parser::parse_query;
use serde_json::{Value, json};

use super::*;
use crate::api::schema::builder;
use crate::domain::job::Job;
use crate::domain::limits::Limits;
use crate::domain::state::JobState;
use crate::domain::wait::{Holder, WaitReason};

const QUERY: &str = "subscription($id: ID!, $all: Boolean = true) { jobStatus(id: $id) {
    seq ...F } } fragment F on JobStatus { job { id state @include(if: $all) } }";

fn questions() -> Questions {
    let schema = builder(&Limits::default()).finish();
    Questions::new(move |request| schema.execute_stream(request))
}

fn ask(
    all: &Questions,
    query: &str,
    variables: Value,
) -> std::result::Result<Arc<Question>, Box<Response>> {
    let request = Request::new(query).variables(Variables::from_json(variables));
    let document = Arc::new(parse_query(query).unwrap());
    let plain = Plain::read(&request, &document).expect("it is shared");
    all.question(&plain, &request, &document)
}

fn row(id: JobId, seq: i64) -> Arc<Job> {
    Arc::new(Job { id, seq: Seq(seq), state: JobState::Running, attempt: 1, ..Job::sample() })
}

fn told_of(id: JobId, seq: i64) -> Told {
    let (at, change) = (Timestamp::UNIX_EPOCH, JobChange::Updated);
    let moment = Moment {
        seq: Seq(seq),
        change,
        at,
        wait: None,
        estimate: None,
        progress: None,
        coalesced: 0,
    };
    (row(id, seq), moment)
}

#[test]
fn who_asks_the_same_is_told_the_same_bytes_at_the_same_moment() {
    let (all, [id, other]) = (questions(), [1, 2].map(|n| JobId::from_bytes([n; 16])));
    let ask = |id: &str, all_fields: bool| {
        self::ask(&all, QUERY, json!({ "id": id, "all": all_fields })).unwrap()
    };
    let (question, less) = (ask("1", true), ask("1", false));
    assert!(Arc::ptr_eq(&question, &ask("2", true)), "whatever job it names");
    let [first, second] = [(), ()].map(|()| question.follow(id));
    let text = first.tell(told_of(id, 1)).unwrap();
    let job = format!(r#"{{"id":"{id}","state":"RUNNING"}}"#);
    assert_eq!(*text, *format!(r#"{{"data":{{"jobStatus":{{"seq":1,"job":{job}}}}}}}"#));
    assert!(Arc::ptr_eq(&second.tell(told_of(id, 1)).unwrap(), &text), "the same bytes");
    // Another moment is written anew, and so are another job and another question.
    assert!(second.tell(told_of(id, 2)).unwrap().contains(r#""seq":2"#));
    assert!(question.follow(other).tell(told_of(other, 2)).unwrap().contains(&other.to_string()));
    assert!(!less.follow(id).tell(told_of(id, 1)).unwrap().contains("state"));
}

/// The type that a field leads to, without what it is wrapped in.
fn named(kind: &Value) -> &Value {
    if kind["ofType"].is_null() { kind } else { named(&kind["ofType"]) }
}

/// Everything that is shared of a type, as one selects it.
fn selection(types: &Value, name: &Value) -> String {
    let found = types.as_array().unwrap().iter().find(|ty| ty["name"] == *name).unwrap();
    let fields = found["fields"].as_array().unwrap().iter();
    let fields = fields.filter(|field| plain::PLAIN.contains(&field["name"].as_str().unwrap()));
    let fields = fields.map(|field| {
        let (name, kind) = (field["name"].as_str().unwrap(), named(&field["type"]));
        match kind["kind"].as_str() {
            Some("OBJECT") => format!("{name} {{ {} }} ", selection(types, &kind["name"])),
            _ => format!("{name} "),
        }
    });
    fields.collect()
}

fn waits(holder: u8) -> Wait {
    let holder = Holder {
        job: JobId::from_bytes([holder; 16]),
        kind: "k".parse().unwrap(),
        started_by: None,
        percent: None,
    };
    let wait = Wait::plain(WaitReason::SlotsBusy, "busy");
    Wait { holders: vec![holder], position: Some(1), ..wait }
}

#[test]
fn whatever_is_shared_needs_nobody_to_ask() {
    // P7: a message of a job that waits, with all that may be selected, and no caller to tell it to.
    let schema = builder(&Limits::default()).finish();
    let types = "{ __schema { types { name fields { name type { kind name ofType { kind name ofType { kind name
        ofType { kind name } } } } } } } }";
    let told = schema.execute(types).now_or_never().unwrap().data.into_json().unwrap();
    let all = selection(&told["__schema"]["types"], &json!("JobStatus"));
    for some in ["estimate { startAt", "job { ", "wait { reason reasonText position", "progress { "]
    {
        assert!(all.matches(some).count() >= 1, "{some} in {all}");
    }
    let query = format!("subscription($id: ID!) {{ jobStatus(id: $id) {{ {all} }} }}");
    let question = ask(&questions(), &query, json!({ "id": "1" })).unwrap();
    let id = JobId::from_bytes([1; 16]);
    let (row, moment) = told_of(id, 1);
    let at = Timestamp::UNIX_EPOCH;
    let row = Arc::new(Job { state: JobState::Queued, ..Job::clone(&row) });
    let estimate = Some(Estimate { start: Some((at, at)), end: (at, at), runs: 3 });
    let percent = Some(40.0);
    let progress = Progress { percent, current: None, total: None, message: None, updated_at: at };
    let moment =
        Moment { wait: Some(waits(2)), estimate, progress: Some(Arc::new(progress)), ..moment };
    let text = question.follow(id).tell((row, moment)).unwrap();
    let told: Value = serde_json::from_str(&text).unwrap();
    let status = &told["data"]["jobStatus"];
    for field in ["wait", "estimate", "progress"] {
        assert!(status[field].is_object(), "{text}");
        assert_eq!(status["job"][field], status[field], "{text}");
    }
}

#[test]
fn who_sees_less_is_told_less() {
    // P15
    let id = JobId::from_bytes([1; 16]);
    let query = "subscription($id: ID!) { jobStatus(id: $id) { wait { reasonText } } }";
    let question = ask(&questions(), query, json!({ "id": "1" })).unwrap();
    let [first, second] = [(), ()].map(|()| question.follow(id));
    let tell = |latest: &Arc<Latest>, wait| {
        let (row, moment) = told_of(id, 1);
        latest.tell((row, Moment { wait: Some(wait), ..moment })).unwrap()
    };
    assert!(tell(&first, waits(7)).contains("busy: k \u{2026}07070707"));
    let less = waits(7).seen_by(|_| false);
    assert!(!tell(&second, less).contains("07070707"));
}

#[test]
fn what_the_library_refuses_is_shared_with_nobody() {
    let all = questions();
    let refused = ask(&all, "subscription { jobStatus(id: 1) { percent } }", json!({}));
    assert!(refused.err().expect("there is no such field").errors[0].message.contains("percent"));
    assert_eq!(lock(&all.0.open).len(), 0);
}

#[test]
fn an_error_says_where_it_came_from() {
    let question = ask(&questions(), QUERY, json!({ "id": "1" })).unwrap();
    let error = question.error(ApiError::internal_text("no"));
    assert_eq!(error.path, [PathSegment::Field("jobStatus".to_owned())]);
    assert_eq!(error.locations, [Pos { line: 1, column: 48 }]);
}

#[test]
fn what_is_shared_lasts_as_long_as_somebody_follows_it() {
    // P12
    let (all, id) = (questions(), JobId::from_bytes([1; 16]));
    let [first, second] = ["1", "2"].map(|id| ask(&all, QUERY, json!({ "id": id })).unwrap());
    let latest = [first.follow(id), second.follow(id)];
    latest[0].tell(told_of(id, 1)).unwrap();
    assert!(lock(&latest[0].told).is_some(), "two follow it");
    let kept = || (lock(&all.0.open).len(), lock(&first.jobs).len());
    drop(second);
    assert_eq!(kept(), (1, 1));
    let [last, other] = latest;
    drop(other);
    last.tell(told_of(id, 2)).unwrap();
    assert!(lock(&last.told).is_none(), "it is the only one");
    drop(last);
    assert_eq!(kept(), (1, 0));
    drop(first);
    assert_eq!(lock(&all.0.open).len(), 0);
}
