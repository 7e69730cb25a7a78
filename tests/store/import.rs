//! What an SQLite file holds, taken over into a PostgreSQL: everything, or nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use longhaul::domain::event::JobChange;
use longhaul::domain::id::{AcceptNo, EventNo};
use longhaul::domain::job::NewJob;
use longhaul::domain::log::StoredLog;
use longhaul::domain::state::EndReason;
use longhaul::domain::token::{Maker, Token, TokenId};
use longhaul::store::filter::JobFilter;
use longhaul::store::keep::{Prune, Settled};
use longhaul::store::postgres::import::{ImportError, aside, import};
use longhaul::store::postgres::{Options, PostgresStore};
use longhaul::store::query::{JobOrder, JobsQuery, Page};
use longhaul::store::sqlite::SqliteStore;
use longhaul::store::{CommitSink, Pause, QueueChange, Store, sqlite};
use tempfile::TempDir;

use super::bed::{Backend, Bed, at, done, exit, job, key, labels, queue, unrecorded, worker};
use crate::support::postgres::{client, cluster};

/// A file, or a schema.
enum Place {
    File(PathBuf),
    Schema(String),
}

impl Backend for Place {
    fn open(&self, on_commit: CommitSink) -> Arc<dyn Store> {
        match self {
            Self::File(path) => {
                let options = sqlite::Options::new(path, on_commit);
                Arc::new(SqliteStore::open(options).unwrap())
            }
            Self::Schema(url) => {
                Arc::new(PostgresStore::open(Options::new(url, on_commit)).unwrap())
            }
        }
    }
}

fn file(folder: &TempDir) -> PathBuf {
    folder.path().join("longhaul.db")
}

async fn filled(path: &Path) -> Bed {
    let bed = Bed::new(Place::File(path.to_owned())).declared().await;
    bed.store.see_worker(worker("here")).await.unwrap();
    bed
}

/// One of everything that can be at rest.
async fn everything(bed: &Bed) {
    let store = &bed.store;
    let said = |text: &str| vec![StoredLog { attempt: 1, frames: text.as_bytes().into() }];
    let ended = async |new, end| {
        let claim = bed.running(new).await;
        done(bed.finish(&claim, end).await);
        claim.job.id
    };
    let settle = async |job, logs| {
        store.settle(vec![Settled { job, log_bytes: 3, logs }]).await.unwrap();
    };
    let mut good = exit(EndReason::Ok, 0);
    good.result = Some("{\"z\":1,\"a\":\"\\u0000\"}".to_owned());
    let labelled = NewJob { labels: labels(&[("a", "b"), ("c", "\u{1}\0")]), ..job() };
    let succeeded = ended(labelled, good).await;
    settle(succeeded, Some(said("a\0b"))).await;
    let mut bad = exit(EndReason::ExitCode, 3);
    "a NUL \0 and a \u{1}".clone_into(&mut bad.text);
    let failed = ended(NewJob { idempotency: Some(key("k\0", 7)), ..job() }, bad).await;
    settle(failed, None).await;
    ended(job(), unrecorded(EndReason::Timeout)).await;
    let retried = NewJob { max_attempts: 3, retry_of: Some(failed), ..job() };
    let retried = ended(retried, exit(EndReason::ExitCode, 1)).await;
    assert!(bed.job(retried).await.delayed.is_some());
    let canceled = bed.start_one().await.id;
    bed.cancel(canceled).await.unwrap();
    for _ in 0..2 {
        let gone = ended(job(), exit(EndReason::Ok, 0)).await;
        settle(gone, Some(Vec::new())).await;
        let within = Duration::from_secs(9);
        let prune = Prune { jobs: vec![gone], keys_before: at(0), at: at(5), within };
        assert_eq!(store.prune(prune).await.unwrap().removed, 1);
    }
    bed.start(NewJob { not_before: Some(at(90_000)), timeout: Some(Duration::MAX), ..job() }).await;
    bed.start_one().await;
    let pause = Pause { at: at(7), note: Some("why \0".to_owned()), by: None };
    store.change_queue(queue("other"), QueueChange::Pause(pause)).await.unwrap();
    store.change_queue(queue("default"), QueueChange::Slots(9)).await.unwrap();
    let admin = Token {
        id: TokenId::new([1; 8]),
        name: "root".parse().unwrap(),
        scopes: vec!["admin".parse().unwrap()],
        hash: [9; 32],
        created_at: at(1),
        created_by: None,
        parent: None,
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
    };
    let share = Token {
        id: TokenId::new([2; 8]),
        parent: Some(admin.id),
        expires_at: Some(at(9)),
        ..admin.clone()
    };
    for token in [admin, share] {
        store.create_token(token, Maker::Owner, 9).await.unwrap();
    }
}

/// All that a store answers.
async fn answers(bed: &Bed) -> Vec<String> {
    let store = &bed.store;
    let mut told = Vec::new();
    macro_rules! tell {
        ($($answer:expr),* $(,)?) => { $(told.push(format!("{:#?}", $answer));)* };
    }
    for order in [JobOrder::Oldest, JobOrder::QueueOrder, JobOrder::RecentlyEnded] {
        let filter = JobFilter::default();
        let page = Page::First(99, None);
        let query = JobsQuery { filter, order, page, count_up_to: Some(99), examine: 999 };
        let page = store.jobs(query).await.unwrap();
        for job in &page.jobs {
            let id = job.id;
            tell!(store.args(id).await.unwrap(), store.result(id).await.unwrap());
            tell!(store.attempts(id, 99, 99).await.unwrap());
            tell!(store.job_events(id, EventNo(0), 99).await.unwrap());
            tell!(store.stored_logs(id).await.unwrap());
        }
        tell!(page);
    }
    let events = store.events_after(EventNo(0), 999).await.unwrap();
    let removals = events.events.iter().filter(|(event, _)| event.change == JobChange::Removed);
    assert_eq!(removals.count(), 2);
    tell!(events, store.last_event().await.unwrap(), store.queues().await.unwrap());
    tell!(store.workers(at(0), 9).await.unwrap(), store.tokens_and_shares().await.unwrap());
    tell!(store.kept().await.unwrap(), store.ended(None, 99).await.unwrap());
    tell!(store.unsettled(AcceptNo::default(), 99).await.unwrap());
    tell!(store.doomed_folders(99).await.unwrap(), store.waiting().await.unwrap());
    tell!(store.job_by_key(None, "k\0").await.unwrap());
    told
}

/// P1: the same answers from both, and numbers that go on: no job, claim, event, worker or token gets one
/// that was used.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_took_over_answers_as_the_file_did() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder);
    let bed = filled(&path).await;
    everything(&bed).await;
    let before = answers(&bed).await;
    drop(bed);
    let url = cluster().schema().await;
    let done = import(&path, (&url, None), "").await.unwrap();
    assert_eq!(done.file.as_deref(), Ok(&*aside(&path)));
    assert!(!path.exists() && !done.before);
    assert_eq!((done.rows[0], done.waiting), (("jobs", 7), 3));

    let bed = Bed::new(Place::Schema(url));
    assert_eq!(answers(&bed).await, before);
    let (last, waiting) =
        (bed.store.last_event().await.unwrap(), bed.store.waiting().await.unwrap());
    let next = bed.start_one().await;
    assert_eq!(next.accepted.0, waiting.iter().map(|w| w.accepted.0).max().unwrap() + 1);
    assert_eq!(bed.record.events()[0].no.0, last.0 + 1);
    let fence = bed.claim_one().await.fence.0;
    assert_eq!(fence, 7, "two of the claims are of jobs that are gone");
    bed.store.see_worker(worker("next")).await.unwrap();
    assert_eq!(bed.store.workers(at(0), 9).await.unwrap().len(), 2);
}

/// What a schema holds, by name.
async fn relations(url: &str) -> Vec<String> {
    let sql = "SELECT relname::text FROM pg_class
               WHERE relnamespace = current_schema()::regnamespace ORDER BY relname";
    client(url).await.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

/// All or nothing: a row that is refused leaves no table behind, and the file where it was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_taken_as_a_whole_is_not_taken_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder);
    let bed = filled(&path).await;
    everything(&bed).await;
    drop(bed);
    let vandal = rusqlite::Connection::open(&path).unwrap();
    // Of the last table, so that all others are there by then.
    let sql = "INSERT INTO feed_gap (id, no) VALUES (1, 1);
               PRAGMA ignore_check_constraints = ON;
               UPDATE feed_gap SET id = 2";
    vandal.execute_batch(sql).unwrap();
    drop(vandal);
    let before = answers(&Bed::new(Place::File(path.clone()))).await;
    let url = cluster().schema().await;
    let refused = import(&path, (&url, None), "").await.unwrap_err();
    assert!(matches!(&refused, ImportError::Refused { table: "feed_gap", .. }), "{refused}");
    assert_eq!(relations(&url).await, Vec::<String>::new());
    assert!(path.exists() && !aside(&path).exists());
    assert_eq!(answers(&Bed::new(Place::File(path))).await, before);
}

/// P4: what runs is not moved, and neither is anything into a database that is used.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_runs_and_a_database_that_is_used_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder);
    let bed = filled(&path).await;
    let claim = bed.running(job()).await;
    drop(bed);
    let url = cluster().schema().await;
    let refused = import(&path, (&url, None), "").await.unwrap_err();
    assert!(matches!(refused, ImportError::Running(1)), "{refused}");
    let bed = Bed::new(Place::File(path.clone()));
    done(bed.finish(&claim, exit(EndReason::Ok, 0)).await);
    drop(bed);

    // Of a server that works there, and of one that did.
    let used = cluster().schema().await;
    let other = Bed::new(Place::Schema(used.clone())).declared().await;
    let refused = import(&path, (&used, None), "").await.unwrap_err();
    assert!(refused.to_string().starts_with("another Longhaul server works"), "{refused}");
    drop(other);
    let refused = import(&path, (&used, None), "").await.unwrap_err();
    assert!(
        refused.to_string().ends_with("holds something of Longhaul already: queues"),
        "{refused}"
    );
    assert!(path.exists());

    // Whoever does it twice, since the first time nobody heard of the end, has done it once.
    let copy = folder.path().join("copy");
    std::fs::copy(&path, &copy).unwrap();
    let first = import(&path, (&url, None), "").await.unwrap();
    let second = import(&copy, (&url, None), "").await.unwrap();
    assert_eq!((first.before, second.before), (false, true));
    assert_eq!(first.rows, second.rows);
    assert!(second.file.is_ok());
    // No longer once somebody worked there.
    let bed = Bed::new(Place::Schema(url.clone()));
    bed.store.see_worker(worker("next")).await.unwrap();
    drop(bed);
    std::fs::rename(second.file.unwrap(), &copy).unwrap();
    assert!(matches!(import(&copy, (&url, None), "").await, Err(ImportError::NotEmpty { .. })));
    assert!(copy.exists());
}
