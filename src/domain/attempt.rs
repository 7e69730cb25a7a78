//! One try to run a job: what it was told, and how it ended.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::clock::Timestamp;
use super::id::{AttemptKey, Fence, JobId, WorkerId};
use super::state::EndReason;

/// What the end of an attempt means for its job. Frozen at the claim, so that a crash is judged by
/// what held when the command began and not by a later configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Never run twice, not even after a stop or a crash.
    pub at_most_once: bool,
    /// How many attempts may be lost before the job fails with LOST.
    pub max_lost: u32,
    /// The pause after the first failure; doubles with each.
    pub retry_backoff: Duration,
    /// The exit codes that mean success.
    pub success_exit_codes: Vec<i32>,
    /// From the polite signal to the hard one.
    pub grace: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            at_most_once: false,
            max_lost: 3,
            retry_backoff: Duration::from_secs(5),
            success_exit_codes: vec![0],
            grace: Duration::from_secs(10),
        }
    }
}

/// An attempt as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    /// Whose.
    pub job: JobId,
    /// From 1; never used again for this job.
    pub number: u32,
    /// Tells it from every other claim.
    pub fence: Fence,
    /// Marks its processes.
    pub key: AttemptKey,
    /// Who claimed it; `None` only of one that an older version claimed.
    pub worker: Option<WorkerId>,
    /// The boot of the machine that claimed it; after another boot none of its processes can live.
    pub boot_id: String,
    /// The command line, made when it was claimed.
    pub argv: Vec<String>,
    /// What its end means.
    pub policy: Policy,
    /// The claim's instant.
    pub started_at: Timestamp,
    /// Its process is known to exist or to have existed.
    pub spawned: bool,
    /// When its end was recorded.
    pub ended_at: Option<Timestamp>,
    /// How it ended.
    pub reason: Option<EndReason>,
    /// The same as a sentence.
    pub reason_text: Option<String>,
    /// What the kernel said.
    pub exit_code: Option<i32>,
    /// What the kernel said, by number.
    pub signal: Option<i32>,
    /// What it used.
    pub usage: Option<Usage>,
}

/// What running cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Processor time of all its processes, in milliseconds.
    pub cpu_ms: i64,
    /// The most memory that one of its processes held at one moment; `None` where unknown.
    pub peak_memory_bytes: Option<i64>,
    /// Bytes printed, those cut included.
    pub log_bytes: i64,
}

impl Usage {
    /// What two attempts used together: sums, and the higher of the two peaks.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            cpu_ms: self.cpu_ms.saturating_add(other.cpu_ms),
            peak_memory_bytes: self.peak_memory_bytes.max(other.peak_memory_bytes),
            log_bytes: self.log_bytes.saturating_add(other.log_bytes),
        }
    }
}

/// How an attempt ended, as whoever supervised it says. `reason` and `text` say the same.
#[derive(Clone, PartialEq)]
pub struct AttemptEnd {
    /// How it ended.
    pub reason: EndReason,
    /// One sentence for a person, without a full stop.
    pub text: String,
    /// What the kernel said, where the command was started and ended by itself or by a signal.
    pub exit_code: Option<i32>,
    /// What the kernel said, by number.
    pub signal: Option<i32>,
    /// What it used.
    pub usage: Usage,
    /// The JSON text that it returned, checked to be JSON and within its limit.
    pub result: Option<String>,
    /// The command may have begun. Only `false` lets an `at_most_once` job be tried again.
    pub may_have_started: bool,
}

impl AttemptEnd {
    /// An end without a record of the kernel: nothing used, nothing returned.
    pub fn unrecorded(reason: EndReason, text: impl Into<String>, may_have_started: bool) -> Self {
        Self {
            reason,
            text: text.into(),
            exit_code: None,
            signal: None,
            usage: Usage::default(),
            result: None,
            may_have_started,
        }
    }
}

impl std::fmt::Debug for AttemptEnd {
    /// Without the result: it may hold what no log should.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AttemptEnd")
            .field("reason", &self.reason)
            .field("text", &self.text)
            .field("exit_code", &self.exit_code)
            .field("signal", &self.signal)
            .field("may_have_started", &self.may_have_started)
            .finish_non_exhaustive()
    }
}

/// How somebody asked for a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum CancelMode {
    /// TERM, wait the grace, then KILL.
    Graceful,
    /// KILL now.
    Force,
}

/// The name of a signal number, like `SIGKILL`; real-time ones by number, like `SIGRTMIN+3`.
pub fn signal_name(number: i32) -> String {
    const NAMES: [&str; 31] = [
        "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
        "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",
        "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
    ];
    let named = usize::try_from(number).ok().and_then(|n| NAMES.get(n.checked_sub(1)?));
    match named {
        Some(name) => format!("SIG{name}"),
        None if number >= 34 => format!("SIGRTMIN+{}", number - 34),
        None => format!("signal {number}"),
    }
}

#[cfg(test)]
mod tests {
    use super::signal_name;

    #[test]
    fn signals_have_their_names() {
        assert_eq!(
            [1, 9, 15, 31, 34, 64, 0].map(signal_name),
            ["SIGHUP", "SIGKILL", "SIGTERM", "SIGSYS", "SIGRTMIN+0", "SIGRTMIN+30", "signal 0"]
        );
    }
}
