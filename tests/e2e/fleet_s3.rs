//! Long logs in a bucket: of a server that speaks S3 over real sockets and judges every signature. What is wrong
//! with one is told before anything is lost.

use std::process::{Command, Output};

use serde_json::Value;

use super::fleet::Fleet;
use super::fleet_logs::{config, page, raw};
use super::fleet_objects::{LINES, many, metric, whole};
use super::script;
use crate::support::deadline::within;
use crate::support::s3::{Key, S3};
use crate::support::server::Server;

const BINARY: &str = env!("CARGO_BIN_EXE_longhaul");

fn bucket(url: &str, endpoint: &str) -> String {
    format!("[object_store]\nurl = \"{url}\"\nendpoint = \"{endpoint}\"\n")
}

fn environment((id, secret): &Key) -> [String; 2] {
    [format!("AWS_ACCESS_KEY_ID={id}"), format!("AWS_SECRET_ACCESS_KEY={secret}")]
}

async fn server(config: &str, key: &Key, more: &[&str]) -> Server {
    let mut command = Command::new("env");
    command.args(environment(key)).args(["sh", "-c"]);
    command.arg(format!("exec \"$0\" \"$@\" {}", more.join(" "))).arg(BINARY);
    Server::start_by(command, config).await
}

/// Every server has a log that is in a bucket, and it goes with its job.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_logs_are_in_a_bucket() {
    let (fleet, s3) = (Fleet::new().await, S3::start().await);
    let store = bucket("s3://longhaul/some/where", &s3.endpoint) + "[retention]\njobs = 1\n";
    let of = |name: &str| config(&fleet, name) + &store;
    let b = server(&of("b"), &s3.writer, &[]).await;
    let a = server(&of("a"), &s3.writer, &["--no-worker"]).await;
    let id = a.api.start("sh", script(&many(LINES))).await;
    a.api.watch(&id).await.end().await;
    let all = whole(&a.api, &id).await;
    assert_eq!(all.len(), LINES * 1_001);
    assert!(all == raw(&b.api, &id).await.1);
    assert_eq!(page(&a.api, &id).await, page(&b.api, &id).await);
    let written = metric(&b, "longhaul_log_objects_written_total").await;
    assert!((2..9).contains(&written), "{written}");
    assert!(metric(&a, "longhaul_log_objects_read_total").await >= 2);
    for _ in 0..2 {
        let id = a.api.start("sh", script("true")).await;
        a.api.watch(&id).await.end().await;
    }
    let removed = async {
        let name = "longhaul_log_objects_removed_total";
        while metric(&a, name).await + metric(&b, name).await < written {}
    };
    within("the removal of all objects", &written, removed).await;
}

/// What `doctor` says of the object store.
fn doctor(
    folder: &tempfile::TempDir,
    config: &str,
    environment: &[String],
) -> Vec<(String, String)> {
    let output = run(folder, config, environment, &["doctor", "--json"]);
    let findings: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    let of_it = findings.as_array().unwrap().iter().filter(|row| row["check"] == "object store");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    of_it.map(|row| (text(&row["grade"]), text(&row["message"]))).collect()
}

fn run(
    folder: &tempfile::TempDir,
    config: &str,
    environment: &[String],
    arguments: &[&str],
) -> Output {
    let file = folder.path().join("longhaul.toml");
    std::fs::write(&file, config).unwrap();
    let mut command = Command::new("env");
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap());
    command.env("HOME", folder.path()).args(environment).args(["timeout", "60"]);
    command.arg(BINARY).args(arguments);
    command.arg("--config").arg(&file).arg("--data").arg(folder.path().join("data"));
    command.output().unwrap()
}

/// Whatever is wrong with a bucket is told by `doctor`, and by a start, with what to do; no secret is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_a_bucket_is_told() {
    let (fleet, s3) = (Fleet::new().await, S3::start().await);
    let folder = tempfile::tempdir().unwrap();
    let of = |url: &str, endpoint: &str| config(&fleet, "a") + &bucket(url, endpoint);
    let good = of("s3://longhaul", &s3.endpoint);
    let with = |key: &Key| environment(key).to_vec();
    let found = doctor(&folder, &good, &with(&s3.writer));
    let told = "s3://longhaul: an object was written, read, listed and removed".to_owned();
    assert_eq!(found[0], ("ok".to_owned(), told));
    assert!(found[1].1.contains("is reached without TLS"), "{found:?}");
    let wrong = (s3.writer.0.clone(), "wonderland".to_owned());
    let missing = of("s3://nowhere", &s3.endpoint);
    let only_id = environment(&s3.writer)[..1].to_vec();
    let token =
        ["AWS_WEB_IDENTITY_TOKEN_FILE=/nonexistent/token", "AWS_ROLE_ARN=arn:aws:iam::1:role/r"];
    let token = token.map(str::to_owned).to_vec();
    let rows: [(&str, &str, Vec<String>, &str); 5] = [
        ("no token", &good, token, "what AWS_WEB_IDENTITY_TOKEN_FILE or"),
        ("no such bucket", &missing, with(&s3.writer), "is not there: make the bucket"),
        ("a wrong secret", &good, with(&wrong), "refuses: give whom AWS_ACCESS_KEY_ID names"),
        ("too few rights", &good, with(&s3.reader), "refuses: give whom AWS_ACCESS_KEY_ID names"),
        ("half a key", &good, only_id, "AWS_SECRET_ACCESS_KEY"),
    ];
    for (what, config, environment, told) in rows {
        let found = doctor(&folder, config, &environment);
        assert!(found[0].0 == "wrong" && found[0].1.contains(told), "{what}: {found:?}");
        let start = ["serve", "--listen", "127.0.0.1:0"];
        let output = run(&folder, config, &environment, &start);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(78), "{what}: {said}");
        assert!(said.contains(told), "{what}: {said}");
        for secret in [&s3.writer.1, &s3.reader.1, &wrong.1] {
            assert!(!said.contains(secret.as_str()) && !found[0].1.contains(secret.as_str()));
        }
    }
    let shown = run(&folder, &good, &with(&s3.writer), &["config", "show"]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("url = \"s3://longhaul\"") && !shown.contains(&s3.writer.1), "{shown}");
    // One that is away is told, and keeps no server from its work.
    let away = of("s3://longhaul", "http://127.0.0.1:1");
    let found = doctor(&folder, &away, &with(&s3.writer));
    assert!(found[0].0 == "wrong" && found[0].1.contains("does not answer"), "{found:?}");
    let a = server(&away, &s3.writer, &[]).await;
    let id = a.api.start("sh", script("true")).await;
    assert_eq!(a.api.watch(&id).await.end().await["state"], "SUCCEEDED");
}
