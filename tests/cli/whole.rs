//! The commands of a script: ids by their beginning, raw GraphQL, lists, and a server of another version.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::commands::status;
use super::pty::Pty;
use super::scripted::{Reply, Scripted, Step};
use super::{against, job, longhaul, stderr, stdout, succeeded};

pub(super) const ONE: &str = "019ab3c0-5a50-7c3e-8f00-3b6f2c1d9e77";
pub(super) const TWO: &str = "019ab3c0-5a51-7c3e-8f00-3b6f2c1d9e77";

pub(super) fn ids(ids: &[&str]) -> Value {
    let row = |id: &&str| json!({"id": id, "state": "QUEUED", "kind": {"name": "demo"}});
    let rows: Vec<_> = ids.iter().map(row).collect();
    json!({"jobs": {"nodes": rows, "pageInfo": {"hasNextPage": false, "endCursor": null}}})
}

#[test]
fn the_beginning_of_an_id_is_enough_where_it_fits_one_job() {
    // What else `text` finds does not begin like this.
    let server = Scripted::start()
        .data("JobIds", ids(&["aaa", ONE]))
        .data("Job", json!({"job": succeeded()}));
    let output = against(&server, &["status", "019AB3C0-5A50"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(server.asked("Job")[0]["id"], ONE);

    let server = Scripted::start().data("JobIds", ids(&[ONE, TWO]));
    let output = against(&server, &["cancel", "019ab3c0"]);
    assert_eq!(output.status.code(), Some(2));
    let words = stderr(&output);
    assert!(
        words.starts_with("longhaul: `019ab3c0` is the beginning of several ids:\n"),
        "{words}"
    );
    assert!(words.contains(ONE) && words.contains(TWO), "both are shown: {words}");

    let server = Scripted::start().data("JobIds", ids(&[]));
    let output = against(&server, &["wait", "0"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).starts_with("longhaul: there is no job `0`\n"));
}

#[test]
fn a_selection_needs_no_ids() {
    let ended = json!({"cancelJob": {"changed": true, "job": job(&json!({}))}});
    let server = Scripted::start()
        .data("JobIds", ids(&[TWO, ONE]))
        .data("CancelJob", ended.clone())
        .data("CancelJob", ended);
    let output = against(&server, &["cancel", "--kind", "demo", "--confirm", "2"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let filter = json!({"states": ["QUEUED", "RUNNING", "CANCELING"], "kinds": ["demo"]});
    assert_eq!(server.asked("JobIds")[0]["filter"], filter);
    let asked = server.asked("CancelJob").into_iter().map(|v| v["id"].as_str().unwrap().to_owned());
    assert_eq!(asked.collect::<BTreeSet<_>>(), BTreeSet::from([ONE, TWO].map(str::to_owned)));
    assert_eq!(longhaul(&["wait"]).output().unwrap().status.code(), Some(2));
}

#[test]
fn wait_any_ends_with_the_first() {
    let server = Scripted::start()
        .data("Job", json!({"job": job(&json!({}))}))
        .data("Job", json!({"job": job(&json!({}))}))
        .session("JobStatus", vec![status("FAILED", &json!({}))])
        .session("JobStatus", vec![Step::Hang])
        .data("Job", json!({"job": job(&json!({"state": "FAILED", "terminal": true, "reason": "EXIT_CODE", "exitCode": 3}))}));
    let output = against(&server, &["wait", "--any", "j1", "j2"]);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
}

#[test]
fn what_runs_is_shown_however_many_wait() {
    let page = |rows: Vec<Value>, more: bool| {
        let info = json!({"hasNextPage": more, "endCursor": "c"});
        json!({"jobs": {"nodes": rows, "pageInfo": info, "feedCursor": "f"}})
    };
    let waiting = |number: usize| job(&json!({"id": format!("w{number}"), "state": "QUEUED"}));
    let mut server = Scripted::start();
    for first in (0..1_000).step_by(100) {
        server = server.data("Jobs", page((first..first + 100).map(waiting).collect(), true));
    }
    let runs = job(&json!({"id": "r", "state": "RUNNING"}));
    let server = server.data("Jobs", page(vec![runs], false));
    let output = against(&server, &["status"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stdout(&output).lines().filter(|line| line.starts_with("r ")).count(), 1);
    let words = stderr(&output);
    assert!(words.contains("1001 jobs: 1 running, 1000 queued\n"), "{words}");
    assert!(words.contains("there are more that wait"), "{words}");
    assert_eq!(server.asked("Jobs")[10]["filter"], json!({"states": ["RUNNING", "CANCELING"]}));
}

fn jobs() -> Scripted {
    let rows =
        [succeeded(), job(&json!({"labels": [{"key": "a", "value": "b"}]})), job(&json!({}))];
    let page = json!({"nodes": rows, "pageInfo": {"hasNextPage": false, "endCursor": null}});
    Scripted::start().data("Jobs", json!({"jobs": page}))
}

#[test]
fn a_list_has_its_forms_and_its_counts() {
    let server = jobs();
    let output = against(&server, &["list", "--label", "a=b", "--since", "2026-11-25T00:00:00Z"]);
    assert_eq!(stderr(&output), "3 jobs: 2 queued, 1 succeeded\n");
    let filter = json!({
        "labels": [{"key": "a", "value": "b"}], "createdAfter": "2026-11-25T00:00:00.000Z",
    });
    assert_eq!(server.asked("Jobs")[0]["filter"], filter);
    assert_eq!(stdout(&against(&jobs(), &["list", "-o", "name"])), "j1\nj1\nj1\n");
    insta::assert_snapshot!(stdout(&against(&jobs(), &["list", "-o", "wide"])));
    let rows: Value = serde_json::from_str(stdout(&against(&jobs(), &["list", "--json"]))).unwrap();
    assert_eq!(rows.as_array().unwrap().len(), 3);
    let (_, narrow) = Pty::new(20).run(&jobs(), &["list"]);
    assert!(narrow.lines().take(4).all(|line| console::measure_text_width(line) <= 20), "{narrow}");
}

#[test]
fn a_query_is_sent_as_it_is_and_its_answer_printed_as_it_came() {
    let server = Scripted::start().data("Q", json!({"job": null}));
    let text = "query Q($id: ID!, $n: Int) { job(id: $id) { id } }";
    let arguments = ["query", text, "--operation", "Q", "-v", "id=7", "-v", "n=7"];
    let output = against(&server, &arguments);
    let printed: Value = serde_json::from_str(stdout(&output)).unwrap();
    assert_eq!(printed, json!({"data": {"job": null}}));
    assert_eq!(server.asked("Q"), [json!({"id": "7", "n": 7})]);

    let server = Scripted::start().reply("", Reply::Error("GRAPHQL_PARSE_FAILED", "no", json!({})));
    let output = against(&server, &["query", "{"]);
    assert_eq!((output.status.code(), stderr(&output)), (Some(2), "longhaul: no\n"));
    assert!(stdout(&output).contains("GRAPHQL_PARSE_FAILED"));

    let event = |seq: u32| Step::Next(json!({"jobStatus": {"seq": seq}}));
    let server = Scripted::start().session("S", vec![event(1), event(2), Step::Complete]);
    let text = "subscription S { jobStatus(id: 1) { seq } }";
    let output = against(&server, &["query", text, "--operation", "S"]);
    let line = |seq: u32| json!({"data": {"jobStatus": {"seq": seq}}}).to_string() + "\n";
    assert_eq!(stdout(&output), line(1) + &line(2));
}

#[test]
fn a_server_of_another_version_is_told_of() {
    let server = Scripted::start()
        .reply(
            "Workers",
            Reply::Error("GRAPHQL_VALIDATION_FAILED", "no field `workers`", json!({})),
        )
        .data("Version", json!({"server": {"version": "0.0.9"}}));
    let output = against(&server, &["workers"]);
    assert_eq!(output.status.code(), Some(69));
    let words = stderr(&output);
    assert!(words.contains("it is version 0.0.9, and this is version"), "{words}");
    assert!(words.contains("caused by: no field `workers`"), "{words}");
}

#[test]
fn pages_for_man_and_scripts_for_shells_are_data() {
    for (command, option) in [("run", "label"), ("work", "database")] {
        let page = longhaul(&["man", command]).output().unwrap();
        let page = stdout(&page);
        assert!(page.contains(".SH SYNOPSIS") && page.contains(option), "{page}");
    }
    for shell in ["bash", "zsh", "fish"] {
        let script = longhaul(&["completions", shell]).output().unwrap();
        assert!(stdout(&script).contains("LONGHAUL_COMPLETE"), "{}", stdout(&script));
    }
}
