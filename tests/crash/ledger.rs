//! What truly ran, as the jobs wrote it down, against what the store says of it, whichever store it is.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::Path;

use rusqlite::Connection;
use tokio_postgres::Client;

/// The figures of a history that was found in order.
#[derive(Debug, Default)]
pub(super) struct Figures {
    pub(super) jobs: usize,
    pub(super) attempts: i64,
    /// Attempts whose command began.
    pub(super) starts: usize,
    /// How many attempts ended with each reason.
    pub(super) ends: BTreeMap<String, i64>,
}

/// A job as the store has it.
pub(super) struct Row {
    id: String,
    kind: String,
    state: String,
    reason: Option<String>,
    attempt: i64,
}

/// A change of a job: its number, its queue, what changed, the state since then, the attempt.
type Change = (i64, String, String, String, i64);

/// All that a store says of its jobs.
pub(super) struct History {
    rows: Vec<Row>,
    /// How many attempts ended with each reason.
    ends: BTreeMap<String, i64>,
    /// The job and the number of each attempt, by rising fence.
    claims: Vec<(i64, i64)>,
    /// In their order.
    changes: Vec<Change>,
}

const JOBS: &str = "SELECT kind, state, reason, attempt FROM jobs ORDER BY accept_no";
const ENDS: &str = "SELECT coalesce(reason, 'OPEN'), count(*) FROM attempts GROUP BY 1";
const CLAIMS: &str = "SELECT job, number FROM attempts ORDER BY fence";
const CHANGES: &str = "SELECT e.job, j.queue, e.change, e.state, coalesce(e.attempt, 0)
                       FROM job_events e JOIN jobs j ON j.accept_no = e.job ORDER BY e.no";

impl History {
    /// That of a data folder.
    pub(super) fn of_sqlite(store: &Connection) -> Self {
        let check: String = store.query_row("PRAGMA quick_check", [], |row| row.get(0)).unwrap();
        assert_eq!(check, "ok", "the database");
        let ids = "SELECT lower(hex(id)) FROM jobs ORDER BY accept_no";
        let ids: Vec<String> = all(store, ids, |row| row.get(0));
        let ids = ids
            .iter()
            .map(|id| [&id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..]].join("-"));
        let rows = all(store, JOBS, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)));
        let rows = ids.zip(rows).map(|(id, (kind, state, reason, attempt))| Row {
            id,
            kind,
            state,
            reason,
            attempt,
        });
        Self {
            rows: rows.collect(),
            ends: all(store, ENDS, |row| Ok((row.get(0)?, row.get(1)?))).into_iter().collect(),
            claims: all(store, CLAIMS, |row| Ok((row.get(0)?, row.get(1)?))),
            changes: all(store, CHANGES, |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
            }),
        }
    }

    /// That of a schema.
    pub(super) async fn of_postgres(store: &Client) -> Self {
        let ask = async |sql: &str| store.query(sql, &[]).await.unwrap();
        let ids = ask("SELECT id::text FROM jobs ORDER BY accept_no").await;
        let rows = ask(JOBS).await;
        let rows = ids.iter().zip(&rows).map(|(id, row)| Row {
            id: id.get(0),
            kind: row.get(0),
            state: row.get(1),
            reason: row.get(2),
            attempt: row.get(3),
        });
        let change = |row: &tokio_postgres::Row| {
            (row.get(0), row.get(1), row.get(2), row.get(3), row.get(4))
        };
        Self {
            rows: rows.collect(),
            ends: ask(ENDS).await.iter().map(|row| (row.get(0), row.get(1))).collect(),
            claims: ask(CLAIMS).await.iter().map(|row| (row.get(0), row.get(1))).collect(),
            changes: ask(CHANGES).await.iter().map(change).collect(),
        }
    }
}

fn all<T>(
    store: &Connection,
    sql: &str,
    of: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
) -> Vec<T> {
    store.prepare(sql).unwrap().query_map([], of).unwrap().map(Result::unwrap).collect()
}

/// Judges a whole history in which every job has ended; panics at what must not be.
pub(super) fn judge(history: History, ledger: &Path) -> Figures {
    claims_follow_acceptance(&history);
    let mut figures = Figures { attempts: history.ends.values().sum(), ..Figures::default() };
    for row in &history.rows {
        let text = fs::read_to_string(ledger.join(&row.id)).unwrap_or_default();
        judge_job(row, &text);
        figures.jobs += 1;
        figures.starts += starts(&text);
    }
    Figures { ends: history.ends, ..figures }
}

fn judge_job(row: &Row, text: &str) {
    let Row { id, kind, state, reason, attempt } = row;
    let story = format!("{kind} {id} is {state} ({reason:?}):\n{text}");
    // P3, P4: the kernel's word.
    assert!(!text.contains("overlap"), "two attempts at once: {story}");
    assert!(!text.contains("crowded"), "more than the slots: {story}");
    let lost = (state.as_str(), reason.as_deref()) == ("FAILED", Some("LOST"));
    match kind.as_str() {
        "once" => {
            assert!(starts(text) <= 1, "run twice: {story}");
            assert!(state == "SUCCEEDED" || lost, "{story}");
        }
        "slow" | "stubborn" => assert_eq!(state, "CANCELED", "{story}"),
        _ => assert_eq!(state, "SUCCEEDED", "{story}"),
    }
    if state == "SUCCEEDED" {
        // P9: whoever succeeded came to its end.
        let end = format!("end {attempt} ");
        assert!(text.lines().any(|line| line.starts_with(&end)), "no end: {story}");
    }
}

fn starts(text: &str) -> usize {
    text.lines().filter(|line| line.starts_with("start ")).count()
}

/// P2: the claims, by rising fence, each took the job that was accepted first of those that could
/// run. What waits out a backoff comes into line at an instant that no event tells, so it counts as
/// waiting only until it failed and never again: one way less to be overtaken, none to be accused.
fn claims_follow_acceptance(history: &History) {
    let mut waiting: HashMap<&str, BTreeSet<i64>> = HashMap::new();
    let mut claims = Vec::new();
    for &(job, ref queue, ref change, ref state, attempt) in &history.changes {
        let line = waiting.entry(queue).or_default();
        line.remove(&job);
        match (change.as_str(), state.as_str()) {
            ("QUEUED", "QUEUED") => {
                line.insert(job);
            }
            ("UPDATED", "QUEUED") => {
                let overtaken: Vec<_> = line.range(..job).collect();
                assert!(overtaken.is_empty(), "job {job} was claimed before {overtaken:?}");
                claims.push((job, attempt));
            }
            _ => {}
        }
    }
    assert_eq!(claims, history.claims, "claims by their events, and by their fences");
}
