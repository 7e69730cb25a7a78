//! Completions: live ids and kinds, of the server that the line itself names.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::scripted::{Reply, Scripted};
use super::whole::{ONE, ids};
use super::{longhaul, stderr, stdout};

#[test]
fn a_shell_is_told_live_ids_and_kinds() {
    let ask = |server: &Scripted, words: &[&str]| {
        let last = (words.len() - 1).to_string();
        let output = longhaul(&[&["--"][..], words].concat())
            .env("LONGHAUL_URL", server.url())
            .env("LONGHAUL_COMPLETE", "bash")
            .env("_CLAP_COMPLETE_INDEX", last)
            .env("_CLAP_IFS", "\n")
            .output()
            .unwrap();
        (stdout(&output).to_owned(), stderr(&output).to_owned())
    };
    let server = Scripted::start().data("JobIds", ids(&[ONE, "b0"]));
    assert_eq!(ask(&server, &["longhaul", "cancel", "019"]), (ONE.to_owned(), String::new()));
    let kinds = json!({"kinds": [{"name": "demo"}, {"name": "fail"}]});
    let server = Scripted::start().data("Kinds", kinds);
    assert_eq!(ask(&server, &["longhaul", "run", "de"]).0, "demo");
    let queues = json!({"queues": [{"name": "default"}, {"name": "films"}]});
    let server = Scripted::start().data("Queues", queues);
    assert_eq!(ask(&server, &["longhaul", "pause", "f"]).0, "films");
    // A server that answers nothing useful is no candidate and no word.
    let server = Scripted::start().reply("Kinds", Reply::Page);
    assert_eq!(ask(&server, &["longhaul", "run", "de"]), (String::new(), String::new()));
}

/// What a real Bash offers for a line whose last word is being typed, its words cut as Bash cuts them.
fn offered(line: &str) -> String {
    offered_at("/nonexistent", line)
}

/// The same to who has this home folder.
fn offered_at(home: &str, line: &str) -> String {
    let binary = longhaul(&[]).get_program().to_owned();
    let folder = Path::new(&binary).parent().unwrap();
    let script = r#"
        source <(longhaul completions bash)
        COMP_WORDS=() COMP_TYPE=9
        while read -r word; do COMP_WORDS+=("$word"); done < <(grep -oE '[:=]+|[^ :=]+' <<< "$1")
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        _clap_complete_longhaul longhaul "${COMP_WORDS[COMP_CWORD]}"
        echo "${COMPREPLY[@]}"
    "#;
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let output = Command::new("bash")
        .args(["-c", script, "bash", line])
        .env_clear()
        .envs([("PATH", path.as_str()), ("HOME", home)])
        .output()
        .unwrap();
    assert_eq!(stderr(&output), "");
    stdout(&output).trim().to_owned()
}

#[test]
fn bash_is_told_of_the_server_that_stands_on_the_line() {
    let kinds = json!({"kinds": [{"name": "demo"}, {"name": "fail"}]});
    let server = Scripted::start()
        .data("JobIds", ids(&[ONE]))
        .data("Kinds", kinds.clone())
        .data("Kinds", kinds.clone())
        .data("Kinds", kinds.clone())
        .data("Kinds", kinds);
    let url = server.url();
    assert_eq!(offered(&format!("longhaul --server {url} cancel 019")), ONE);
    assert_eq!(offered(&format!("longhaul run --server={url} de")), "demo");
    // What stands before the cut stays there.
    assert_eq!(offered(&format!("longhaul list --server {url} --kind=de")), "demo");
    // Found by its data folder, by way of the configuration.
    let folder = tempfile::tempdir().unwrap();
    let lock = json!({"pid": std::process::id(), "url": url});
    std::fs::write(folder.path().join("lock"), lock.to_string()).unwrap();
    let config = folder.path().join("longhaul.toml");
    std::fs::write(&config, format!("[server]\ndata = {:?}\n", folder.path())).unwrap();
    assert_eq!(offered(&format!("longhaul --config {} run fa", config.display())), "fail");
    // The home folder, which the shell leaves as it is typed.
    let home = folder.path().to_str().unwrap();
    assert_eq!(offered_at(home, "longhaul --config ~/longhaul.toml run fa"), "fail");
}

#[test]
fn bash_is_told_of_the_commands_that_run_jobs() {
    assert_eq!(offered("longhaul wor"), "work workers");
    assert_eq!(offered("longhaul work --li"), "--listen");
}
