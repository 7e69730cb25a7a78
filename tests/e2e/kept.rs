//! What is kept: small logs without a folder, and a copy of everything that another server can serve,
//! made while the first one works.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

use super::{report, script};
use crate::support::appears::changes_until;
use crate::support::graphql::Heard;
use crate::support::server::{Server, processes_with};

const CONFIG: &str = r#"
[worker]
slots = 2
[kinds.sh]
command = ["/bin/sh", "-c", "{script}"]
"#;

const LOG: &str = "query($id: ID!) { job(id: $id) { state log(first: 5) {
    complete droppedBytes nodes { number stream text attempt } pageInfo { endCursor hasNextPage } } } }";

/// Runs `longhaul backup` of a server's data folder.
fn backup(server: &Server, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_longhaul"));
    command.env_clear().env("HOME", "/nonexistent").arg("backup");
    command.arg("--data").arg(server.folder().join("data")).args(arguments).output().unwrap()
}

async fn ended(server: &Server, text: &str) -> String {
    let id = server.api.start("sh", script(text)).await;
    let end = server.api.watch(&id).await.end().await;
    assert_eq!(end["state"], "SUCCEEDED");
    id
}

/// Waits until the folder of a job has gone.
async fn moved(server: &Server, job: &str) {
    let folder = server.attempts_of(job);
    let attempts = folder.parent().unwrap().to_owned();
    let wait = move || changes_until(&attempts, "the folder goes", || !folder.exists());
    tokio::task::spawn_blocking(wait).await.unwrap();
}

async fn log(server: &Server, id: &str) -> Value {
    server.api.ask(LOG, json!({ "id": id })).await["job"].take()
}

/// The raw log, or a part of it.
async fn raw(server: &Server, id: &str, range: Option<&str>) -> String {
    let url = format!("http://{}/jobs/{id}/log", server.api.address());
    let request = server.api.http.get(url);
    let request = range.into_iter().fold(request, |request, range| request.header("Range", range));
    request.send().await.unwrap().text().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_log_needs_no_folder_and_a_large_one_or_work_keeps_it() {
    let server = Server::start(CONFIG).await;
    let lines = "i=0; while [ $i -lt 12 ]; do echo line $i; i=$((i+1)); done; printf end";
    let small = ended(&server, lines).await;
    let before = (log(&server, &small).await, raw(&server, &small, None).await);
    let large = ended(&server, "head -c 70000 /dev/zero | tr '\\0' '\\n'").await;
    let with_work = ended(&server, "echo kept > file").await;
    let silent = ended(&server, ":").await;
    for id in [&small, &silent] {
        moved(&server, id).await;
    }
    assert_eq!(before, (log(&server, &small).await, raw(&server, &small, None).await));
    assert_eq!(raw(&server, &small, Some("bytes=-3")).await, "end");
    // A reader that was half way goes on, and sees each line once.
    let tail = "subscription($id: ID!, $after: Cursor) { jobLog(id: $id, after: $after) {
        lines { text } complete } }";
    let after = &before.0["log"]["pageInfo"]["endCursor"];
    let mut socket = server.api.socket().await;
    socket.subscribe("tail", tail, json!({ "id": small, "after": after })).await;
    let mut texts = Vec::new();
    loop {
        let Heard::Next(_, mut data) = socket.next().await else { panic!("the log goes on") };
        let chunk = data["jobLog"].take();
        let lines = chunk["lines"].as_array().unwrap();
        texts.extend(lines.iter().map(|line| line["text"].as_str().unwrap().to_owned()));
        if chunk["complete"] == true {
            break;
        }
    }
    let rest = ["line 5", "line 6", "line 7", "line 8", "line 9", "line 10", "line 11", "end"];
    assert_eq!(texts, rest);
    let nothing = log(&server, &silent).await;
    assert_eq!((&nothing["log"]["nodes"], &nothing["log"]["complete"]), (&json!([]), &json!(true)));
    assert!(server.attempts_of(&large).join("1/log.head").exists());
    let file = server.attempts_of(&with_work).join("1/work/file");
    assert_eq!(fs::read_to_string(file).unwrap(), "kept\n");
}

/// All jobs with what they printed and returned.
async fn all(server: &Server, ids: &[String]) -> Vec<Value> {
    let query = "query($id: ID!) { job(id: $id) { id state seq result exitCode labels { key value }
        log(first: 100) { complete nodes { text } } } }";
    let mut jobs = Vec::new();
    for id in ids {
        jobs.push(server.api.ask(query, json!({ "id": id })).await["job"].take());
    }
    jobs
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_a_server_at_work_can_be_served_beside_it() {
    let mut server = Server::start(CONFIG).await;
    let mut ids = Vec::new();
    for text in [
        "echo one; echo '{\"answer\": 42}' > \"$LONGHAUL_RESULT\"",
        "yes large | head -n 20000",
        "echo kept > file; ln -s file link; mkfifo pipe; mkdir -p a/b",
    ] {
        ids.push(ended(&server, text).await);
    }
    moved(&server, &ids[0]).await;
    // One that runs all the while, and many that begin and end.
    let long = server.api.start("sh", script("echo begun; sleep 600")).await;
    let mut watch = server.api.watch(&long).await;
    while watch.next_status().await.unwrap()["state"] != "RUNNING" {}
    let home = tempfile::tempdir().unwrap();
    let to = home.path().join("data");
    let made = tokio::task::spawn_blocking({
        let (to, data) = (to.clone(), server.folder().join("data"));
        move || {
            Command::new(env!("CARGO_BIN_EXE_longhaul"))
                .env_clear()
                .args(["backup", "--json", "--data"])
                .args([&data, &to])
                .output()
                .unwrap()
        }
    });
    let busy = async {
        for _ in 0..20 {
            ended(&server, "echo busy").await;
        }
    };
    let (made, ()) = tokio::join!(made, busy);
    let made = made.unwrap();
    assert_eq!(made.status.code(), Some(0), "{}", String::from_utf8_lossy(&made.stderr));
    let told: Value = serde_json::from_slice(&made.stdout).unwrap();
    assert_eq!(told["path"], json!(to));
    assert!(told["jobs"].as_u64().unwrap() >= 4 && told["bytes"].as_u64().unwrap() > 100_000);

    // The copy is served on this machine while the original's processes run.
    let copy = Server::start_in(home, CONFIG).await;
    assert_eq!(all(&copy, &ids).await, all(&server, &ids).await);
    let work = copy.attempts_of(&ids[2]).join("1/work");
    assert_eq!(fs::read_to_string(work.join("file")).unwrap(), "kept\n");
    assert_eq!(fs::read_link(work.join("link")).unwrap(), Path::new("file"));
    assert!(work.join("a/b").is_dir() && !work.join("pipe").exists());
    let again = copy.api.watch(&long).await.next_status().await.unwrap();
    assert_eq!(again["terminal"], false, "it is given back: {again}");
    assert_eq!(log(&server, &long).await["state"], "RUNNING", "P8: nobody killed the original's");
    assert!(!processes_with(&server.keys_of(&long)).is_empty());
    server.api.cancel(&long, "FORCE").await.unwrap();
    assert!(server.stop().await.success());
}

/// What stands in a folder, whatever has a name.
fn names(folder: &Path) -> Vec<PathBuf> {
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    names.sort_unstable();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_cannot_be_made_leaves_nothing() {
    let server = Server::start(CONFIG).await;
    ended(&server, "yes large | head -n 200000").await;
    let home = tempfile::tempdir().unwrap();
    let to = home.path().join("copy");
    let path = to.to_str().unwrap();
    let fails = |output: &Output, code: i32, words: &str| {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.starts_with(&format!("longhaul: {words}")), "{said}");
        assert_eq!(output.stdout, b"");
    };
    // Something is there already, whatever it is.
    fs::write(&to, "mine").unwrap();
    fails(&backup(&server, &[path]), 1, &format!("{path} is there already"));
    assert_eq!(fs::read_to_string(&to).unwrap(), "mine");
    fs::remove_file(&to).unwrap();
    let inside = server.folder().join("data/copy");
    fails(&backup(&server, &[inside.to_str().unwrap()]), 2, "`");
    assert!(!inside.exists());
    let over_network = backup(&server, &[path, "--server", "http://127.0.0.1:1"]);
    fails(&over_network, 2, "a backup is made of a data folder");
    let mut nothing = Command::new(env!("CARGO_BIN_EXE_longhaul"));
    let nothing = nothing.args(["backup", path, "--data"]).arg(home.path()).output().unwrap();
    fails(&nothing, 78, "the data folder");
    assert_eq!(names(home.path()), Vec::<PathBuf>::new());

    // A disk without room for the log of that job, and one without room for the database.
    for size in ["600k", "64k"] {
        let script = "mount -t tmpfs -o size=$1,mode=0700 tmpfs \"$2\" || exit 125; \
            \"$0\" backup --data \"$3\" \"$2/copy\"; code=$?; ls -A \"$2\"; exit $code";
        let mut full = Command::new("unshare");
        full.args(["--user", "--map-root-user", "--mount", "sh", "-c", script]);
        full.args([env!("CARGO_BIN_EXE_longhaul"), size]).arg(home.path());
        let full = full.arg(server.folder().join("data")).output().unwrap();
        let said = String::from_utf8_lossy(&full.stderr);
        if !said.contains("longhaul: ") {
            report(&format!("skipped: no small disk can be mounted here: {said}"));
            continue;
        }
        fails(&full, 75, "there is no room for the backup");
    }
}
