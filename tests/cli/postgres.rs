//! PostgreSQL on the command line: what cannot be used is told by one line, with a code and advice, and
//! the address is shown nowhere.

use std::process::Output;

use serde_json::json;
use tempfile::TempDir;

use super::{longhaul, stderr, stdout};
use crate::support::postgres::cluster;
use crate::support::server::Server;

/// Serves a fresh folder on a database until it ends by itself.
async fn serve(database: &str) -> (Option<i32>, String) {
    let database = database.to_owned();
    let served = tokio::task::spawn_blocking(move || {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let mut command = longhaul(&["serve", "--listen", "127.0.0.1:0", "--data"]);
        command.arg(&data).env("PATH", std::env::var_os("PATH").unwrap());
        let output = command.env("LONGHAUL_SERVER_DATABASE", database).output().unwrap();
        let words = stderr(&output).to_owned();
        assert!(!words.contains("hunter2"), "{words}");
        let told = words.rsplit_once("longhaul: ").unwrap().1.to_owned();
        (output.status.code(), told)
    });
    served.await.unwrap()
}

#[tokio::test]
async fn a_database_that_cannot_be_used_has_its_code() {
    let cluster = cluster();
    let (code, told) = serve("postgres://me:hunter2@[::1/longhaul").await;
    assert_eq!(code, Some(78), "{told}");
    let expected = "the address of the database cannot be read: expected `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, special characters percent-encoded\n\nhint: change `--database`, or the database; nothing in it was changed\n";
    assert_eq!(told, expected);

    let (code, told) = serve(&cluster.by_tcp("stranger:hunter2", "postgres")).await;
    assert_eq!((code, told.lines().count()), (Some(77), 3), "{told}");
    let (code, told) = serve("postgres://me:hunter2@127.0.0.1:1/longhaul").await;
    assert_eq!((code, told.lines().count()), (Some(69), 3), "{told}");
    assert!(
        told.starts_with("the database at me@127.0.0.1:1/longhaul cannot be reached: "),
        "{told}"
    );
}

/// One name, one worker: the second is told, and changes nothing.
#[tokio::test]
async fn a_second_worker_of_one_name_is_refused() {
    let url = cluster().schema().await;
    let config = format!("[server]\ndatabase = \"{url}\"\n[kinds.k]\ncommand = [\"true\"]\n");
    let mut server = Server::start(&config).await;
    // Both are called what the machine is.
    let (code, told) = serve(&url).await;
    assert_eq!((code, told.lines().count()), (Some(78), 3), "{told}");
    assert!(told.starts_with("another worker is called `"), "{told}");
    assert!(told.contains("hint: give this one another `name` in [worker]"), "{told}");
    let workers = server.api.ask("{ workers { live } }", json!({})).await;
    assert_eq!(workers, json!({"workers": [{"live": true}]}));
    assert!(server.stop().await.success(), "the first one was not disturbed");
}

fn with(config: &str, arguments: &[&str]) -> (TempDir, Output) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("longhaul.toml");
    std::fs::write(&file, config).unwrap();
    let mut command = longhaul(arguments);
    command.arg("--config").arg(&file).env("PATH", std::env::var_os("PATH").unwrap());
    let output = command.output().unwrap();
    (folder, output)
}

const ADDRESS: &str = "[server]\ndatabase = \"postgres://me:hunter2@db/x\"\ndata = \"data\"\n";

#[test]
fn a_backup_is_left_to_pg_dump() {
    let (folder, output) = with(ADDRESS, &["backup", "/nowhere/copy"]);
    assert_eq!(output.status.code(), Some(2));
    let told = stderr(&output);
    assert!(
        told.starts_with("longhaul: jobs are kept in PostgreSQL") && told.contains("`pg_dump`")
    );
    assert!(!folder.path().join("data").exists());
}

#[test]
fn no_command_shows_the_address() {
    for arguments in [&["config", "show"][..], &["config", "show", "--json"], &["config", "check"]]
    {
        let (_folder, output) = with(ADDRESS, arguments);
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
        let told = format!("{}{}", stdout(&output), stderr(&output));
        assert!(!told.contains("hunter2"), "{arguments:?}: {told}");
    }
    let (_folder, output) = with(ADDRESS, &["config", "show"]);
    let shown = stdout(&output);
    assert!(shown.contains("database = \"postgres://(hidden)\""), "{shown}");
}
