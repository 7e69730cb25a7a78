//! The rules of a session, without a network and without a clock: what a message means where the
//! session stands, and what is answered.
//!
//! # Invariants
//!
//! - Before the session began no operation runs, and none has an id that another one has.
//! - Of an operation that its client ended, or that was told to have ended, nothing more is said.

use std::collections::HashSet;
use std::time::Duration;

use async_graphql::Request;

use super::close::Close;
use super::message::{self, FromClient, FromServer};
use crate::api::transport::credentials::Shown;
use crate::api::transport::door::Told;
use crate::auth::NotKnown;

/// What is to be done.
#[derive(Debug)]
pub(super) enum Act {
    /// Nothing.
    Nothing,
    /// Judge who begins its session by what it shows, and tell by [`Session::judged`].
    Judge(Option<Shown>),
    /// Send this message.
    Say(String),
    /// Send these two: a result, and the end of its operation.
    SayLast([String; 2]),
    /// Begin this operation.
    Begin(String, Box<Request>),
    /// Tell that this operation is one too many.
    Refuse(String),
    /// Drop this operation.
    Drop(String),
    /// End the socket.
    Close(Close),
}

/// Where a session stands.
#[derive(Debug)]
pub(super) struct Session {
    /// It began, and its caller is known; `None`: it did not begin.
    is_known: Option<bool>,
    running: HashSet<String>,
    /// So many operations may run at a time.
    most: usize,
    /// A ping was sent, and nothing came since.
    is_asked: bool,
}

impl Session {
    /// A new one, in which so many operations may run at a time.
    pub(super) fn new(most: usize) -> Self {
        Self { is_known: None, running: HashSet::new(), most, is_asked: false }
    }

    /// The client sent a message.
    pub(super) fn hear(&mut self, text: &str) -> Act {
        match FromClient::read(text) {
            Err(close) => Act::Close(close),
            Ok(FromClient::Init(_)) if self.is_known.is_some() => Act::Close(Close::second_init()),
            Ok(FromClient::Init(shown)) => {
                self.is_known = Some(false);
                Act::Judge(shown)
            }
            Ok(FromClient::Ping(payload)) => Act::Say(FromServer::Pong { payload }.text()),
            Ok(FromClient::Pong) => Act::Nothing,
            Ok(FromClient::Subscribe(..)) if self.is_known != Some(true) => {
                Act::Close(Close::unauthorized())
            }
            Ok(FromClient::Subscribe(id, _)) if self.running.contains(&id) => {
                Act::Close(Close::taken(&id))
            }
            Ok(FromClient::Subscribe(id, _)) if self.running.len() >= self.most => Act::Refuse(id),
            Ok(FromClient::Subscribe(id, request)) => {
                self.running.insert(id.clone());
                Act::Begin(id, request)
            }
            // One that ended by itself meanwhile is no fault: both may end it at once.
            Ok(FromClient::Complete(id)) => {
                if self.running.remove(&id) {
                    Act::Drop(id)
                } else {
                    Act::Nothing
                }
            }
        }
    }

    /// Who begins was judged; what to say, or why the socket ends.
    pub(super) fn judged(&mut self, judged: Result<(), NotKnown>) -> Result<String, Close> {
        judged.map_err(|why| Close::forbidden(&why))?;
        self.is_known = Some(true);
        Ok(FromServer::ConnectionAck.text())
    }

    /// Anything came, a frame of the protocol below included: the client is there.
    pub(super) fn is_there(&mut self) {
        self.is_asked = false;
    }

    /// An operation told something; what the client is told of it.
    pub(super) fn tell(&mut self, id: &str, told: &Told) -> Act {
        if !self.running.contains(id) {
            return Act::Nothing;
        }
        if told.is_last() {
            self.running.remove(id);
        }
        let message = match told {
            Told::Next(response) => FromServer::Next { id, payload: response },
            Told::Shared(payload) => return Act::Say(message::next(id, payload)),
            Told::Last(payload) => {
                let end = FromServer::Complete { id };
                return Act::SayLast([message::next(id, payload), end.text()]);
            }
            Told::Error(errors) => FromServer::Error { id, payload: errors },
            Told::Complete => FromServer::Complete { id },
        };
        Act::Say(message.text())
    }

    /// The time to begin is over.
    pub(super) fn must_have_begun(&self) -> Act {
        if self.is_known.is_some() { Act::Nothing } else { Act::Close(Close::init_timeout()) }
    }

    /// It is time for a ping, `patience` after the last one; the error: nothing came since then.
    pub(super) fn may_ping(&mut self, patience: Duration) -> Result<(), Close> {
        if std::mem::replace(&mut self.is_asked, true) {
            return Err(Close::silent(patience));
        }
        Ok(())
    }
}
