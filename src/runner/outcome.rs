//! What the record of an end means: pure, and the same for an attempt that was watched and for one
//! that was found after a crash.
//!
//! # Invariants
//!
//! - Success needs a recorded exit code that the kind declares, no stop of ours before it, and the
//!   result that was promised (P9).

use std::time::Duration;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::domain::attempt::{AttemptEnd, Policy, Usage, signal_name};
use crate::domain::kind::ArgsSchema;
use crate::domain::state::EndReason;
use crate::shim::protocol::{ExitRecord, StopCause};

/// What an end is judged by.
#[derive(Debug)]
pub(super) struct Terms<'a> {
    pub(super) policy: &'a Policy,
    /// As the shim was told; `None` also where that is not known any more.
    pub(super) timeout: Option<Duration>,
    /// The most bytes of a result.
    pub(super) result_bytes: u64,
    /// The rules for the result, where one is promised; else why they cannot be read any more.
    pub(super) result_schema: Result<Option<Value>, String>,
    /// The machine has not been restarted since: files are as they were left.
    pub(super) same_boot: bool,
}

/// How an attempt ended. `result` is asked for the result's bytes where the record names one.
pub(super) fn end_of(
    record: &ExitRecord,
    terms: &Terms<'_>,
    result: impl FnOnce() -> std::io::Result<Option<Vec<u8>>>,
) -> AttemptEnd {
    let ran = record.exit_code.is_some() || record.signal.is_some();
    let (reason, text) = verdict(record, terms);
    let mut end = AttemptEnd {
        reason,
        text,
        exit_code: record.exit_code,
        signal: record.signal,
        usage: Usage {
            cpu_ms: record.cpu_ms,
            peak_memory_bytes: record.peak_memory_bytes,
            log_bytes: i64::try_from(record.log_bytes).unwrap_or(i64::MAX),
        },
        result: None,
        may_have_started: ran || (record.spawn_error.is_none() && record.stop.is_none()),
    };
    if record.unkillable {
        end.may_have_started = true;
    }
    if end.reason == EndReason::Ok {
        match checked_result(record, terms, result) {
            Ok(result) => end.result = result,
            Err(refused) => (end.reason, end.text) = refused,
        }
    }
    end
}

fn verdict(record: &ExitRecord, terms: &Terms<'_>) -> (EndReason, String) {
    if record.unkillable {
        let text = "processes of it did not die in a minute of SIGKILLs";
        return (EndReason::Unkillable, text.to_owned());
    }
    if let Some(error) = &record.spawn_error {
        return (EndReason::SpawnFailed, error.clone());
    }
    if let Some(cause) = record.stop {
        return stopped(cause, record.killed, terms);
    }
    match (record.exit_code, record.signal) {
        (Some(code), _) if terms.policy.success_exit_codes.contains(&code) => {
            (EndReason::Ok, format!("exit code {code}"))
        }
        (Some(code), _) => (EndReason::ExitCode, format!("exit code {code}")),
        (None, Some(signal)) => (EndReason::Signal, format!("ended by {}", signal_name(signal))),
        (None, None) => {
            (EndReason::Lost, "its supervisor recorded no exit code and no signal".to_owned())
        }
    }
}

/// An end after we asked for a stop is never success, whatever the exit code says (P9).
fn stopped(cause: StopCause, killed: bool, terms: &Terms<'_>) -> (EndReason, String) {
    let grace = span(terms.policy.grace);
    match cause {
        StopCause::Cancel if killed => {
            (EndReason::CancelRequested, "canceled on request, by SIGKILL".to_owned())
        }
        StopCause::Cancel => (EndReason::CancelRequested, "canceled on request".to_owned()),
        StopCause::Timeout => {
            let limit = terms.timeout.map_or_else(String::new, |t| format!(" of {}", span(t)));
            let then = if killed {
                format!(" and was killed by SIGKILL after {grace} grace")
            } else {
                String::new()
            };
            (EndReason::Timeout, format!("ran longer than its timeout{limit}{then}"))
        }
        StopCause::Shutdown => {
            (EndReason::Shutdown, "stopped because the server stopped".to_owned())
        }
        StopCause::ServerGone => {
            (EndReason::Lost, "stopped because the server was gone".to_owned())
        }
        StopCause::Lease => {
            (EndReason::Lost, "stopped because its worker lost the lease".to_owned())
        }
    }
}

fn checked_result(
    record: &ExitRecord,
    terms: &Terms<'_>,
    result: impl FnOnce() -> std::io::Result<Option<Vec<u8>>>,
) -> Result<Option<String>, (EndReason, String)> {
    let invalid = |text: String| (EndReason::ResultInvalid, text);
    let schema = match &terms.result_schema {
        Ok(schema) => schema.as_ref(),
        Err(damage) => {
            return Err((EndReason::Lost, format!("nobody knows its promise: {damage}")));
        }
    };
    let Some(length) = record.result_bytes else {
        return match schema {
            None => Ok(None),
            Some(_) => Err(invalid("it wrote no result, which its kind promises".to_owned())),
        };
    };
    if length > terms.result_bytes {
        let limit = terms.result_bytes;
        return Err(invalid(format!(
            "its result has {length} bytes, more than the {limit} allowed"
        )));
    }
    let bytes = match result() {
        Ok(Some(bytes)) if record.result_sha256 == Some(hex::encode(Sha256::digest(&bytes))) => {
            bytes
        }
        // A power loss takes what was not yet on the disk: nobody's fault.
        _ if !terms.same_boot => {
            let text = "the machine was restarted before its result was safe";
            return Err((EndReason::Lost, text.to_owned()));
        }
        Ok(_) => {
            return Err(invalid("its result is not what it had written when it ended".to_owned()));
        }
        Err(error) => return Err(invalid(format!("its result cannot be read: {error}"))),
    };
    let value: Value = serde_json::from_slice(&bytes)
        .map_err(|error| invalid(format!("its result is no JSON: {error}")))?;
    if let Some(schema) = schema {
        fits(&value, schema).map_err(invalid)?;
    }
    Ok(String::from_utf8(bytes).ok().map(|text| text.trim().to_owned()))
}

fn fits(value: &Value, schema: &Value) -> Result<(), String> {
    let schema = ArgsSchema::compile(schema.clone())
        .map_err(|error| format!("the rules for its result cannot be used: {error}"))?;
    match schema.problems(value).first() {
        None => Ok(()),
        // Not the problem's own words: they quote the value.
        Some(problem) => Err(format!(
            "its result does not fit its kind: `{}` at `{}`",
            problem.keyword, problem.pointer
        )),
    }
}

/// A duration as the configuration writes it.
fn span(duration: Duration) -> String {
    let (secs, millis) = (duration.as_secs(), duration.subsec_millis());
    match (secs, millis) {
        (0, _) => format!("{millis}ms"),
        (_, 1..) => format!("{secs}.{millis:03}s"),
        (_, 0) if secs % 3600 == 0 => format!("{}h", secs / 3600),
        (_, 0) if secs % 60 == 0 => format!("{}m", secs / 60),
        (_, 0) => format!("{secs}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn judged(record: &ExitRecord, result: Option<&str>) -> AttemptEnd {
        under(record, result, |_| {})
    }

    fn under(
        record: &ExitRecord,
        result: Option<&str>,
        change: impl Fn(&mut Terms<'_>),
    ) -> AttemptEnd {
        let policy = Policy { success_exit_codes: vec![0, 4], ..Policy::default() };
        let mut terms = Terms {
            policy: &policy,
            timeout: Some(Duration::from_secs(1_800)),
            result_bytes: 20,
            result_schema: Ok(None),
            same_boot: true,
        };
        change(&mut terms);
        end_of(record, &terms, || Ok(result.map(|text| text.as_bytes().to_vec())))
    }

    fn exited(code: i32) -> ExitRecord {
        ExitRecord { exit_code: Some(code), ..ExitRecord::default() }
    }

    fn with_result(text: &str) -> ExitRecord {
        ExitRecord {
            result_bytes: Some(text.len() as u64),
            result_sha256: Some(hex::encode(Sha256::digest(text))),
            ..exited(0)
        }
    }

    fn said(end: &AttemptEnd) -> (EndReason, &str) {
        (end.reason, end.text.as_str())
    }

    #[test]
    fn exit_codes_and_signals_are_what_the_kernel_said() {
        // P9
        assert_eq!(said(&judged(&exited(0), None)).0, EndReason::Ok);
        assert_eq!(said(&judged(&exited(4), None)).0, EndReason::Ok);
        assert_eq!(said(&judged(&exited(3), None)), (EndReason::ExitCode, "exit code 3"));
        let record = ExitRecord { signal: Some(11), ..ExitRecord::default() };
        let end = judged(&record, None);
        assert_eq!(said(&end), (EndReason::Signal, "ended by SIGSEGV"));
        assert_eq!((end.exit_code, end.signal, end.may_have_started), (None, Some(11), true));
        assert_eq!(judged(&ExitRecord::default(), None).reason, EndReason::Lost);
    }

    #[test]
    fn an_end_after_a_stop_is_never_success() {
        // P9
        use EndReason as R;
        use StopCause as C;
        for (cause, reason) in [
            (C::Cancel, R::CancelRequested),
            (C::Timeout, R::Timeout),
            (C::Shutdown, R::Shutdown),
            (C::ServerGone, R::Lost),
            (C::Lease, R::Lost),
        ] {
            let stopped = ExitRecord { stop: Some(cause), ..with_result("1") };
            let end = judged(&stopped, Some("1"));
            assert_eq!((end.reason, end.exit_code, end.result), (reason, Some(0), None));
            assert!(end.may_have_started);
            let alone = ExitRecord { stop: Some(cause), ..ExitRecord::default() };
            assert!(!judged(&alone, None).may_have_started, "nothing was started");
        }
        let stop = Some(C::Timeout);
        let killed = ExitRecord { stop, killed: true, signal: Some(9), ..ExitRecord::default() };
        assert_eq!(
            judged(&killed, None).text,
            "ran longer than its timeout of 30m and was killed by SIGKILL after 10s grace"
        );
    }

    #[test]
    fn a_program_that_cannot_start_did_not_start_and_one_that_cannot_die_did() {
        let record = ExitRecord { spawn_error: Some("no".to_owned()), ..ExitRecord::default() };
        let end = judged(&record, None);
        assert_eq!((said(&end), end.may_have_started), ((EndReason::SpawnFailed, "no"), false));
        let record = ExitRecord { unkillable: true, stop: Some(StopCause::Cancel), ..exited(0) };
        assert_eq!(judged(&record, None).reason, EndReason::Unkillable);
    }

    #[test]
    fn a_result_is_taken_only_as_it_was_promised() {
        let ok = judged(&with_result(" [1]\n"), Some(" [1]\n"));
        assert_eq!((ok.reason, ok.result.as_deref()), (EndReason::Ok, Some("[1]")));
        let long = "\"".to_owned() + &"x".repeat(19) + "\"";
        let schema =
            |terms: &mut Terms<'_>| terms.result_schema = Ok(Some(json!({"type": "object"})));
        for (end, why) in [
            (judged(&with_result("{"), Some("{")), "no JSON"),
            (judged(&with_result(""), Some("")), "no JSON"),
            (judged(&with_result("1"), Some("2")), "had written"),
            (judged(&with_result("1"), None), "had written"),
            (judged(&with_result(&long), Some(&long)), "21 bytes"),
            (under(&with_result("1"), Some("1"), schema), "`type` at ``"),
            (under(&exited(0), None, schema), "promises"),
        ] {
            assert_eq!((end.reason, end.result), (EndReason::ResultInvalid, None), "{why}");
            assert!(end.text.contains(why), "{}", end.text);
        }
        let fits = under(&with_result("{}"), Some("{}"), schema);
        assert_eq!(fits.reason, EndReason::Ok);
    }

    #[test]
    fn a_result_whose_rules_are_damaged_is_no_success() {
        let damaged = |terms: &mut Terms<'_>| terms.result_schema = Err("rules".to_owned());
        assert_eq!(under(&with_result("1"), Some("1"), damaged).reason, EndReason::Lost);
        assert_eq!(under(&exited(3), None, damaged).reason, EndReason::ExitCode);
    }

    #[test]
    fn a_result_that_a_power_loss_took_is_a_loss() {
        let restarted = |terms: &mut Terms<'_>| terms.same_boot = false;
        assert_eq!(under(&with_result("1"), Some("\0"), restarted).reason, EndReason::Lost);
        assert_eq!(under(&with_result("1"), Some("1"), restarted).reason, EndReason::Ok);
    }

    #[test]
    fn spans_read_as_they_are_configured() {
        let told =
            [0, 500, 1_500, 90_000, 120_000, 7_200_000].map(|ms| span(Duration::from_millis(ms)));
        assert_eq!(told, ["0ms", "500ms", "1.500s", "90s", "2m", "2h"]);
    }
}
