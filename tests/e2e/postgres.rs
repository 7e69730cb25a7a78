//! The real server on PostgreSQL: what it does on SQLite it does there, over restarts and kills.

use serde_json::json;

use crate::support::postgres::cluster;
use crate::support::server::Server;

/// P1: a job is started, runs and ends; after a restart everything is as it was, and it goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_on_postgresql_runs_jobs_and_loses_none() {
    let url = cluster().schema().await;
    let config = format!(
        "[server]\ndatabase = \"{url}\"\n[kinds.say]\ncommand = [\"echo\", \"{{text}}\"]\n"
    );
    let mut server = Server::start(&config).await;
    let question = "{ server { store } jobs(first: 9) { nodes { id kind { name } state attempt args endedAt } } }";
    let ended = async |server: &Server, text: &str| {
        let before = server.api.feed_cursor().await;
        let id = server.api.start("say", json!({ "text": text })).await;
        let ended = server.api.ended_since(&before, 1).await;
        assert_eq!(ended[&id]["state"], "SUCCEEDED", "{ended:?}");
    };
    ended(&server, "one").await;
    let before = server.api.ask(question, json!({})).await;
    assert_eq!(before["server"]["store"], "postgres");
    assert!(server.stop().await.success());
    server.start_again().await;
    assert_eq!(server.api.ask(question, json!({})).await, before);
    ended(&server, "two").await;
    assert!(
        !server.folder().join("data/longhaul.db").exists(),
        "nothing is kept in the data folder's own database"
    );
    let said = server.last_words().await;
    assert!(!said.contains(&url), "{said}");
}
