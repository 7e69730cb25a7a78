//! Each thing that may be wrong with a PostgreSQL, told in its own words by a start and by `doctor`; neither
//! changes anything, and neither shows the password.

use std::process::Output;

use serde_json::Value;

use super::{longhaul, stderr};
use crate::support::postgres::{Cluster, cluster};

/// What is wrong, the address, how a start ends, and what both say.
struct Bad(&'static str, String, i32, &'static str);

/// A schema in which the questions that a start asks first are answered by another server.
async fn pretending(cluster: &Cluster, name: &str, function: &str) -> String {
    let sql = format!("CREATE SCHEMA {name}; CREATE FUNCTION {name}.{function}");
    cluster.admin().await.batch_execute(&sql).await.unwrap();
    let own = cluster.by_tcp("longhaul", "postgres");
    format!("{own}?options=-csearch_path%3D{name},pg_catalog")
}

async fn prepare(cluster: &Cluster) {
    let sql = "
        CREATE ROLE visitor LOGIN PASSWORD 'right';
        CREATE SCHEMA bad_guarded;
        GRANT USAGE ON SCHEMA bad_guarded TO visitor;
        CREATE SCHEMA bad_ours;
        CREATE TABLE bad_ours.longhaul_schema (version integer, migrated_at timestamptz);
        INSERT INTO bad_ours.longhaul_schema VALUES (2);
        CREATE TABLE bad_ours.job_events (no bigint);
        CREATE TABLE bad_ours.removed_jobs (no bigint);
        CREATE TABLE bad_ours.jobs (queue text, state text, args_bytes bigint);
        GRANT USAGE ON SCHEMA bad_ours TO visitor;
        GRANT SELECT ON bad_ours.longhaul_schema TO visitor;
        CREATE SCHEMA bad_foreign;
        CREATE TABLE bad_foreign.songs (title text);
        CREATE SCHEMA bad_newer;
        CREATE TABLE bad_newer.longhaul_schema (version integer);
        INSERT INTO bad_newer.longhaul_schema VALUES (99)";
    let admin = cluster.admin().await;
    admin.batch_execute(sql).await.unwrap();
    admin
        .batch_execute("CREATE DATABASE bad_latin ENCODING 'LATIN1' TEMPLATE template0")
        .await
        .unwrap();
}

/// The address, who asks, and how.
fn of_the_address(cluster: &Cluster) -> Vec<Bad> {
    let by = |user: &str, database: &str| cluster.by_tcp(user, database);
    let own = by("longhaul", "postgres");
    let url = |text: &str| text.to_owned();
    vec![
        Bad(
            "address",
            url("postgres://me:hunter2@[::1/x"),
            78,
            "cannot be read: expected `postgres://",
        ),
        Bad(
            "port",
            url("postgres://me:hunter2@127.0.0.1:1/x"),
            69,
            "at me@127.0.0.1:1/x cannot be reached",
        ),
        Bad(
            "host",
            url("postgres://me:hunter2@none.invalid/x?sslmode=disable"),
            69,
            "cannot be reached",
        ),
        Bad(
            "password",
            by("visitor:hunter2", "postgres"),
            77,
            "lets nobody in with this user and password",
        ),
        Bad(
            "user",
            by("nobody:hunter2", "postgres"),
            77,
            "lets nobody in with this user and password",
        ),
        Bad("database", by("longhaul", "none"), 78, "does not exist: make it with `createdb`"),
        Bad("TLS", format!("{own}?sslmode=require"), 78, "no TLS with the database: "),
        Bad("TLS mode", format!("{own}?sslmode=prefer"), 78, "expected `disable`, `require` or"),
        Bad(
            "roots",
            format!("{own}?sslmode=require&sslrootcert=/no/file"),
            78,
            "certificates in `/no/file`",
        ),
    ]
}

/// What answers there.
async fn of_the_database(cluster: &Cluster) -> Vec<Bad> {
    prepare(cluster).await;
    let own = cluster.by_tcp("longhaul", "postgres");
    let path = |url: &str, schema: &str| format!("{url}?options=-csearch_path%3D{schema}");
    let visitor = cluster.by_tcp("visitor:right", "postgres");
    let version = "current_setting(text) RETURNS text LANGUAGE sql AS $$
        SELECT CASE $1 WHEN 'server_version_num' THEN '120022' WHEN 'server_version' THEN '12.22'
               ELSE pg_catalog.current_setting($1) END $$";
    let standby = "pg_is_in_recovery() RETURNS boolean LANGUAGE sql AS 'SELECT true'";
    let old = pretending(cluster, "bad_old", version).await;
    let standby = pretending(cluster, "bad_standby", standby).await;
    let latin = cluster.by_tcp("longhaul", "bad_latin");
    vec![
        Bad(
            "no right to make tables",
            path(&visitor, "bad_guarded"),
            77,
            "may not do what Longhaul needs",
        ),
        Bad(
            "no right to read ours",
            path(&visitor, "bad_ours"),
            77,
            "may not do what Longhaul needs",
        ),
        Bad("version", old, 78, "PostgreSQL 12.22 is too old: expected 13 or newer"),
        Bad("standby", standby, 78, "is a standby, which takes no writes: name the primary"),
        Bad("encoding", latin, 78, "has the encoding LATIN1: expected UTF8"),
        Bad("schema", path(&own, "nowhere"), 78, "names no schema that exists"),
        Bad("foreign tables", path(&own, "bad_foreign"), 78, "has tables of another program"),
        Bad("newer tables", path(&own, "bad_newer"), 78, "has schema 99, and this program knows"),
    ]
}

/// Runs a command on a fresh folder and this database until it ends by itself.
fn run(database: &str, arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut command = longhaul(arguments);
    command.arg("--data").arg(folder.path().join("data"));
    command.env("PATH", std::env::var_os("PATH").unwrap());
    let output = command.env("LONGHAUL_SERVER_DATABASE", database).output().unwrap();
    for said in [&output.stdout, &output.stderr] {
        let said = String::from_utf8_lossy(said);
        assert!(!said.contains("hunter2") && !said.contains("right@"), "{said}");
    }
    output
}

/// All that is there, so that a change of anything shows.
async fn everything(cluster: &Cluster) -> i64 {
    let sql = "SELECT count(*) FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
               WHERE nspname LIKE 'bad\\_%'";
    cluster.admin().await.query_one(sql, &[]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_a_database_is_told_at_a_start_and_by_doctor() {
    let cluster = cluster();
    let mut rows = of_the_database(cluster).await;
    rows.extend(of_the_address(cluster));
    let before = everything(cluster).await;
    let checked = tokio::task::spawn_blocking(move || {
        for Bad(what, url, code, words) in &rows {
            let served = run(url, &["serve", "--listen", "127.0.0.1:0"]);
            let said = stderr(&served);
            assert_eq!(served.status.code(), Some(*code), "{what}: {said}");
            assert!(said.contains(words) && said.contains("\nhint: "), "{what}: {said}");

            let looked = run(url, &["doctor", "--json"]);
            let found: Value = serde_json::from_slice(&looked.stdout).unwrap();
            let mut found = found.as_array().unwrap().iter();
            let row = found.find(|row| row["check"] == "database").unwrap();
            assert_eq!((looked.status.code(), &row["grade"]), (Some(1), &"wrong".into()), "{what}");
            assert!(row["message"].as_str().unwrap().contains(words), "{what}: {row}");
        }
    });
    checked.await.unwrap();
    assert_eq!(everything(cluster).await, before, "nothing was changed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_can_be_used_is_described() {
    let url = cluster().schema().await;
    let looked = tokio::task::spawn_blocking(move || run(&url, &["doctor", "--json"]));
    let looked = looked.await.unwrap();
    let found: Value = serde_json::from_slice(&looked.stdout).unwrap();
    let about = |check: &str| {
        let mut rows = found.as_array().unwrap().iter();
        let row = rows.find(|row| row["check"] == check).unwrap();
        (row["grade"].as_str().unwrap().to_owned(), row["message"].as_str().unwrap().to_owned())
    };
    let (grade, text) = about("database");
    assert!(grade == "ok" && text.contains(", empty: the first start makes its tables"), "{text}");
    assert_eq!(about("durability").0, "ok");
    let (grade, text) = about("clock of the database");
    assert!(grade == "ok" && text.ends_with("ms from this one"), "{text}");
}
