//! The server as a process of its machine: what it inherits from whoever started it, and what becomes
//! of its binary while it runs.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::deadline::within;
use crate::support::executable;
use crate::support::graphql::Heard;
use crate::support::server::Server;

const BINARY: &str = env!("CARGO_BIN_EXE_longhaul");

const CONFIG: &str = "
[kinds.work]
command = [\"true\"]
";

/// Runs a job of the kind `work` to its end.
async fn job(server: &Server) -> Value {
    let id = server.api.start("work", json!({})).await;
    let ended = async { server.api.watch(&id).await.end().await };
    within("the end of the job", &id, ended).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_binary_that_is_replaced_or_deleted_runs_jobs_on() {
    let folder = tempfile::tempdir().unwrap();
    let binary = folder.path().join("longhaul");
    executable::copy(BINARY, &binary);
    let mut server = Server::start_by(Command::new(&binary), CONFIG).await;
    assert_eq!(job(&server).await["state"], "SUCCEEDED");
    // As an upgrade does: what runs keeps its file.
    let other = folder.path().join("other");
    executable::copy("/bin/false", &other);
    fs::rename(&other, &binary).unwrap();
    assert_eq!(job(&server).await["state"], "SUCCEEDED");
    fs::remove_file(&binary).unwrap();
    assert_eq!(job(&server).await["state"], "SUCCEEDED");
    assert!(server.stop().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signals_that_were_blocked_or_ignored_still_stop_the_server() {
    let mut command = Command::new("env");
    command.args(["--block-signal=TERM,INT,CHLD,QUIT", "--ignore-signal=CHLD,TERM"]).arg(BINARY);
    let mut server = Server::start_by(command, CONFIG).await;
    assert_eq!(job(&server).await["state"], "SUCCEEDED");
    assert!(server.stop().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_client_hears_that_the_server_stops() {
    // P7: an end that is no end of a job has a name of its own.
    let config = format!("{CONFIG}[queues.default]\nslots = 0\n");
    let mut server = Server::start(&config).await;
    let id = server.api.start("work", json!({})).await;
    let mut sockets = Vec::new();
    for _ in 0..200 {
        let mut socket = server.api.watch(&id).await;
        assert_eq!(socket.next_status().await.unwrap()["change"], "SNAPSHOT");
        sockets.push(socket);
    }
    assert!(server.stop().await.success());
    for mut socket in sockets {
        let end = loop {
            match socket.try_next().await {
                Ok(Heard::Next(..)) => {}
                Ok(other @ (Heard::Complete(_) | Heard::Error(..))) => panic!("{other:?}"),
                Err(end) => break end,
            }
        };
        assert!(end.contains("Away") && end.contains("the server stops"), "{end}");
    }
}
