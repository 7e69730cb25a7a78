//! Who asks, and what that one may do.
//!
//! - [`Keeper`] holds the tokens of the store in memory and judges what a request shows.
//! - [`Caller`] is its answer: what may be seen and done.
//! - [`Secret`] is the text of a token, and the only place where it is not hashed.
//! - [`Wanted`] becomes a token with its secret.
//!
//! # Invariants
//!
//! - Once a token was made, nobody is let in without one, also when all of them are over.
//! - What is learned of a commit holds from then on for requests that begin, and is told to those that
//!   last: see [`Keeper::lapse`].

mod caller;
mod secret;

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chrono::TimeDelta;
use subtle::ConstantTimeEq;
use tokio::sync::watch;
use tokio::time::sleep;

pub use caller::Caller;
pub use secret::{PREFIX, Secret, Wanted};

use crate::domain::clock::{Clock, Timestamp, from_unix_millis};
use crate::domain::token::{Token, TokenId};

/// How long an instant of the wall clock is waited for by the other clock, at most.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// How long what a caller did is still answered when the caller is nobody any more.
const LAST_WORD: Duration = Duration::from_millis(250);
/// How long a token that expired is still told from one that never was.
const REMEMBERED: TimeDelta = TimeDelta::days(1);

/// Why a request is nobody's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotKnown {
    /// It shows no token.
    #[error("{MISSING}: send the header `Authorization: Bearer lh_…`, or {IN_PAYLOAD}")]
    Missing,
    /// It shows one that is none, or that was revoked.
    #[error("the token is none of this server's, or was revoked: ask whoever gave it for another")]
    Wrong,
    /// It shows one whose time is over.
    #[error("the token expired at {}: ask whoever gave it for another", .0.to_rfc3339())]
    Expired(Timestamp),
}

const MISSING: &str = "this server asks for a token";
const IN_PAYLOAD: &str = "`token` in the payload of `connection_init`";

impl NotKnown {
    /// The same in so few words that a socket can be closed with them.
    pub fn short(&self) -> String {
        match self {
            Self::Missing => format!("{MISSING}: give {IN_PAYLOAD}"),
            Self::Wrong => "the token is none of this server's, or was revoked".to_owned(),
            Self::Expired(at) => format!("the token expired at {}", at.to_rfc3339()),
        }
    }
}

/// A token in memory.
#[derive(Debug)]
pub(crate) struct Held {
    token: Token,
    /// When it was last used, in milliseconds; 0: not since it was last told.
    used: AtomicI64,
}

impl Held {
    fn new(token: Token) -> Self {
        Self { token, used: AtomicI64::new(0) }
    }
}

#[derive(Debug, Default)]
struct Tokens {
    is_required: bool,
    /// The last instant that the store knows of: time was later than that once, so a clock that was set
    /// back makes no token live again that had expired by then.
    latest: Timestamp,
    held: HashMap<TokenId, Arc<Held>>,
}

/// The tokens that are worth something, and the judge of what is shown.
pub struct Keeper {
    clock: Arc<dyn Clock>,
    tokens: RwLock<Tokens>,
    changes: watch::Sender<()>,
}

impl Keeper {
    /// One that knows no token yet, and asks for none.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, tokens: RwLock::default(), changes: watch::Sender::new(()) }
    }

    /// Takes in tokens that are stored, as they are now.
    pub fn learn(&self, learned: &[Token]) {
        if learned.is_empty() {
            return;
        }
        let mut ends_some = false;
        {
            let mut tokens = self.tokens.write().unwrap_or_else(PoisonError::into_inner);
            ends_some |= !std::mem::replace(&mut tokens.is_required, true);
            for token in learned {
                let stored = [Some(token.created_at), token.last_used_at, token.revoked_at];
                tokens.latest = stored.into_iter().flatten().fold(tokens.latest, Timestamp::max);
                if token.revoked_at.is_some() {
                    ends_some |= tokens.held.remove(&token.id).is_some();
                } else {
                    tokens.held.insert(token.id, Arc::new(Held::new(token.clone())));
                }
            }
        }
        // Those who last need not wake for a token that was made.
        if ends_some {
            self.changes.send_replace(());
        }
    }

    /// A token was made once: nobody is let in without one.
    pub fn is_required(&self) -> bool {
        self.tokens().is_required
    }

    /// Whoever shows this. Where no token is asked for, what is shown does not matter: it may be for a
    /// proxy on the way.
    pub fn judge(&self, shown: Option<&str>) -> Result<Caller, NotKnown> {
        let tokens = self.tokens();
        if !tokens.is_required {
            return Ok(Caller::anybody());
        }
        let shown = shown.ok_or(NotKnown::Missing)?;
        let (id, hash) = secret::read(shown).ok_or(NotKnown::Wrong)?;
        let held = tokens.held.get(&id).ok_or(NotKnown::Wrong)?;
        if !bool::from(held.token.hash.ct_eq(&hash)) {
            return Err(NotKnown::Wrong);
        }
        let now = self.clock.now().max(tokens.latest);
        if let Some(at) = held.token.expires_at.filter(|at| *at <= now) {
            return Err(NotKnown::Expired(at));
        }
        held.used.store(now.timestamp_millis(), Ordering::Relaxed);
        Ok(Caller(Some(Arc::clone(held))))
    }

    /// The caller would still be let in; the error says why not.
    pub fn check(&self, caller: &Caller) -> Result<(), NotKnown> {
        let tokens = self.tokens();
        let Some(held) = &caller.0 else {
            return if tokens.is_required { Err(NotKnown::Missing) } else { Ok(()) };
        };
        if !tokens.held.contains_key(&held.token.id) {
            return Err(NotKnown::Wrong);
        }
        match held.token.expires_at {
            Some(at) if at <= self.clock.now().max(tokens.latest) => Err(NotKnown::Expired(at)),
            Some(_) | None => Ok(()),
        }
    }

    /// Returns when the caller would no longer be let in, with the reason: for what lasts. A moment
    /// later, so that what ended the caller is still answered where the caller did it: who makes the
    /// first token must get to see it.
    pub async fn lapse(self: Arc<Self>, caller: Caller) -> NotKnown {
        let mut changes = self.changes.subscribe();
        loop {
            if let Err(why) = self.check(&caller) {
                sleep(LAST_WORD).await;
                return why;
            }
            let left =
                caller.expires_at().map(|at| (at - self.clock.now()).to_std().unwrap_or_default());
            tokio::select! {
                // We hold the sender, so it never fails.
                _ = changes.changed() => {}
                () = sleep(left.unwrap_or_default().min(LOOK_AGAIN)), if left.is_some() => {}
            }
        }
    }

    /// The tokens that were used since the last call, and when: for the store. Forgets those that
    /// expired long ago.
    pub fn take_used(&self) -> Vec<(TokenId, Timestamp)> {
        let now = self.clock.now();
        let is_over = |held: &Held| {
            // Of shares there may be many, and nobody asks why one is over.
            let kept = if held.token.parent.is_some() { TimeDelta::zero() } else { REMEMBERED };
            held.token.expires_at.is_some_and(|at| at < now - kept)
        };
        let used = |held: &Arc<Held>| {
            let at = held.used.swap(0, Ordering::Relaxed);
            (at != 0).then(|| (held.token.id, from_unix_millis(at)))
        };
        let mut tokens = self.tokens.write().unwrap_or_else(PoisonError::into_inner);
        let all = tokens.held.values().filter_map(used).collect();
        tokens.held.retain(|_, held| !is_over(held));
        all
    }

    fn tokens(&self) -> std::sync::RwLockReadGuard<'_, Tokens> {
        self.tokens.read().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
pub(crate) use caller::tests::caller as caller_with;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::ManualClock;
    use crate::domain::token::Scope;

    fn keeper() -> (Keeper, ManualClock) {
        let clock = ManualClock::at(from_unix_millis(1_000));
        (Keeper::new(Arc::new(clock.clone())), clock)
    }

    fn token(number: u8, expires_at: Option<i64>) -> (String, Token) {
        let id = TokenId::new([number; 8]);
        let (secret, hash) = Secret::new(id, [number; 32]);
        let token = Token {
            id,
            name: "ci".parse().unwrap(),
            scopes: vec![Scope::Read],
            hash,
            created_at: from_unix_millis(0),
            created_by: None,
            parent: None,
            expires_at: expires_at.map(from_unix_millis),
            revoked_at: None,
            last_used_at: None,
        };
        (secret.reveal(), token)
    }

    #[test]
    fn nobody_is_asked_until_a_token_was_made_and_everybody_ever_after() {
        let (keeper, _clock) = keeper();
        let anybody = keeper.judge(None).unwrap();
        assert!(anybody.is_admin() && keeper.check(&anybody).is_ok());
        let (secret, token) = token(1, None);
        keeper.learn(std::slice::from_ref(&token));
        assert_eq!(keeper.judge(None).unwrap_err(), NotKnown::Missing);
        assert_eq!(keeper.check(&anybody), Err(NotKnown::Missing), "who was let in before");
        let caller = keeper.judge(Some(&secret)).unwrap();
        assert_eq!(caller.name().unwrap().as_str(), "ci");
        keeper.learn(&[Token { revoked_at: Some(from_unix_millis(7)), ..token }]);
        assert_eq!(keeper.judge(Some(&secret)).unwrap_err(), NotKnown::Wrong);
        assert_eq!(keeper.check(&caller), Err(NotKnown::Wrong));
        assert_eq!(keeper.judge(None).unwrap_err(), NotKnown::Missing, "the last one is gone");
    }

    #[test]
    fn the_secret_of_another_token_opens_nothing() {
        let (keeper, _clock) = keeper();
        let ((secret, first), (other, second)) = (token(1, None), token(2, None));
        keeper.learn(&[first]);
        assert_eq!(keeper.judge(Some(&other)).unwrap_err(), NotKnown::Wrong);
        keeper.learn(&[second]);
        let mixed = format!("{}{}", &secret[..20], &other[20..]);
        assert_eq!(keeper.judge(Some(&mixed)).unwrap_err(), NotKnown::Wrong);
        assert_eq!(keeper.judge(Some("")).unwrap_err(), NotKnown::Wrong);
    }

    #[test]
    fn a_token_ends_with_its_time() {
        let (keeper, clock) = keeper();
        let (secret, token) = token(1, Some(2_000));
        keeper.learn(&[token]);
        let caller = keeper.judge(Some(&secret)).unwrap();
        clock.advance(TimeDelta::milliseconds(999));
        assert!(keeper.check(&caller).is_ok());
        clock.advance(TimeDelta::milliseconds(1));
        let expired = NotKnown::Expired(from_unix_millis(2_000));
        assert_eq!(keeper.check(&caller), Err(expired.clone()));
        assert_eq!(keeper.judge(Some(&secret)).unwrap_err(), expired);
        clock.advance(REMEMBERED + TimeDelta::milliseconds(1));
        keeper.take_used();
        assert_eq!(keeper.judge(Some(&secret)).unwrap_err(), NotKnown::Wrong, "P12: forgotten");
    }

    #[test]
    fn a_clock_that_is_set_back_makes_no_token_live_again() {
        let (keeper, clock) = keeper();
        let (secret, token) = token(1, Some(2_000));
        // Something was stored when it had expired already.
        let later = Token { last_used_at: Some(from_unix_millis(2_000)), ..self::token(2, None).1 };
        keeper.learn(&[token, later]);
        assert_eq!(clock.now(), from_unix_millis(1_000));
        let expired = NotKnown::Expired(from_unix_millis(2_000));
        assert_eq!(keeper.judge(Some(&secret)).unwrap_err(), expired);
    }

    #[test]
    fn why_a_socket_is_closed_fits_into_its_last_frame() {
        for why in [NotKnown::Missing, NotKnown::Wrong, NotKnown::Expired(Timestamp::UNIX_EPOCH)] {
            assert!("Forbidden: ".len() + why.short().len() <= 123, "{}", why.short());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_that_is_made_wakes_nobody() {
        // P12: tens of thousands may last.
        let (keeper, _clock) = keeper();
        keeper.learn(&[token(1, None).1]);
        let changes = keeper.changes.subscribe();
        keeper.learn(&[token(2, None).1]);
        assert!(!changes.has_changed().unwrap());
        keeper.learn(&[Token { revoked_at: Some(from_unix_millis(7)), ..token(2, None).1 }]);
        assert!(changes.has_changed().unwrap());
    }

    #[test]
    fn a_use_is_told_once() {
        let (keeper, clock) = keeper();
        let (secret, token) = token(1, None);
        let id = token.id;
        keeper.learn(&[token]);
        assert_eq!(keeper.take_used(), Vec::new());
        keeper.judge(Some(&secret)).unwrap();
        clock.advance(TimeDelta::milliseconds(5));
        keeper.judge(Some(&secret)).unwrap();
        assert_eq!(keeper.take_used(), [(id, from_unix_millis(1_005))]);
        assert_eq!(keeper.take_used(), Vec::new());
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_last_are_told_of_their_end() {
        let (keeper, clock) = keeper();
        let keeper = Arc::new(keeper);
        let lapse = |caller| Arc::clone(&keeper).lapse(caller);
        let anybody = lapse(Caller::anybody());
        let (secret, token) = self::token(1, Some(61_001));
        keeper.learn(std::slice::from_ref(&token));
        assert_eq!(anybody.await, NotKnown::Missing);

        let mut lasting = std::pin::pin!(lapse(keeper.judge(Some(&secret)).unwrap()));
        assert_eq!(futures::poll!(&mut lasting), std::task::Poll::Pending);
        // The wall clock is looked at again: it may have been set.
        clock.advance(TimeDelta::milliseconds(60_001));
        assert_eq!(lasting.await, NotKnown::Expired(from_unix_millis(61_001)));

        let (secret, token) = self::token(2, None);
        keeper.learn(std::slice::from_ref(&token));
        let mut lasting = std::pin::pin!(lapse(keeper.judge(Some(&secret)).unwrap()));
        assert_eq!(futures::poll!(&mut lasting), std::task::Poll::Pending);
        keeper.learn(&[Token { revoked_at: Some(clock.now()), ..token }]);
        assert_eq!(lasting.await, NotKnown::Wrong);
    }
}
