//! How a command ends: exit codes, and what is said when it fails.
//!
//! `run` and `wait` end as the job did, so that a script can put `longhaul run` where it had the
//! command itself. Failures of our own always print a line that begins with `longhaul:`, by which
//! a script tells the two apart.

use std::fmt;

use super::client::{ClientError, GraphqlError, is_late};
use super::model::Job;

/// Everything went as asked.
pub(super) const DONE: u8 = 0;
/// Any other failure.
pub(super) const FAILED: u8 = 1;
/// The command line is not valid, or the server says so of what it asks.
pub(super) const USAGE: u8 = 2;
/// The server cannot be reached.
pub(super) const UNREACHABLE: u8 = 69;
/// A fault of Longhaul.
pub(super) const BUG: u8 = 70;
/// Later it may work: the queue is full, the server is stopping.
pub(super) const TRY_AGAIN: u8 = 75;
/// It is not allowed.
pub(super) const NOT_ALLOWED: u8 = 77;
/// The configuration is not valid.
pub(super) const CONFIGURATION: u8 = 78;
/// The job, or the wait for it, ran out of time.
pub(super) const TIMEOUT: u8 = 124;
/// The job was canceled, or the command was interrupted.
pub(super) const INTERRUPTED: u8 = 130;

/// Nobody reads any more what a job that goes on prints: 128 and SIGPIPE.
const UNREAD: u8 = 141;

/// Why a command failed: what is printed, and the exit code.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// The exit code.
    pub(super) code: u8,
    message: String,
    causes: Vec<String>,
    hint: Option<String>,
    silent: bool,
}

impl Failure {
    /// A failure with this exit code and message.
    pub(super) fn new(code: u8, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), causes: Vec::new(), hint: None, silent: false }
    }

    /// An end without words: the reader of our output went away, which is its right.
    pub(super) fn broken_pipe() -> Self {
        Self { silent: true, ..Self::new(DONE, "") }
    }

    /// The same of a command that stands for one that goes on: an end without words is no success of that.
    #[must_use]
    pub(super) fn of_what_goes_on(self) -> Self {
        if self.silent { Self { code: UNREAD, ..self } } else { self }
    }

    /// The same with what lies behind an error.
    #[must_use]
    pub(super) fn caused_by(mut self, error: &dyn std::error::Error) -> Self {
        let mut cause = Some(error);
        while let Some(error) = cause {
            self.causes.push(error.to_string());
            cause = error.source();
        }
        self
    }

    /// The same with what to do next.
    #[must_use]
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What failed, without its causes.
    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// There is nothing to print.
    pub(super) fn is_silent(&self) -> bool {
        self.silent
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "longhaul: {}", self.message)?;
        for cause in &self.causes {
            write!(f, "\n  caused by: {cause}")?;
        }
        match &self.hint {
            Some(hint) => write!(f, "\n\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let message = error.to_string();
        match error {
            ClientError::NoServer { .. } => Self::new(UNREACHABLE, message).hint(
                "start one with `longhaul serve`, or name one with `--server URL` or LONGHAUL_URL",
            ),
            ClientError::Unreachable { source, .. } if is_late(&*source) => {
                Self::new(UNREACHABLE, message).caused_by(&*source)
            }
            ClientError::Unreachable { source, .. } => {
                Self::new(UNREACHABLE, message).caused_by(&*source).hint(
                    "start one with `longhaul serve`, or name one with `--server URL` or LONGHAUL_URL",
                )
            }
            ClientError::NotLonghaul { .. } => Self::new(UNREACHABLE, message)
                .hint("name the server with `--server URL` or LONGHAUL_URL"),
            ClientError::OtherVersion { ref errors, .. } => {
                let found = errors.first().map(|error| error.message.clone()).unwrap_or_default();
                let hint = "use the `longhaul` of the server's version; `longhaul query` sends any document";
                Self { causes: vec![found], ..Self::new(UNREACHABLE, message).hint(hint) }
            }
            ClientError::Forbidden { .. } => Self::new(NOT_ALLOWED, message),
            ClientError::BadUrl { .. } => Self::new(USAGE, message),
            ClientError::Configuration(_) | ClientError::BadToken(_) => {
                Self::new(CONFIGURATION, message)
            }
            ClientError::Unexpected { .. } => Self::new(BUG, message)
                .hint("does the server have the version of this command? see `longhaul version`"),
            ClientError::Refused(errors) => refused(&errors),
        }
    }
}

/// The failure that the server's errors are.
fn refused(errors: &[GraphqlError]) -> Failure {
    let first = errors.first();
    let code = first.and_then(GraphqlError::code).unwrap_or_default();
    let message = errors.iter().map(GraphqlError::told).collect::<Vec<_>>().join("\nlonghaul: ");
    let failure = Failure::new(code_of(code), message);
    let retry_after = first.and_then(|e| e.extensions.get("retryAfterMs")?.as_u64());
    match (code, retry_after) {
        ("INTERNAL", _) => failure.hint("the server's log says more under that reference"),
        ("UNKNOWN_KIND", _) => failure.hint("see `longhaul kinds`"),
        ("UNAUTHENTICATED", _) => {
            failure.hint("give a token in LONGHAUL_TOKEN or LONGHAUL_TOKEN_FILE")
        }
        (_, Some(millis)) => failure.hint(format!("try again in {} s", millis.div_ceil(1000))),
        _ => failure,
    }
}

/// The exit code for a code of the API.
fn code_of(code: &str) -> u8 {
    match code {
        "INVALID_INPUT" | "INVALID_ARGS" | "UNKNOWN_KIND" => USAGE,
        "QUEUE_FULL" | "NOT_ACCEPTING" | "RATE_LIMITED" | "UNAVAILABLE" | "DEADLINE_EXCEEDED" => {
            TRY_AGAIN
        }
        "UNAUTHENTICATED" | "FORBIDDEN" => NOT_ALLOWED,
        "INTERNAL"
        | "GRAPHQL_PARSE_FAILED"
        | "GRAPHQL_VALIDATION_FAILED"
        | "QUERY_TOO_LARGE"
        | "" => BUG,
        _ => FAILED,
    }
}

/// The exit code of a job that ended.
pub(super) fn of_job(job: &Job) -> u8 {
    let own = |code: i64| u8::try_from(code).ok().filter(|&code| code != DONE);
    match (job.state.as_str(), job.reason.as_deref()) {
        ("SUCCEEDED", _) => DONE,
        ("CANCELED", _) => INTERRUPTED,
        (_, Some("TIMEOUT")) => TIMEOUT,
        (_, Some("EXIT_CODE")) => job.exit_code.and_then(own).unwrap_or(FAILED),
        (_, Some("SIGNAL" | "OUT_OF_MEMORY")) => {
            let number = job.signal.as_deref().and_then(signal_number);
            number.map_or(FAILED, |number| 128 + number)
        }
        _ => FAILED,
    }
}

/// The number of a signal's name.
fn signal_number(name: &str) -> Option<u8> {
    (1..=64).find(|&number| crate::domain::attempt::signal_name(i32::from(number)) == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn job(state: &str, reason: &str, exit_code: Option<i64>, signal: Option<&str>) -> Job {
        let json = json!({
            "id": "j", "kind": {"name": "k"}, "queue": {"name": "q"}, "state": state,
            "terminal": true, "createdAt": "", "reason": reason, "exitCode": exit_code,
            "signal": signal, "attempt": 1, "maxAttempts": 1,
        });
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn a_job_lends_its_exit_code() {
        // P9
        let rows = [
            (job("SUCCEEDED", "OK", Some(0), None), 0),
            (job("SUCCEEDED", "OK", Some(3), None), 0),
            (job("FAILED", "EXIT_CODE", Some(7), None), 7),
            (job("FAILED", "EXIT_CODE", Some(0), None), 1),
            (job("FAILED", "SIGNAL", None, Some("SIGSEGV")), 139),
            (job("FAILED", "SIGNAL", None, Some("SIGRTMIN+3")), 165),
            (job("FAILED", "SIGNAL", None, None), 1),
            (job("FAILED", "OUT_OF_MEMORY", None, Some("SIGKILL")), 137),
            (job("FAILED", "TIMEOUT", None, Some("SIGTERM")), 124),
            (job("CANCELED", "CANCEL_REQUESTED", Some(0), None), 130),
            (job("FAILED", "SPAWN_FAILED", None, None), 1),
            (job("FAILED", "LOST", None, None), 1),
            (job("FAILED", "SOMETHING_NEW", Some(9), None), 1),
        ];
        for (job, code) in rows {
            assert_eq!(of_job(&job), code, "{job:?}");
        }
    }

    #[test]
    fn an_error_of_the_server_has_its_exit_code_and_its_words() {
        let error = |code: &str, more: serde_json::Value| {
            let mut extensions = json!({"code": code});
            extensions.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let error = json!({"message": "no", "extensions": extensions});
            Failure::from(ClientError::Refused(vec![serde_json::from_value(error).unwrap()]))
        };
        let code = |name| error(name, json!({})).code;
        assert_eq!(
            ["INVALID_ARGS", "QUEUE_FULL", "FORBIDDEN", "INTERNAL", "NOT_FOUND", "NEW"].map(code),
            [2, 75, 77, 70, 1, 1]
        );
        let full = error("QUEUE_FULL", json!({"retryAfterMs": 1500}));
        assert_eq!(full.to_string(), "longhaul: no\n\nhint: try again in 2 s");
        let args = json!({"problems": [
            {"pointer": "/seconds", "keyword": "type", "message": "expected a number"},
            {"pointer": "", "keyword": "required", "message": "`path` is missing"},
        ]});
        assert_eq!(
            error("INVALID_ARGS", args).to_string(),
            "longhaul: no\n  seconds: expected a number\n  `path` is missing"
        );
    }
}
