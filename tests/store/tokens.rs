//! Tokens, and what bears a caller's name.

use longhaul::domain::attempt::CancelMode;
use longhaul::domain::job::NewJob;
use longhaul::domain::names::CallerName;
use longhaul::domain::state::JobState;
use longhaul::domain::token::{Maker, Token, TokenId};
use longhaul::store::filter::JobFilter;
use longhaul::store::query::{JobOrder, JobsQuery, Page};
use longhaul::store::{Cancel, Pause, QueueChange, TokenError};

use super::bed::{Bed, at, job, key, queue};

const MANY: u64 = 100;

fn name(text: &str) -> CallerName {
    text.parse().unwrap()
}

fn token(number: u8, scopes: &[&str]) -> Token {
    Token {
        id: TokenId::new([number; 8]),
        name: name("ci"),
        scopes: scopes.iter().map(|scope| scope.parse().unwrap()).collect(),
        hash: [number; 32],
        created_at: at(i64::from(number)),
        created_by: (number > 1).then(|| name("root")),
        parent: None,
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
    }
}

pub(crate) async fn tokens_are_kept_as_they_were_made(bed: Bed) {
    let first = token(1, &["admin"]);
    let job = "job:019ab3c0-5a50-7c3e-8f00-3b6f2c1d9e77";
    let second = Token {
        parent: Some(first.id),
        expires_at: Some(at(900)),
        ..token(2, &["read", "start:a", "start:*", "cancel", job])
    };
    for token in [&first, &second] {
        assert_eq!(
            bed.store.create_token(token.clone(), Maker::Owner, MANY).await.unwrap(),
            *token
        );
    }
    assert_eq!(bed.store.tokens_and_shares().await.unwrap(), [second.clone(), first.clone()]);
    assert_eq!(
        bed.store.tokens().await.unwrap(),
        std::slice::from_ref(&first),
        "a share is in no list"
    );
    bed.store.tokens_used(vec![(first.id, at(50)), (TokenId::new([9; 8]), at(50))]).await.unwrap();
    bed.store.tokens_used(vec![(first.id, at(40))]).await.unwrap();
    let used = Token { last_used_at: Some(at(50)), ..first };
    assert_eq!(
        bed.store.tokens_and_shares().await.unwrap(),
        [second, used],
        "the latest use counts"
    );
}

pub(crate) async fn the_first_token_may_do_all(bed: Bed) {
    let refused =
        bed.store.create_token(token(1, &["read"]), Maker::Owner, MANY).await.unwrap_err();
    assert!(matches!(refused, TokenError::AdminFirst), "{refused}");
    let passing = Token { expires_at: Some(at(5)), ..token(1, &["admin"]) };
    bed.store.create_token(passing, Maker::Owner, MANY).await.unwrap();
    bed.store.create_token(token(2, &["read"]), Maker::Owner, MANY).await.unwrap();
    // Nobody could make another now.
    let refused =
        bed.store.create_token(token(6, &["read"]), Maker::Owner, MANY).await.unwrap_err();
    assert!(matches!(refused, TokenError::AdminFirst), "{refused}");
}

pub(crate) async fn so_many_tokens_are_live_and_no_more(bed: Bed) {
    // P12: at and above; and shares count for the token that shares.
    let first = token(1, &["admin"]);
    let keep = async |token: Token| bed.store.create_token(token, Maker::Owner, 2).await;
    keep(first.clone()).await.unwrap();
    keep(Token { expires_at: Some(at(9)), ..token(2, &["read"]) }).await.unwrap();
    let refused = keep(token(3, &["read"])).await.unwrap_err();
    assert!(matches!(refused, TokenError::TooMany { most: 2, shares: false }), "{refused}");
    let share = |number| Token { parent: Some(first.id), ..token(number, &["read"]) };
    keep(share(4)).await.unwrap();
    keep(share(5)).await.unwrap();
    let refused = keep(share(6)).await.unwrap_err();
    assert!(matches!(refused, TokenError::TooMany { most: 2, shares: true }), "{refused}");
    keep(Token { parent: Some(TokenId::new([2; 8])), ..token(7, &["read"]) }).await.unwrap();
    keep(token(10, &["read"])).await.unwrap();
}

pub(crate) async fn only_who_is_somebody_makes_a_token(bed: Bed) {
    // P15: judged in the transaction that makes it, however long ago its request began.
    let keep = async |maker, token| bed.store.create_token(token, maker, MANY).await;
    let is_gone = |kept: Result<Token, TokenError>| matches!(kept, Err(TokenError::MakerGone));
    let first = Token { expires_at: Some(at(50)), ..token(1, &["admin"]) };
    keep(Maker::Anybody, first.clone()).await.unwrap();
    assert!(is_gone(keep(Maker::Anybody, token(2, &["admin"])).await));
    keep(Maker::Holder(first.id), token(3, &["admin"])).await.unwrap();
    assert!(is_gone(keep(Maker::Holder(first.id), token(50, &["admin"])).await), "it expired");
    let third = TokenId::new([3; 8]);
    bed.store.revoke_token(third, at(4)).await.unwrap();
    let share = Token { parent: Some(third), ..token(5, &["read"]) };
    assert!(is_gone(keep(Maker::Holder(third), share).await), "it was revoked");
    assert!(is_gone(keep(Maker::Holder(TokenId::new([9; 8])), token(9, &["admin"])).await));
    keep(Maker::Owner, token(60, &["admin"])).await.unwrap();
}

pub(crate) async fn a_revoked_token_takes_its_shares_with_it(bed: Bed) {
    let (first, other) = (token(1, &["admin"]), token(2, &["read"]));
    let share = |number, of: &Token| Token { parent: Some(of.id), ..token(number, &["read"]) };
    let (own, gone, others) = (share(3, &first), share(4, &first), share(5, &other));
    for token in [&first, &other, &own, &gone, &others] {
        bed.store.create_token(token.clone(), Maker::Owner, MANY).await.unwrap();
    }
    bed.store.revoke_token(gone.id, at(7)).await.unwrap();
    let told = bed.record.commits().len();
    let (revoked, changed) = bed.store.revoke_token(first.id, at(8)).await.unwrap();
    assert_eq!((revoked.revoked_at, changed), (Some(at(8)), true));
    // P6: whoever holds them in memory hears of it with the commit.
    let learned = bed.record.commits().split_off(told);
    let mut ids: Vec<_> = learned.iter().flat_map(|commit| &commit.tokens).map(|t| t.id).collect();
    ids.sort_unstable();
    assert_eq!(ids, [first.id, own.id]);
    let (again, changed) = bed.store.revoke_token(first.id, at(9)).await.unwrap();
    assert_eq!((again.revoked_at, changed), (Some(at(8)), false), "the first end stays");
    let all = bed.store.tokens_and_shares().await.unwrap();
    let ends: Vec<_> = all.iter().rev().map(|token| token.revoked_at).collect();
    assert_eq!(ends, [Some(at(8)), None, Some(at(8)), Some(at(7)), None]);
    let late = share(6, &first);
    bed.store.create_token(late.clone(), Maker::Owner, MANY).await.unwrap();
    bed.store.revoke_token(first.id, at(9)).await.unwrap();
    let all = bed.store.tokens_and_shares().await.unwrap();
    assert_eq!((all[0].id, all[0].revoked_at), (late.id, Some(at(9))), "whatever it shares");
    let unknown = bed.store.revoke_token(TokenId::new([99; 8]), at(9)).await.unwrap_err();
    assert!(matches!(unknown, TokenError::NotFound(_)), "{unknown}");
}

pub(crate) async fn shares_that_are_over_go_with_the_next_one(bed: Bed) {
    let first = token(1, &["admin"]);
    let share = |number: u8, expires| Token {
        parent: Some(first.id),
        expires_at: Some(at(expires)),
        ..token(number, &["read"])
    };
    let keep = async |token| bed.store.create_token(token, Maker::Owner, MANY).await.unwrap();
    let plain = Token { expires_at: Some(at(10)), ..token(2, &["read"]) };
    for token in [first.clone(), plain, share(3, 10), share(4, 900), share(5, 900)] {
        keep(token).await;
    }
    bed.store.revoke_token(TokenId::new([5; 8]), at(9)).await.unwrap();
    keep(token(11, &["read"])).await;
    let numbers = async || {
        let all = bed.store.tokens_and_shares().await.unwrap();
        all.iter().map(|token| token.id.as_bytes()[0]).collect::<Vec<_>>()
    };
    assert_eq!(numbers().await, [11, 5, 4, 3, 2, 1], "no share of the same token was made");
    keep(share(12, 900)).await;
    assert_eq!(numbers().await, [12, 11, 4, 2, 1], "who had a token that saw more stays known");
}

pub(crate) async fn of_tokens_that_are_over_the_last_thousand_are_kept(bed: Bed) {
    // P12
    let numbered = |number: u16, expires: Option<i64>| {
        let [high, low] = number.to_be_bytes();
        let id = TokenId::new([high, low, 0, 0, 0, 0, 0, 0]);
        Token { id, created_at: at(7), expires_at: expires.map(at), ..token(1, &["admin"]) }
    };
    let keep = async |token| bed.store.create_token(token, Maker::Owner, 9_999).await.unwrap();
    keep(numbered(0, None)).await;
    for number in 1..=1_001 {
        keep(numbered(number, Some(8))).await;
    }
    keep(Token { created_at: at(9), ..numbered(1_002, None) }).await;
    let kept = bed.store.tokens_and_shares().await.unwrap();
    assert_eq!(kept.len(), 1_002);
    let has = |number| kept.iter().any(|token| token.id == numbered(number, None).id);
    assert_eq!([0, 1, 2, 1_001, 1_002].map(has), [true, false, true, true, true]);
}

pub(crate) async fn a_key_is_its_callers_own(bed: Bed) {
    // P14
    let of = |caller: Option<&str>| NewJob {
        idempotency: Some(key("k", 1)),
        started_by: caller.map(name),
        ..job()
    };
    let nobody = bed.start(of(None)).await;
    let ann = bed.start(of(Some("ann"))).await;
    let bob = bed.start(of(Some("bob"))).await;
    assert!(nobody.id != ann.id && ann.id != bob.id && nobody.id != bob.id);
    assert_eq!(bed.start(of(Some("ann"))).await.id, ann.id);
    assert_eq!(bed.start(of(None)).await.id, nobody.id);
    let by_key = async |caller: Option<&str>, key: &str| {
        let found = bed.store.job_by_key(caller.map(name).as_ref(), key).await.unwrap();
        found.map(|job| job.id)
    };
    assert_eq!(by_key(None, "k").await, Some(nobody.id));
    assert_eq!(by_key(Some("bob"), "k").await, Some(bob.id));
    assert_eq!(by_key(Some("eve"), "k").await, None);
}

pub(crate) async fn who_asked_is_kept(bed: Bed) {
    let bed = bed.declared().await;
    let id = bed.start(NewJob { started_by: Some(name("ann")), ..job() }).await.id;
    let cancel = |by: &str| Cancel {
        job: id,
        mode: CancelMode::Graceful,
        note: None,
        by: Some(name(by)),
        at: at(3),
    };
    bed.store.cancel(cancel("bob")).await.unwrap();
    bed.store.cancel(cancel("eve")).await.unwrap();
    let job = bed.store.job(id).await.unwrap().unwrap();
    assert_eq!(job.started_by, Some(name("ann")));
    assert_eq!(job.canceled_by, Some(name("bob")), "the first wish stays");
    let pause = |by: &str| QueueChange::Pause(Pause { at: at(4), note: None, by: Some(name(by)) });
    for by in ["ann", "bob"] {
        bed.store.change_queue(queue("default"), pause(by)).await.unwrap();
    }
    let row = bed.store.queues().await.unwrap().into_iter().find(|row| row.paused.is_some());
    assert_eq!(row.unwrap().paused.unwrap().by, Some(name("ann")));
    let (row, _) = bed.store.change_queue(queue("default"), QueueChange::Resume).await.unwrap();
    assert_eq!(row.paused, None);
}

pub(crate) async fn a_callers_own_jobs_cost_their_page(bed: Bed) {
    let mut own = Vec::new();
    for starter in ["ann", "bob", "ann", "", "ann", "bob"] {
        let started_by = (!starter.is_empty()).then(|| name(starter));
        let job = bed.start(NewJob { started_by, ..job() }).await;
        own.extend((starter == "ann").then_some(job.id));
    }
    bed.cancel(own[0]).await.unwrap();
    let list = async |filter: JobFilter| {
        // One row may be examined: what an index holds just as asked is not.
        let (order, page) = (JobOrder::Oldest, Page::First(9, None));
        let query = JobsQuery { filter, order, page, count_up_to: Some(9), examine: 1 };
        let page = bed.store.jobs(query).await.unwrap();
        (page.jobs.iter().map(|job| job.id).collect::<Vec<_>>(), page.total, page.cut_at)
    };
    let of =
        |caller: &str| JobFilter { started_by: Some(caller.to_owned()), ..JobFilter::default() };
    assert_eq!(list(of("ann")).await, (own.clone(), Some(3), None));
    assert_eq!(list(of("eve")).await, (Vec::new(), Some(0), None));
    let waiting = JobFilter { states: Some(vec![JobState::Queued]), ..of("ann") };
    assert_eq!(list(waiting).await, (own[1..].to_vec(), Some(2), None));
}
