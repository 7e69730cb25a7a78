//! PostgreSQL behind a pooler in transaction mode: the contract holds there, and nothing is left on connections
//! that others are lent.

use std::sync::Arc;

use longhaul::store::filter::JobFilter;
use longhaul::store::postgres::{OpenError, Options, PostgresStore};
use longhaul::store::query::{JobOrder, JobsQuery, Page};
use longhaul::store::{CommitSink, Store};

use super::bed::{Backend, Bed};
use crate::support::pgbouncer::{Pooler, pooler};
use crate::support::postgres::{Cluster, client, cluster};

/// A schema of the run's cluster, past the pooler, and the pooler.
struct Pooled {
    url: String,
    direct: String,
}

impl Backend for Pooled {
    fn open(&self, on_commit: CommitSink) -> Arc<dyn Store> {
        let options = Options::new(&self.url, on_commit);
        let options = Options { direct: Some(self.direct.clone()), ..options };
        Arc::new(PostgresStore::open(options).unwrap())
    }
}

/// An empty schema.
pub(crate) async fn open() -> Bed {
    let direct = cluster().schema().await;
    Bed::new(Pooled { url: pooler().address("postgres"), direct })
}

fn refusal(url: &str, direct: Option<&str>) -> OpenError {
    let options = Options::new(url, Arc::new(|_| {}));
    let options = Options { direct: direct.map(str::to_owned), ..options };
    PostgresStore::open(options).err().expect("it was opened")
}

/// A pooler of a test's own, with so many connections.
async fn own(size: u32) -> (Cluster, Pooler) {
    let cluster = tokio::task::spawn_blocking(Cluster::own).await.unwrap();
    let pooler = Pooler::before(&cluster, size);
    (cluster, pooler)
}

/// Whoever is lent a connection next finds it as it was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left_on_connections_that_others_are_lent() {
    let (cluster, pooler) = own(1).await;
    let url = pooler.address("postgres");
    // Refused before it was told anything.
    let refused = refusal(&url, None);
    assert!(matches!(refused, OpenError::Pooled(_)), "{refused}");
    let bed =
        Bed::new(Pooled { url: url.clone(), direct: cluster.schema().await }).declared().await;
    let id = bed.start_one().await.id;
    for order in [JobOrder::Newest, JobOrder::QueueOrder] {
        let page = Page::First(9, None);
        let query = JobsQuery {
            filter: JobFilter::default(),
            order,
            page,
            count_up_to: Some(9),
            examine: 99,
        };
        assert_eq!(bed.store.jobs(query).await.unwrap().jobs[0].id, id);
    }
    bed.store.job(id).await.unwrap().unwrap();
    let other = client(&url).await;
    let left = "SELECT name || ' = ' || setting FROM pg_settings WHERE source = 'session'
                    AND name NOT IN ('application_name', 'client_encoding', 'DateStyle', 'TimeZone',
                                     'standard_conforming_strings')
                UNION ALL SELECT statement FROM pg_prepared_statements WHERE name <> ''
                UNION ALL SELECT 'a lock' FROM pg_locks
                WHERE locktype = 'advisory' AND pid = pg_backend_pid()";
    let left = other.simple_query(left).await.unwrap();
    let rows = left.iter().filter_map(|message| {
        let tokio_postgres::SimpleQueryMessage::Row(row) = message else { return None };
        row.get(0).map(str::to_owned)
    });
    assert_eq!(rows.collect::<Vec<_>>(), Vec::<String>::new());
}

/// One database by both ways, and a session by the one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_ways_must_lead_to_one_database() {
    let (cluster, pooler) = own(2).await;
    cluster.admin().await.batch_execute("CREATE DATABASE other").await.unwrap();
    let (url, direct) = (pooler.address("postgres"), cluster.schema().await);
    let elsewhere = cluster.by_tcp("longhaul", "other");
    let copy = crate::support::postgres::cluster().schema().await;
    for direct in [elsewhere, copy] {
        let refused = refusal(&url, Some(&direct));
        assert!(matches!(refused, OpenError::Elsewhere { .. }), "{refused}");
        let sql = "SELECT count(*) FROM pg_class WHERE relname = 'longhaul_schema'
                       AND relnamespace = current_schema()::regnamespace";
        let made: i64 = client(&direct).await.query_one(sql, &[]).await.unwrap().get(0);
        assert_eq!(made, 0, "nothing was changed");
    }
    let refused = refusal(&url, Some(&url));
    assert!(matches!(refused, OpenError::DirectPooled(_)), "{refused}");
    let with_schema = format!("{url}?options=-csearch_path%3Dpublic");
    let refused = refusal(&with_schema, Some(&direct));
    assert!(matches!(refused, OpenError::Options(_)), "{refused}");
    // The way past it does as both.
    drop(Bed::new(Pooled { url: direct.clone(), direct }));
}
