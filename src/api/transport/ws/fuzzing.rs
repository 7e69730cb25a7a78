//! Whatever dialogue: a session beside a second account of what runs, kept by what was done and not by
//! what was said.

use std::collections::HashSet;
use std::time::Duration;

use async_graphql::{Response, ServerError};
use serde_json::Value;

use super::session::{Act, Session};
use crate::api::transport::door::Told;
use crate::auth::NotKnown;

/// So many operations may run at a time here.
const MOST: usize = 3;
const PATIENCE: Duration = Duration::from_secs(15);
/// The token of nobody.
const WRONG: &str = "wrong";

/// Plays a text, line by line, until the socket is closed. A line is a message, but for those that
/// begin with `!`: `!late`, `!ping`, `!there`, and `!next`, `!shared`, `!last`, `!error`, `!complete` with the id
/// of an operation.
pub(in crate::api::transport) fn play(text: &str) {
    let mut session = Session::new(MOST);
    let mut account = Account::default();
    for line in text.split('\n') {
        let act = match line.strip_prefix('!') {
            None => {
                session.is_there();
                account.is_asked = false;
                session.hear(line)
            }
            Some(order) => account.order(&mut session, order),
        };
        if account.enter(&mut session, act).is_none() {
            return;
        }
    }
}

/// What must be true of the session.
#[derive(Debug, Default)]
struct Account {
    has_begun: bool,
    is_known: bool,
    is_asked: bool,
    running: HashSet<String>,
}

impl Account {
    /// Something happened that no client said.
    fn order(&mut self, session: &mut Session, order: &str) -> Act {
        let (word, id) = order.split_once(' ').unwrap_or((order, ""));
        let told = match word {
            "late" => {
                let act = session.must_have_begun();
                assert_eq!(self.has_begun, matches!(act, Act::Nothing), "{act:?}");
                return act;
            }
            "ping" => {
                let may = session.may_ping(PATIENCE);
                assert_eq!(may.is_err(), std::mem::replace(&mut self.is_asked, true));
                return may.map_or_else(Act::Close, |()| Act::Nothing);
            }
            "there" => {
                session.is_there();
                self.is_asked = false;
                return Act::Nothing;
            }
            "next" => Told::Next(Response::new(1)),
            "shared" => Told::Shared("{}".into()),
            "last" => Told::Last("{}".into()),
            "error" => Told::Error(vec![ServerError::new("no", None)]),
            "complete" => Told::Complete,
            _ => return Act::Nothing,
        };
        let act = session.tell(id, &told);
        let says = matches!(act, Act::Say(_) | Act::SayLast(_));
        assert_eq!(self.running.contains(id), says, "{id:?}: {act:?}");
        if told.is_last() {
            self.running.remove(id);
        }
        act
    }

    /// Writes down what is done; `None`: nothing more can come.
    fn enter(&mut self, session: &mut Session, act: Act) -> Option<()> {
        match act {
            Act::Nothing => {}
            Act::Judge(shown) => {
                assert!(!std::mem::replace(&mut self.has_begun, true), "it begins twice");
                let judged = if shown.is_none_or(|shown| shown.as_str() != WRONG) {
                    Ok(())
                } else {
                    Err(NotKnown::Wrong)
                };
                match session.judged(judged) {
                    Ok(text) => self.heard(&text),
                    Err(close) => return self.enter(session, Act::Close(close)),
                }
            }
            Act::Say(text) => self.heard(&text),
            Act::SayLast(texts) => texts.iter().for_each(|text| self.heard(text)),
            Act::Begin(id, _) => {
                assert!(self.is_known, "an operation before its caller is known");
                assert!(self.running.insert(id.clone()), "two of the id {id:?}");
                assert!(self.running.len() <= MOST, "{self:?}");
            }
            Act::Refuse(id) => {
                assert!(self.is_known && self.running.len() == MOST, "{self:?}");
                assert!(!self.running.contains(&id), "the refusal would end the other {id:?}");
            }
            Act::Drop(id) => assert!(self.running.remove(&id), "nothing of the id {id:?} runs"),
            Act::Close(close) => {
                let codes = [1001, 4400, 4401, 4403, 4408, 4409, 4429];
                assert!(codes.contains(&close.code), "{close:?}");
                assert!(close.frame().reason.len() <= 123, "more than a frame holds");
                return None;
            }
        }
        Some(())
    }

    /// Whatever is said is a message of the protocol.
    fn heard(&mut self, text: &str) {
        let message: Value = serde_json::from_str(text).expect("a message is JSON");
        match message["type"].as_str() {
            Some("connection_ack") => {
                assert!(!std::mem::replace(&mut self.is_known, true), "it began twice");
            }
            Some("pong" | "next" | "error" | "complete") => {}
            _ => panic!("no message of the protocol: {text}"),
        }
    }
}
