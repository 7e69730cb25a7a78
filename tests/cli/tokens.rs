//! `longhaul token` and `longhaul share`, on a folder that nobody serves and against a server that asks
//! for tokens.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use super::{longhaul, stderr, stdout};
use crate::support::server::Server;

const CONFIG: &str = "
[kinds.work]
command = [\"sh\", \"-c\", \"echo did it\"]
[kinds.held]
command = [\"true\"]
queue = \"held\"
[queues.default]
[queues.held]
slots = 0
";

/// A token, as it was printed alone on a line.
fn printed(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", stderr(output));
    let secret = stdout(output).trim().to_owned();
    assert!(secret.starts_with("lh_") && secret.len() == 84, "{secret}");
    assert!(!stderr(output).contains(&secret[20..]), "{}", stderr(output));
    secret
}

fn on(folder: &Path, arguments: &[&str]) -> Output {
    let data = folder.join("data");
    longhaul(arguments).args(["--data", data.to_str().unwrap()]).output().unwrap()
}

fn with(folder: &Path, token: &str, arguments: &[&str]) -> Output {
    let data = folder.join("data");
    let mut command = longhaul(arguments);
    command.args(["--data", data.to_str().unwrap()]).env("LONGHAUL_TOKEN", token).output().unwrap()
}

#[test]
fn the_first_token_is_made_before_a_server_runs() {
    let folder = tempfile::tempdir().unwrap();
    let none = on(folder.path(), &["token", "list"]);
    assert_eq!(stdout(&none), "");
    assert_eq!(stderr(&none), "longhaul: there are no tokens, so nobody is asked for one\n");
    let refused = on(folder.path(), &["token", "create", "ci", "--scope", "read"]);
    assert_eq!((refused.status.code(), stdout(&refused)), (Some(1), ""));
    let told = "longhaul: no token has the scope `admin` yet: make one that has it first, or nobody could make another\n";
    assert_eq!(stderr(&refused), told);
    let made = on(folder.path(), &["token", "create", "root", "--scope", "admin"]);
    let id = printed(&made)[3..19].to_owned();
    let words = stderr(&made);
    assert_eq!(words, format!("longhaul: token {id} of root may admin; it is shown this once\n"));
    let more = [
        "token",
        "create",
        "ci",
        "--scope",
        "start:work",
        "--scope",
        "read",
        "--expires",
        "720h",
        "--json",
    ];
    let made: Value = serde_json::from_str(stdout(&on(folder.path(), &more))).unwrap();
    assert_eq!(made["token"]["scopes"], serde_json::json!(["read", "start:work"]));
    let listed = on(folder.path(), &["token", "list"]);
    let lines: Vec<_> = stdout(&listed).lines().collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines[1].contains("ci") && lines[1].contains("until 20"), "{lines:?}");
    assert!(lines[2].contains("root") && lines[2].contains("live"), "{lines:?}");
    let revoked = on(folder.path(), &["token", "revoke", "ci"]);
    assert!(stdout(&revoked).ends_with("  ci  revoked\n"), "{}", stdout(&revoked));
    let listed = on(folder.path(), &["token", "list"]);
    assert!(stdout(&listed).contains("revoked 20"), "{}", stdout(&listed));
}

#[test]
fn what_is_no_scope_and_no_name_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let told = |arguments: &[&str]| {
        let output = on(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", stderr(&output));
        stderr(&output).to_owned()
    };
    let words = told(&["token", "create", "ci", "--scope", "write"]);
    assert!(words.contains("`write` is not a scope: expected `read`, `start:KIND`"), "{words}");
    let words = told(&["token", "create", "two words", "--scope", "read"]);
    assert!(words.contains("`two words` is not a name"), "{words}");
    let words = told(&["token", "create", "ci"]);
    assert!(words.contains("--scope"), "{words}");
    let words = told(&["token", "create", "ci", "--scope", "read", "--expires", "30d"]);
    assert!(words.contains("--expires"), "{words}");
    let words = told(&["token", "revoke", "nobody"]);
    let expected =
        "longhaul: no token has the id or the name `nobody`\n\nhint: see `longhaul token list`\n";
    assert_eq!(words, expected);
}

#[test]
fn a_server_for_other_machines_starts_once_there_is_a_token() {
    let folder = tempfile::tempdir().unwrap();
    let serve = ["serve", "--listen", "0.0.0.0:0"];
    let refused = on(folder.path(), &serve);
    assert_eq!(refused.status.code(), Some(78));
    let words = stderr(&refused);
    let told = "longhaul: other machines could reach `0.0.0.0:0`, and there is no token yet, so nobody would be asked for one\n";
    assert!(words.contains(told), "{words}");
    assert!(words.contains("`longhaul token create NAME --scope admin`"), "{words}");
    printed(&on(folder.path(), &["token", "create", "root", "--scope", "admin"]));
    let mut child = Command::new(longhaul(&[]).get_program())
        .args(serve)
        .arg("--data")
        .arg(folder.path().join("data"))
        .env_clear()
        .env("HOME", folder.path())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let listening = lines.any(|line| line.contains("listening on http://"));
    let access = lines.find(|line| line.contains("access"));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(listening);
    assert!(access.unwrap().contains("with a token: `longhaul token create`"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_shows_its_token_and_ends_with_77_without_a_good_one() {
    let server = Server::start(CONFIG).await;
    let folder = server.folder().to_owned();
    let run = move || {
        // The server that runs is asked, and asks for tokens from then on.
        let root = printed(&on(&folder, &["token", "create", "root", "--scope", "admin"]));
        let refused = on(&folder, &["run", "work"]);
        assert_eq!(refused.status.code(), Some(77), "{}", stderr(&refused));
        let words = stderr(&refused);
        assert!(words.starts_with("longhaul: this server asks for a token: send"), "{words}");
        assert!(
            words.ends_with("hint: give a token in LONGHAUL_TOKEN or LONGHAUL_TOKEN_FILE\n"),
            "{words}"
        );
        let ran = with(&folder, &root, &["run", "work"]);
        assert_eq!((ran.status.code(), stdout(&ran)), (Some(0), "did it\n"), "{}", stderr(&ran));

        let ci =
            printed(&with(&folder, &root, &["token", "create", "ci", "--scope", "start:held"]));
        let forbidden = with(&folder, &ci, &["pause"]);
        assert_eq!(forbidden.status.code(), Some(77));
        let told = "longhaul: the token may not do this: it needs the scope `admin`\n";
        assert_eq!(stderr(&forbidden), told);
        let started = with(&folder, &ci, &["start", "held"]);
        let id = stdout(&started).trim().to_owned();
        let share = printed(&with(&folder, &ci, &["share", &id, "--expires", "1h"]));
        let seen = with(&folder, &share, &["status", &id, "--json"]);
        assert_eq!(seen.status.code(), Some(0), "{}", stderr(&seen));
        assert_eq!(with(&folder, &share, &["list"]).status.code(), Some(77));

        // Who follows is put out when the token is revoked, and so is the share of it.
        let mut follower = Command::new(longhaul(&[]).get_program())
            .args(["logs", "-f", &id, "--data"])
            .arg(folder.join("data"))
            .env_clear()
            .env("HOME", &folder)
            .env("LONGHAUL_TOKEN", &ci)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let revoked = with(&folder, &root, &["token", "revoke", "ci"]);
        assert!(stdout(&revoked).ends_with("  ci  revoked\n"), "{}", stdout(&revoked));
        assert_eq!(follower.wait().unwrap().code(), Some(77));
        assert_eq!(with(&folder, &share, &["status", &id]).status.code(), Some(77));
    };
    tokio::task::spawn_blocking(run).await.unwrap();
}
