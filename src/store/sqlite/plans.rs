//! The query plans of whatever runs beside a million ended jobs (contract 8): each is a search of
//! a named index, none scans a table, none sorts rows that it has not limited first.

use rusqlite::Connection;
use tempfile::TempDir;

use super::ends::ENDS;
use super::keep::{ENDED, KEPT, STORED_LOGS, UNSETTLED};
use super::list::SEEKS;
use super::write::{CLAIM, DELETE_ALL_OF_IT, INSERT_JOB, OLD_REMOVAL, PROMOTE, UPDATE_JOB};
use super::{open, read};
use crate::domain::label::Label;
use crate::domain::state::{EndReason, JobState};
use crate::store::listing::{Range, Way};

fn database() -> (TempDir, Connection) {
    let folder = tempfile::tempdir().unwrap();
    let conn = open::writer(&folder.path().join("longhaul.db")).unwrap();
    (folder, conn)
}

/// The steps of the query's plan; shown by `--nocapture`.
#[expect(clippy::print_stderr, reason = "the plans are for whoever reads the run")]
fn plan(conn: &Connection, sql: &str) -> Vec<String> {
    let steps = explained(conn, &format!("EXPLAIN QUERY PLAN {sql}"), 3);
    eprintln!("{}\n    {}", sql.split_whitespace().collect::<Vec<_>>().join(" "), steps.join("; "));
    steps
}

/// One column of an explanation, whose query may have parameters.
fn explained(conn: &Connection, sql: &str, column: usize) -> Vec<String> {
    let mut explain = conn.prepare(sql).unwrap();
    for at in 1..=explain.parameter_count() {
        explain.raw_bind_parameter(at, "0").unwrap();
    }
    let mut rows = explain.raw_query();
    let mut cells = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        cells.push(row.get(column).unwrap());
    }
    cells
}

fn assert_flat(conn: &Connection, sql: &str) {
    let plan = plan(conn, sql);
    assert!(!plan.is_empty(), "{sql}");
    for step in &plan {
        let scans = step.starts_with("SCAN jobs") || step.starts_with("SCAN job_");
        assert!(!scans && !step.contains("TEMP B-TREE"), "{sql}\n{plan:#?}");
    }
}

#[test]
fn a_page_is_a_piece_of_an_index() {
    let (_folder, conn) = database();
    let (kind, queue) = ("k".parse().unwrap(), || "q".parse().unwrap());
    let label = Label { key: "k".to_owned(), value: "v".to_owned() };
    let state = JobState::Succeeded;
    let ranges = [
        (Range::All, "PRIMARY KEY (rowid"),
        (Range::State(state), "jobs_by_state (state=? AND rowid"),
        (Range::QueueState(queue(), state), "jobs_by_queue (queue=? AND state=? AND rowid"),
        (
            Range::KindQueueState(kind, queue(), state),
            "jobs_by_kind (kind=? AND queue=? AND state=? AND rowid",
        ),
        (Range::Label(label), "PRIMARY KEY (key=? AND value=? AND job"),
        (Range::Reason(EndReason::Timeout), "jobs_by_reason (reason=? AND rowid"),
        (Range::Line(queue()), "COVERING INDEX jobs_line (queue=? AND accept_no"),
        (Range::Delayed, "COVERING INDEX jobs_delayed (delayed_until"),
        (
            Range::Ended(queue(), state),
            "COVERING INDEX jobs_by_end (queue=? AND state=? AND ended_at",
        ),
    ];
    for (range, index) in ranges {
        for way in [Way::Up, Way::Down] {
            let sql = range.sql(way);
            assert_flat(&conn, &sql);
            let plan = plan(&conn, &sql);
            assert!(plan[0].starts_with("SEARCH") && plan[0].contains(index), "{plan:#?}");
        }
    }
    for sql in SEEKS {
        assert_flat(&conn, sql);
    }
    assert_flat(&conn, ENDS);
    let index = "COVERING INDEX jobs_by_end (queue=? AND state=? AND ended_at>?)";
    assert!(plan(&conn, ENDS)[0].contains(index));
}

#[test]
fn no_write_of_a_row_builds_a_table_in_memory() {
    let (_folder, conn) = database();
    for sql in [INSERT_JOB, UPDATE_JOB] {
        let steps = explained(&conn, &format!("EXPLAIN {sql}"), 1);
        assert!(!steps.is_empty() && !steps.contains(&"OpenEphemeral".to_owned()), "{sql}");
    }
}

#[test]
fn claims_counts_and_recovery_pass_over_no_ended_job() {
    let (_folder, conn) = database();
    assert_flat(&conn, PROMOTE);
    assert_flat(&conn, read::WAITING);
    let claim = plan(&conn, CLAIM);
    let line = "SEARCH jobs USING COVERING INDEX jobs_line (queue=?)";
    assert!(claim.iter().any(|step| step == line), "{claim:#?}");
    let by_key = "SEARCH jobs USING INTEGER PRIMARY KEY (rowid=?)";
    assert!(claim.iter().any(|step| step == by_key), "{claim:#?}");
    // Partial indexes: they hold what they count, and no ended job.
    let counts = plan(&conn, read::QUEUE_COUNTS);
    for index in ["COVERING INDEX jobs_line", "COVERING INDEX jobs_delayed", "INDEX jobs_open"] {
        assert!(counts.iter().any(|step| step.contains(index)), "{counts:#?}");
    }
}

#[test]
fn what_prunes_reads_no_more_than_it_removes() {
    let (_folder, conn) = database();
    for sql in [ENDED, UNSETTLED, STORED_LOGS] {
        assert_flat(&conn, sql);
    }
    for sql in DELETE_ALL_OF_IT {
        let steps = plan(&conn, sql);
        assert!(steps.iter().all(|step| step.starts_with("SEARCH")), "{steps:#?}");
    }
    let numbers = ["SCAN removed_jobs USING COVERING INDEX removed_jobs_numbers"];
    assert_eq!(plan(&conn, OLD_REMOVAL), numbers);
    // All of it, and nothing else.
    assert_eq!(plan(&conn, KEPT), ["SEARCH jobs USING COVERING INDEX jobs_ended (ended_at>?)"]);
}
