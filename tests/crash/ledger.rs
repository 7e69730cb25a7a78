//! What truly ran, as the jobs wrote it down, against what the store says of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::Path;

use rusqlite::Connection;

/// The figures of a history that was found in order.
#[derive(Debug, Default)]
pub(super) struct Figures {
    pub(super) jobs: usize,
    pub(super) attempts: u32,
    /// Attempts whose command began.
    pub(super) starts: usize,
    /// How many attempts ended with each reason.
    pub(super) ends: BTreeMap<String, u32>,
}

/// A job as the store has it.
struct Row {
    id: String,
    kind: String,
    state: String,
    reason: Option<String>,
    attempt: u32,
}

/// Judges a whole history in which every job has ended; panics at what must not be.
pub(super) fn judge(store: &Connection, ledger: &Path) -> Figures {
    let check: String = store.query_row("PRAGMA quick_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok", "the database");
    let mut figures = Figures { ends: ends(store), ..Figures::default() };
    figures.attempts = figures.ends.values().sum();
    for row in rows(store) {
        let text = fs::read_to_string(ledger.join(&row.id)).unwrap_or_default();
        judge_job(&row, &text);
        figures.jobs += 1;
        figures.starts += starts(&text);
    }
    claims_follow_acceptance(store);
    figures
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

fn rows(store: &Connection) -> Vec<Row> {
    let sql = "SELECT lower(hex(id)), kind, state, reason, attempt FROM jobs";
    let mut select = store.prepare(sql).unwrap();
    let rows = select.query_map([], |row| {
        let id: String = row.get(0)?;
        let id = [&id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..]].join("-");
        let (kind, state, reason) = (row.get(1)?, row.get(2)?, row.get(3)?);
        Ok(Row { id, kind, state, reason, attempt: row.get(4)? })
    });
    rows.unwrap().map(Result::unwrap).collect()
}

fn ends(store: &Connection) -> BTreeMap<String, u32> {
    let sql = "SELECT coalesce(reason, 'OPEN'), count(*) FROM attempts GROUP BY 1";
    let mut select = store.prepare(sql).unwrap();
    let ends = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    ends.map(Result::unwrap).collect()
}

/// P2: the claims, by rising fence, each took the job that was accepted first of those that could
/// run. What waits out a backoff comes into line at an instant that no event tells, so it counts as
/// waiting only until it failed and never again: one way less to be overtaken, none to be accused.
fn claims_follow_acceptance(store: &Connection) {
    let fences = pairs(store, "SELECT job, number FROM attempts ORDER BY fence");
    let sql = "SELECT e.job, j.queue, e.change, e.state, coalesce(e.attempt, 0)
               FROM job_events e JOIN jobs j ON j.accept_no = e.job ORDER BY e.no";
    let mut select = store.prepare(sql).unwrap();
    let mut events = select.query([]).unwrap();
    let mut waiting: HashMap<String, BTreeSet<i64>> = HashMap::new();
    let mut claims = Vec::new();
    while let Some(row) = events.next().unwrap() {
        let (job, queue): (i64, String) = (row.get(0).unwrap(), row.get(1).unwrap());
        let (change, state): (String, String) = (row.get(2).unwrap(), row.get(3).unwrap());
        let line = waiting.entry(queue).or_default();
        line.remove(&job);
        match (change.as_str(), state.as_str()) {
            ("QUEUED", "QUEUED") => {
                line.insert(job);
            }
            ("UPDATED", "QUEUED") => {
                let overtaken: Vec<_> = line.range(..job).collect();
                assert!(overtaken.is_empty(), "job {job} was claimed before {overtaken:?}");
                claims.push((job, row.get(4).unwrap()));
            }
            _ => {}
        }
    }
    assert_eq!(claims, fences, "claims by their events, and by their fences");
}

fn pairs(store: &Connection, sql: &str) -> Vec<(i64, i64)> {
    let mut select = store.prepare(sql).unwrap();
    let pairs = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    pairs.map(Result::unwrap).collect()
}
