//! A database that goes away: what was in doubt is found out, and whatever nobody can know ends the store.

use std::sync::Arc;

use longhaul::domain::token::{Maker, Token, TokenId};
use longhaul::store::postgres::{Options, PostgresStore};
use longhaul::store::{CommitSink, Health, StartError, Store, StoreError, TokenError};

use super::bed::{Backend, Bed, at, job, within, worker};
use crate::support::postgres::{client, cluster, through};
use crate::support::proxy::{Proxy, Side, Way};

struct Url(String);

impl Backend for Url {
    fn open(&self, on_commit: CommitSink) -> Arc<dyn Store> {
        Arc::new(PostgresStore::open(Options::new(&self.0, on_commit)).unwrap())
    }
}

/// A store behind a network, the network, and the address without it.
pub(super) async fn behind() -> (Bed, Proxy, String) {
    let direct = cluster().schema().await;
    let proxy = Proxy::before(cluster().port()).await;
    let url = through(&format!("127.0.0.1:{}", proxy.port()), &direct);
    let bed = tokio::task::spawn_blocking(move || Bed::new(Url(url))).await.unwrap();
    (bed.declared().await, proxy, direct)
}

fn at_commit(server: Side) -> Way {
    Way::Cut { at: "COMMIT", server }
}

async fn is(bed: &Bed, wanted: impl Fn(&Health) -> bool) {
    let mut health = bed.store.health();
    within(health.wait_for(|health| wanted(health))).await.unwrap();
}

/// A server that was frozen, or could not be heard, in the middle of a transaction finds its session ended: nothing of
/// that was stored, which is no fault of what was asked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_was_ended_in_a_transaction_is_made_again() {
    let (bed, proxy, _) = behind().await;
    // The arguments of the job.
    proxy.go(Way::Deafen { at: "{\"z\":1" });
    let refused = bed.try_start(job()).await.unwrap_err();
    let is_for_now = matches!(refused, StartError::Store(StoreError::Unavailable(_)));
    assert!(is_for_now, "{refused:?}");
    // Who asks at once waits for another session; where that takes long, it is told, and may ask when there is one.
    if bed.try_start(job()).await.is_err() {
        is(&bed, |health| *health == Health::Serving).await;
        bed.start_one().await;
    }
}

/// P1, P6: the connection is lost at a COMMIT. What was committed is answered and told once; what was not is
/// refused, and nothing of it is stored. Neither costs more than the wait for another connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_became_of_a_commit_is_found_out() {
    let (bed, proxy, _) = behind().await;
    let mut stored = vec![bed.start_one().await.id];
    proxy.go(at_commit(Side::DoesIt));
    stored.push(bed.start_one().await.id);
    proxy.go(at_commit(Side::HearsNothing));
    let refused = bed.try_start(job()).await;
    assert!(matches!(refused, Err(StartError::Store(StoreError::Unavailable(_)))), "{refused:?}");
    stored.push(bed.start_one().await.id);
    let waiting = bed.store.waiting().await.unwrap();
    assert_eq!(waiting.iter().map(|waiting| waiting.job).collect::<Vec<_>>(), stored);
    assert_eq!(bed.record.events(), bed.stored_events().await);

    // A token has no event, and a worker that was seen tells nobody anything.
    let token = Token {
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
    proxy.go(at_commit(Side::HearsNothing));
    let refused = bed.store.create_token(token.clone(), Maker::Owner, 9).await;
    let unavailable = matches!(refused, Err(TokenError::Store(StoreError::Unavailable(_))));
    assert!(unavailable, "{refused:?}");
    proxy.go(at_commit(Side::DoesIt));
    bed.store.create_token(token.clone(), Maker::Owner, 9).await.unwrap();
    assert_eq!(bed.record.commits().last().unwrap().tokens, [token]);
    proxy.go(at_commit(Side::DoesIt));
    let seen = bed.store.see_worker(worker("here")).await;
    assert!(matches!(seen, Err(StoreError::OutcomeUnknown(_))), "{seen:?}");
    bed.start_one().await;
    assert_eq!(*bed.store.health().borrow(), Health::Serving);
}

/// The server does not know that the connection is gone, and keeps what it holds: its lock too. That is no
/// other server.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_of_its_own_that_is_not_gone_yet_keeps_nobody_out() {
    let (bed, proxy, _) = behind().await;
    let before = bed.start_one().await.id;
    proxy.go(at_commit(Side::WaitsForMore));
    let refused = bed.try_start(job()).await;
    assert!(matches!(refused, Err(StartError::Store(StoreError::Unavailable(_)))), "{refused:?}");
    let after = bed.start_one().await.id;
    let waiting = bed.store.waiting().await.unwrap();
    assert_eq!(waiting.iter().map(|w| w.job).collect::<Vec<_>>(), [before, after]);
}

/// P13: whoever had the database meanwhile may have changed anything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_another_server_took_is_left_to_it() {
    let (bed, proxy, direct) = behind().await;
    proxy.go(Way::CutForGood { at: "BEGIN" });
    let refused = bed.try_start(job()).await;
    assert!(matches!(refused, Err(StartError::Store(StoreError::Unavailable(_)))), "{refused:?}");
    assert!(matches!(*bed.store.health().borrow(), Health::Refusing(_)));
    let other = tokio::task::spawn_blocking(move || Bed::new(Url(direct))).await.unwrap();
    proxy.go(Way::Open);
    is(&bed, |health| matches!(health, Health::Broken(_))).await;
    let refused = bed.try_start(job()).await;
    assert!(refused.is_err(), "{refused:?}");
    other.start_one().await;
}

/// P1, P13: a copy that lags, made the primary, is not written as if it knew all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_lost_what_it_had_acknowledged_ends_the_store() {
    let (bed, proxy, direct) = behind().await;
    bed.start_one().await;
    bed.start_one().await;
    proxy.go(Way::CutForGood { at: "BEGIN" });
    assert!(bed.try_start(job()).await.is_err());
    let person = client(&direct).await;
    person.batch_execute("SELECT setval('event_numbers', 1)").await.unwrap();
    proxy.go(Way::Open);
    is(&bed, |health| matches!(health, Health::Broken(why) if why.contains("has lost"))).await;
}

/// P1, P13: the same where another server has written since, so that no number is missing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_in_the_place_of_one_that_was_acknowledged_ends_the_store() {
    let (bed, proxy, direct) = behind().await;
    bed.start_one().await;
    let lost = bed.start_one().await;
    proxy.go(Way::CutForGood { at: "BEGIN" });
    assert!(bed.try_start(job()).await.is_err());
    let person = client(&direct).await;
    let id = uuid::Uuid::from_u128(7);
    let sql = "UPDATE jobs SET id = $1 WHERE accept_no = $2";
    assert_eq!(person.execute(sql, &[&id, &lost.accepted.0]).await.unwrap(), 1);
    proxy.go(Way::Open);
    is(&bed, |health| matches!(health, Health::Broken(why) if why.contains("is another one")))
        .await;
}

/// A database that came back as something else: nothing is made there, and nothing written.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_another_one_by_now_is_not_written() {
    let (bed, proxy, direct) = behind().await;
    let kept = bed.start_one().await.id;
    proxy.go(Way::CutForGood { at: "BEGIN" });
    assert!(bed.try_start(job()).await.is_err());
    let schema = direct.rsplit_once("%3D").unwrap().1;
    let admin = cluster().admin().await;
    let rename = |from: &str, to: &str| format!("ALTER SCHEMA {from} RENAME TO {to}");
    let aside = format!("{schema}_aside");
    let empty = format!("{}; CREATE SCHEMA {schema}", rename(schema, &aside));
    admin.batch_execute(&empty).await.unwrap();
    // It looks, and looks again: the first time it did not take this for its own.
    for _ in 0..2 {
        proxy.go(Way::Watch { at: "relname" });
        within(proxy.has_come()).await;
    }
    assert!(bed.try_start(job()).await.is_err());
    let tables = "SELECT count(*) FROM pg_class WHERE relnamespace = $1::text::regnamespace";
    let row = admin.query_one(tables, &[&schema]).await.unwrap();
    assert_eq!(row.get::<_, i64>(0), 0);
    let back = format!("DROP SCHEMA {schema}; {}", rename(&aside, schema));
    admin.batch_execute(&back).await.unwrap();
    is(&bed, |health| *health == Health::Serving).await;
    assert_eq!(bed.store.waiting().await.unwrap()[0].job, kept);
}
