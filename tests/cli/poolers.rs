//! A connection pooler in transaction mode that is not told of as one: a start and `doctor` say what is missing,
//! and change nothing.

use std::process::Output;

use serde_json::Value;

use super::{longhaul, stderr};
use crate::support::pgbouncer::pooler;
use crate::support::postgres::cluster;

/// Runs a command on a fresh folder and this database until it ends by itself.
fn run(database: &str, direct: Option<&str>, arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut command = longhaul(arguments);
    command.arg("--data").arg(folder.path().join("data"));
    command.env("PATH", std::env::var_os("PATH").unwrap());
    command.env("LONGHAUL_SERVER_DATABASE", database);
    command.envs(direct.map(|direct| ("LONGHAUL_SERVER_DATABASE_DIRECT", direct)));
    command.output().unwrap()
}

/// The row of a check.
fn row(looked: &Output, check: &str) -> (String, String) {
    let found: Value = serde_json::from_slice(&looked.stdout).unwrap();
    let mut rows = found.as_array().unwrap().iter();
    let row = rows.find(|row| row["check"] == check).unwrap();
    (row["grade"].as_str().unwrap().to_owned(), row["message"].as_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_missing_behind_a_pooler_is_told_at_a_start_and_by_doctor() {
    let (pooled, direct) = (pooler().address("postgres"), cluster().schema().await);
    let elsewhere = cluster().by_tcp("longhaul", "template1");
    let optional = format!("{pooled}?options=-csearch_path%3Dpublic");
    let good = (pooled.clone(), direct.clone());
    let rows = [
        (
            &pooled,
            None,
            "in `server.database_direct` (`--database-direct`, LONGHAUL_SERVER_DATABASE_DIRECT)",
        ),
        (&pooled, Some(&pooled), "`server.database_direct` leads to a connection pooler"),
        (&pooled, Some(&elsewhere), "lead to different databases: expected one"),
        (
            &optional,
            Some(&direct),
            "takes no `options`: expected an address without them in `server.database`",
        ),
    ];
    let rows = rows.map(|(url, direct, words)| (url.clone(), direct.cloned(), words));
    let checked = tokio::task::spawn_blocking(move || {
        for (url, direct, words) in &rows {
            let served = run(url, direct.as_deref(), &["serve", "--listen", "127.0.0.1:0"]);
            let said = stderr(&served);
            assert_eq!(served.status.code(), Some(78), "{said}");
            assert!(said.contains(words) && said.contains("\nhint: "), "{said}");
            let looked = run(url, direct.as_deref(), &["doctor", "--json"]);
            let (grade, said) = row(&looked, "database");
            assert!(grade == "wrong" && said.contains(words), "{said}");
        }
        let (pooled, direct) = good;
        let (grade, said) = row(&run(&pooled, Some(&direct), &["doctor", "--json"]), "database");
        assert!(grade == "ok" && said.contains(", by the pooler at longhaul@127.0.0.1:"), "{said}");
        assert!(said.contains(", empty: the first start makes its tables"), "{said}");
    });
    checked.await.unwrap();
}
