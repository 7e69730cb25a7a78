//! How much one caller may ask: so many requests and operations a second, and so many of them under way
//! at once, so that one script cannot take the server from everybody else (P12).
//!
//! # Invariants
//!
//! - Of at most [`MOST_KNOWN`] callers something is kept. Who did nothing that would still count is
//!   forgotten when there is no more room; who comes where all others count shares one account with
//!   everybody else who does.
//! - A stream counts when it begins, and never as under way: sockets and their operations have limits
//!   of their own.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::clock::Clock as RateClock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::api::error::{ApiError, Code};
use crate::domain::limits::Limits;
use crate::domain::token::TokenId;

/// So many callers have accounts of their own: two megabytes.
const MOST_KNOWN: usize = 10_000;
/// How long nobody looks for accounts to forget after that was in vain.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// When somebody who has too much under way may ask again.
const BUSY_RETRY_MS: u64 = 1_000;

/// Whom requests are counted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Asker {
    /// Who asks from this address; of IPv6 the network, since whoever has one address has 2⁶⁴.
    Network(IpAddr),
    /// Who shows this token, from wherever.
    Token(TokenId),
}

impl Asker {
    /// Whoever asks from there.
    pub(super) fn at(address: IpAddr) -> Self {
        Self::Network(match address.to_canonical() {
            IpAddr::V6(address) => {
                Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into()
            }
            address @ IpAddr::V4(_) => address,
        })
    }
}

/// The accounts of all callers.
#[derive(Debug)]
pub(crate) struct Callers {
    rate: NonZeroU32,
    at_once: usize,
    clock: Monotonic,
    known: Mutex<Known>,
    others: Arc<Account>,
}

#[derive(Debug, Default)]
struct Known {
    accounts: HashMap<Asker, Arc<Account>>,
    looked: Option<Instant>,
}

impl Callers {
    pub(crate) fn new(limits: &Limits) -> Self {
        let rate = NonZeroU32::new(limits.requests_per_second).unwrap_or(NonZeroU32::MIN);
        let at_once = limits.requests_at_once.min(Semaphore::MAX_PERMITS);
        Self::with(rate, at_once, Monotonic(Some(Instant::now())))
    }

    /// For whom no time passes, so that a test may take its own.
    #[cfg(test)]
    pub(super) fn timeless(limits: &Limits) -> Self {
        let Self { rate, at_once, .. } = Self::new(limits);
        Self::with(rate, at_once, Monotonic(None))
    }

    fn with(rate: NonZeroU32, at_once: usize, clock: Monotonic) -> Self {
        let others = Account::new(rate, at_once, clock).into();
        Self { rate, at_once, clock, known: Mutex::default(), others }
    }

    /// The account of a caller. Whoever holds it keeps it from being forgotten.
    pub(super) fn account(&self, asker: Asker) -> Arc<Account> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(account) = known.accounts.get(&asker) {
            return Arc::clone(account);
        }
        if known.accounts.len() >= MOST_KNOWN {
            known.forget_idle();
        }
        if known.accounts.len() >= MOST_KNOWN {
            return Arc::clone(&self.others);
        }
        let account = Arc::new(Account::new(self.rate, self.at_once, self.clock));
        known.accounts.insert(asker, Arc::clone(&account));
        account
    }
}

impl Known {
    fn forget_idle(&mut self) {
        let now = Instant::now();
        if self.looked.is_none_or(|looked| now - looked >= LOOK_AGAIN) {
            self.accounts.retain(|_, account| Arc::strong_count(account) > 1 || account.counts());
            self.looked = Some(now);
        }
    }
}

type Rate = RateLimiter<NotKeyed, InMemoryState, Monotonic, NoOpMiddleware<Duration>>;

/// What one caller has asked of late, and has under way.
#[derive(Debug)]
pub(crate) struct Account {
    per_second: NonZeroU32,
    rate: Rate,
    most_at_once: usize,
    at_once: Arc<Semaphore>,
    clock: Monotonic,
}

/// Something is under way until it is dropped.
#[derive(Debug)]
pub(super) struct UnderWay {
    _permit: OwnedSemaphorePermit,
}

impl Account {
    fn new(per_second: NonZeroU32, most_at_once: usize, clock: Monotonic) -> Self {
        let quota = Quota::per_second(per_second);
        let rate = RateLimiter::direct_with_clock(quota, clock);
        let at_once = Arc::new(Semaphore::new(most_at_once));
        Self { per_second, rate, most_at_once, at_once, clock }
    }

    /// Lets one more request or operation through, or says when it may come again.
    pub(super) fn admit(&self) -> Result<UnderWay, ApiError> {
        let refuse =
            |message, millis| Err(ApiError::new(Code::RateLimited, message).retry_after_ms(millis));
        if let Err(until) = self.rate.check() {
            let wait = until.wait_time_from(self.clock.now()).as_millis().max(1);
            let most = self.per_second;
            let message = format!("one caller may ask {most} times a second: wait, or ask less");
            return refuse(message, u64::try_from(wait).unwrap_or(u64::MAX));
        }
        let permit = Arc::clone(&self.at_once).try_acquire_owned();
        permit.map(|permit| UnderWay { _permit: permit }).or_else(|_| {
            let most = self.most_at_once;
            refuse(
                format!("one caller may have {most} requests under way: let one end first"),
                BUSY_RETRY_MS,
            )
        })
    }

    /// Whether it would make a difference to forget it. If not, that takes all that may be asked.
    fn counts(&self) -> bool {
        self.at_once.available_permits() < self.most_at_once
            || !matches!(self.rate.check_n(self.per_second), Ok(Ok(())))
    }
}

/// The clock of the runtime since then, which a test may hold; `None` stands still.
#[derive(Debug, Clone, Copy)]
struct Monotonic(Option<Instant>);

impl RateClock for Monotonic {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::time::advance;

    use super::*;
    use crate::api::error::retry_after_ms;

    fn callers(requests_per_second: u32, requests_at_once: usize) -> Callers {
        Callers::new(&Limits { requests_per_second, requests_at_once, ..Limits::default() })
    }

    fn at(address: &str) -> Asker {
        Asker::at(address.parse().unwrap())
    }

    fn number(n: u32) -> Asker {
        Asker::at(Ipv4Addr::from_bits(n).into())
    }

    /// After how many milliseconds to come again.
    fn refused(account: &Account) -> u64 {
        let error = account.admit().expect_err("one too many");
        assert_eq!(error.code(), Code::RateLimited);
        retry_after_ms(&error.into_server_error()).expect("it says when")
    }

    #[tokio::test(start_paused = true)]
    async fn so_many_times_a_second() {
        // Below, at and above the limit; and a burst of a second is none too many.
        let callers = callers(4, 100);
        let account = callers.account(number(1));
        for _ in 0..4 {
            account.admit().unwrap();
        }
        assert_eq!(refused(&account), 250);
        advance(Duration::from_millis(249)).await;
        assert_eq!(refused(&account), 1);
        advance(Duration::from_millis(1)).await;
        account.admit().unwrap();
        assert_eq!(refused(&account), 250);
        callers.account(number(2)).admit().expect("another one has its own");
    }

    #[tokio::test(start_paused = true)]
    async fn so_many_under_way() {
        let account = callers(100, 2).account(number(1));
        let first = account.admit().unwrap();
        let _second = account.admit().unwrap();
        assert_eq!(refused(&account), BUSY_RETRY_MS);
        drop(first);
        let _third = account.admit().expect("one ended");
        assert_eq!(refused(&account), BUSY_RETRY_MS);
    }

    #[test]
    fn a_network_is_one_caller() {
        assert_eq!(at("2001:db8::1"), at("2001:db8::ffff:1:2:3"));
        assert_ne!(at("2001:db8::1"), at("2001:db8:0:1::1"));
        assert_eq!(at("::ffff:192.0.2.1"), at("192.0.2.1"));
        assert_ne!(at("192.0.2.1"), at("192.0.2.2"));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_looks_for_room_again_so_soon() {
        let callers = callers(10, 100);
        let most = u32::try_from(MOST_KNOWN).unwrap();
        for n in 0..most {
            drop(callers.account(number(n)).admit().unwrap());
        }
        let stranger = || callers.account(number(most));
        assert!(Arc::ptr_eq(&stranger(), &callers.others), "all of them count");
        // By now none of them does, but each look goes through all of them.
        let moment = Duration::from_millis(1);
        advance(LOOK_AGAIN.saturating_sub(moment)).await;
        assert!(Arc::ptr_eq(&stranger(), &callers.others));
        advance(moment).await;
        assert!(!Arc::ptr_eq(&stranger(), &callers.others));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_kept_of_callers_has_a_bound() {
        let callers = callers(1, 100);
        let kept = || callers.known.lock().unwrap().accounts.len();
        let most = u32::try_from(MOST_KNOWN).unwrap();
        let held = callers.account(number(0));
        for n in 0..most {
            drop(callers.account(number(n)).admit().unwrap());
        }
        // All of them count still, so these two share what is for all others.
        callers.account(number(most)).admit().unwrap();
        refused(&callers.account(number(most + 1)));
        assert_eq!(kept(), MOST_KNOWN);
        advance(LOOK_AGAIN).await;
        callers.account(number(most)).admit().expect("there is room again");
        callers.account(number(most + 1)).admit().expect("for everybody");
        assert_eq!(kept(), 3, "those, and the one that somebody holds");
        assert!(Arc::ptr_eq(&held, &callers.account(number(0))));
    }
}
