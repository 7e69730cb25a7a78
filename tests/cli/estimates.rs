//! How soon a job starts, against a real server: told where its kind has a history, and not at all where it has
//! none.

use chrono::{SecondsFormat, TimeDelta};
use longhaul::domain::clock::{Clock as _, SystemClock};

use crate::support::server::Server;

use super::codes::{ask, words};
use super::stdout;

const CONFIG: &str = r#"
[kinds.known]
command = ["true"]
[kinds.new]
command = ["true"]
"#;

#[tokio::test]
async fn only_a_kind_with_a_history_has_an_estimate() {
    let server = Server::start(CONFIG).await;
    let ran = ask(&server, &["run", "known"]).await;
    assert_eq!(ran.status.code(), Some(0), "{}", words(&ran));
    let later = SystemClock.now() + TimeDelta::hours(1);
    let later = later.to_rfc3339_opts(SecondsFormat::Millis, true);
    let mut told = Vec::new();
    for kind in ["known", "new"] {
        let started = ask(&server, &["start", kind, "--not-before", &later]).await;
        let id = stdout(&started).trim().to_owned();
        let shown = ask(&server, &["status", &id]).await;
        assert_eq!((shown.status.code(), words(&shown).as_str()), (Some(0), ""));
        let starts = stdout(&shown).lines().find(|line| line.starts_with("starts "));
        told.push(starts.map(str::to_owned));
    }
    let known = told.swap_remove(0).expect("an estimate");
    assert!(
        known.starts_with("starts   in ~60 min") || known.starts_with("starts   in ~61 min"),
        "{known}"
    );
    assert_eq!(told, [None]);
    let queue = ask(&server, &["queue"]).await;
    let starts: Vec<_> = stdout(&queue)
        .lines()
        .filter_map(|line| {
            let cells: Vec<_> = line.split("  ").filter(|cell| !cell.is_empty()).collect();
            (cells.first() == Some(&"-")).then(|| cells[4].trim().to_owned())
        })
        .collect();
    assert_eq!(starts.len(), 2, "{}", stdout(&queue));
    assert!(starts[0].starts_with("~6") && starts[1] == "-", "{starts:?}");
}
