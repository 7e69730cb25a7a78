//! What a caller may see and do: the one place that judges it.
//!
//! A caller sees the jobs that it started, or all of them with the scope `read` or `admin`; a share sees
//! its one job. What a caller may not see does not exist for it.

use std::sync::Arc;

use super::Held;
use crate::domain::clock::Timestamp;
use crate::domain::id::JobId;
use crate::domain::job::Job;
use crate::domain::names::{CallerName, KindName};
use crate::domain::token::{Scope, Token};

/// Whoever asks: the holder of a token, or anybody where no token is asked for, who may do all.
#[derive(Clone)]
pub struct Caller(pub(super) Option<Arc<Held>>);

impl std::fmt::Debug for Caller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Caller").field(&self.token()).finish()
    }
}

impl Caller {
    /// Whoever asks a server that asks for no token.
    pub fn anybody() -> Self {
        Self(None)
    }

    /// The token that was shown.
    pub fn token(&self) -> Option<&Token> {
        self.0.as_ref().map(|held| &held.token)
    }

    /// Whose name stands on what it does.
    pub fn name(&self) -> Option<&CallerName> {
        self.token().map(|token| &token.name)
    }

    /// From then on it is nobody.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.token()?.expires_at
    }

    /// One of its scopes is this, or it may do all.
    fn has(&self, scope: impl Fn(&Scope) -> bool) -> bool {
        self.token().is_none_or(|token| {
            token.scopes.iter().any(|own| matches!(own, Scope::Admin) || scope(own))
        })
    }

    /// It may do all: tokens and queues too.
    pub fn is_admin(&self) -> bool {
        self.has(|_| false)
    }

    /// It sees every job and every worker.
    pub fn sees_all(&self) -> bool {
        self.has(|scope| matches!(scope, Scope::Read))
    }

    /// It sees one job and nothing else.
    pub fn is_share(&self) -> bool {
        self.token().is_some_and(|token| token.shared_job().is_some())
    }

    /// It started this job, or is as nameless as who did.
    pub fn started(&self, job: &Job) -> bool {
        !self.is_share() && self.name() == job.started_by.as_ref()
    }

    /// The job exists for it.
    pub fn sees(&self, job: &Job) -> bool {
        self.sees_what(job.id, job.started_by.as_ref())
    }

    /// A job of this id exists for it, which that one started.
    pub fn sees_what(&self, job: JobId, started_by: Option<&CallerName>) -> bool {
        self.sees_all()
            || !self.is_share() && self.name() == started_by
            || self.token().is_some_and(|token| token.shared_job() == Some(job))
    }

    /// The kind exists for it, beyond its name on a job.
    pub fn sees_kind(&self, kind: &KindName) -> bool {
        self.sees_all() || self.may_start(kind)
    }

    /// It may start jobs of this kind.
    pub fn may_start(&self, kind: &KindName) -> bool {
        self.has(|scope| match scope {
            Scope::Start(of) => of.as_ref().is_none_or(|of| of == kind),
            Scope::Read | Scope::Cancel | Scope::Admin | Scope::Job(_) => false,
        })
    }

    /// It may start jobs of some kind.
    pub fn may_start_some(&self) -> bool {
        self.has(|scope| matches!(scope, Scope::Start(_)))
    }

    /// It may stop the jobs that it sees.
    pub fn may_cancel(&self) -> bool {
        self.has(|scope| matches!(scope, Scope::Cancel))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::domain::clock::from_unix_millis;
    use crate::domain::token::TokenId;

    /// A caller of this name with these scopes.
    pub(crate) fn caller(name: &str, scopes: &[&str]) -> Caller {
        let token = Token {
            id: TokenId::new([1; 8]),
            name: name.parse().unwrap(),
            scopes: scopes.iter().map(|scope| scope.parse().unwrap()).collect(),
            hash: [0; 32],
            created_at: from_unix_millis(0),
            created_by: None,
            parent: None,
            expires_at: None,
            revoked_at: None,
            last_used_at: None,
        };
        Caller(Some(Arc::new(Held::new(token))))
    }

    #[test]
    fn each_scope_lets_its_own_things_be_done_and_no_others() {
        let kind = |name: &str| name.parse::<KindName>().unwrap();
        let rights = |caller: &Caller| {
            [
                caller.sees_all(),
                caller.may_start(&kind("a")),
                caller.may_start(&kind("b")),
                caller.may_cancel(),
                caller.is_admin(),
            ]
            .map(|may| if may { 'x' } else { '-' })
            .iter()
            .collect::<String>()
        };
        let job = "job:019ab3c0-5a50-7c3e-8f00-3b6f2c1d9e77";
        for (scopes, may) in [
            (&["read"][..], "x----"),
            (&["start:a"], "-x---"),
            (&["start:*"], "-xx--"),
            (&["cancel"], "---x-"),
            (&["admin"], "xxxxx"),
            (&["read", "start:b", "cancel"], "x-xx-"),
            (&[job], "-----"),
        ] {
            assert_eq!(rights(&caller("ci", scopes)), may, "{scopes:?}");
        }
        assert_eq!(rights(&Caller::anybody()), "xxxxx");
        assert!(caller("ci", &[job]).is_share() && !caller("ci", &["admin"]).is_share());
    }
}
