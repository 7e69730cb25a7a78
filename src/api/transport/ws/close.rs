//! Why a socket is closed: the codes of the protocol and those of RFC 6455, section 7.4.

use std::time::Duration;

use axum::extract::ws::CloseFrame;

use crate::auth::NotKnown;

/// A close frame carries so many bytes of reason at most (RFC 6455, section 5.5).
const MAX_REASON: usize = 123;

/// A code and its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Close {
    pub(super) code: u16,
    pub(super) reason: String,
}

impl Close {
    fn new(code: u16, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into() }
    }

    /// What came is no message of the protocol.
    pub(super) fn malformed(reason: &str) -> Self {
        Self::new(4400, reason)
    }

    /// An operation before the session.
    pub(super) fn unauthorized() -> Self {
        Self::new(4401, "Unauthorized: send connection_init and await connection_ack first")
    }

    /// No token, or one that is worth nothing or nothing more. Clients may try again with another.
    pub(super) fn forbidden(why: &NotKnown) -> Self {
        Self::new(4403, format!("Forbidden: {}", why.short()))
    }

    /// No subprotocol that both speak.
    pub(super) fn subprotocol() -> Self {
        Self::new(4406, "Subprotocol not acceptable: offer graphql-transport-ws")
    }

    /// The session did not begin in time.
    pub(super) fn init_timeout() -> Self {
        Self::new(4408, "Connection initialisation timeout")
    }

    /// An id that an operation has already.
    pub(super) fn taken(id: &str) -> Self {
        Self::new(4409, format!("Subscriber for {id} already exists"))
    }

    /// A second beginning.
    pub(super) fn second_init() -> Self {
        Self::new(4429, "Too many initialisation requests")
    }

    /// The server ends; clients come back later.
    pub(super) fn stopping() -> Self {
        Self::new(1001, "the server stops")
    }

    /// The client does not answer.
    pub(super) fn silent(patience: Duration) -> Self {
        Self::new(1001, format!("no answer to a ping within {patience:?}"))
    }

    /// The client does not read.
    pub(super) fn too_slow(patience: Duration) -> Self {
        Self::new(1013, format!("too slow: a message was not taken within {patience:?}"))
    }

    /// As it is sent, cut to what a frame holds.
    pub(super) fn frame(&self) -> CloseFrame {
        let mut end = self.reason.len().min(MAX_REASON);
        while !self.reason.is_char_boundary(end) {
            end -= 1;
        }
        CloseFrame { code: self.code, reason: self.reason[..end].into() }
    }
}
