//! What server and shim say to each other: the files of an attempt's folder, the bytes on the
//! lifeline and the bytes on the status pipe. Versioned, so that a newer server can read what an
//! older shim left behind.
//!
//! The folder is `{data}/attempts/<job>/<number>/`, mode 0700. **Who holds the `flock` on
//! [`LOCK`] owns the attempt**; the shim keeps it until the attempt's process tree is empty. The
//! folder is the truth: the status pipe only says when to look.

pub mod environment;
pub mod files;

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::domain::id::{Fence, JobId};

/// The version of everything here.
pub const VERSION: u32 = 1;

/// Held by whoever owns the attempt.
pub const LOCK: &str = "lock";
/// A [`Spec`], written by the server before the shim starts.
pub const SPEC: &str = "spec.json";
/// The job's arguments as JSON, named to the command by `LONGHAUL_ARGS`.
pub const ARGS: &str = "args.json";
/// The command's environment ([`environment`]), written by the server last before the shim starts
/// and emptied by who reads it: it may hold secrets, which the folder outlives.
pub const ENVIRONMENT: &str = "environment";
/// Written by the shim, under the lock, before it starts the command.
pub const STARTED: &str = "started";
/// Written by recovery, under the lock: the attempt must never start.
pub const VOID: &str = "void";
/// An [`ExitRecord`], written by temporary file and rename.
pub const EXIT: &str = "exit.json";
/// The first bytes that the command printed, as frames.
pub const LOG_HEAD: &str = "log.head";
/// What the command appends its progress to, named by `LONGHAUL_PROGRESS`.
pub const PROGRESS: &str = "progress";
/// What the command may write its result to, named by `LONGHAUL_RESULT`.
pub const RESULT: &str = "result";
/// What the shim itself has to complain of, bounded.
pub const SHIM_ERR: &str = "shim.err";
/// The command's working folder where its kind names none.
pub const WORK: &str = "work";

/// How many segments the end of a log is kept in; the oldest is overwritten first.
pub const LOG_TAIL_SEGMENTS: u32 = 16;

/// The name of a segment of the end of a log.
pub fn log_tail(segment: u32) -> String {
    format!("log.tail.{segment}")
}

/// The variables that every command gets beside those of its kind.
pub mod variables {
    /// The job's id.
    pub const JOB_ID: &str = "LONGHAUL_JOB_ID";
    /// The attempt's number.
    pub const ATTEMPT: &str = "LONGHAUL_ATTEMPT";
    /// The attempt's random key, by which its processes are found. The shim's own environment is this
    /// one variable: any other may change how a program is loaded.
    pub const ATTEMPT_KEY: &str = "LONGHAUL_ATTEMPT_KEY";
    /// The path of [`super::ARGS`].
    pub const ARGS: &str = "LONGHAUL_ARGS";
    /// The path of [`super::PROGRESS`].
    pub const PROGRESS: &str = "LONGHAUL_PROGRESS";
    /// The path of [`super::RESULT`].
    pub const RESULT: &str = "LONGHAUL_RESULT";
}

/// What the shim is to run. Nothing secret stands here: that is what [`ENVIRONMENT`] is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// [`VERSION`] of the server that wrote it.
    pub version: u32,
    /// Whose attempt.
    pub job: JobId,
    /// Its number.
    pub attempt: u32,
    /// Its claim.
    pub fence: Fence,
    /// The program's file; its name to the command stays `argv[0]`.
    pub program: PathBuf,
    /// The command line, program name included.
    pub argv: Vec<String>,
    /// Where it works; `None`: in [`WORK`], made fresh.
    pub cwd: Option<PathBuf>,
    /// It reads [`ARGS`] on standard input; else nothing.
    pub stdin_args: bool,
    /// How many files it may have open, until it asks for more; `None`: as many as the shim.
    #[serde(default)]
    pub open_files: Option<u64>,
    /// How long it may run, in milliseconds of the monotonic clock.
    pub timeout_ms: Option<u64>,
    /// From TERM to KILL, in milliseconds.
    pub grace_ms: u64,
    /// The most bytes of [`LOG_HEAD`].
    pub log_head_bytes: u64,
    /// The most bytes of all tail segments together.
    pub log_tail_bytes: u64,
    /// The most bytes of [`RESULT`] that are hashed; a longer one is refused later anyway.
    pub result_bytes: u64,
    /// How long it may run without a renewal; `None`: for ever.
    #[serde(default)]
    pub lease: Option<Lease>,
}

/// How long an attempt may run without another word: others may have its job after that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// It is stopped at this instant, in milliseconds since the boot of the machine.
    pub until_ms: u64,
    /// From TERM to KILL then, in milliseconds.
    pub grace_ms: u64,
}

impl Lease {
    /// The shim stops its tree when three quarters of the worker's lease are over, and has killed it at
    /// its end.
    pub fn of(begun: Duration, lease: Duration) -> Self {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Self { until_ms: millis(begun + lease * 3 / 4), grace_ms: millis(lease / 5) }
    }

    /// What a renewal says on the lifeline: the byte, the instant in decimal, a line feed. None of these
    /// is another order, to whomever it is said in pieces. An instant and not a length, so that what is
    /// said late, by a worker that was frozen, is worth no more.
    pub fn renewal(self) -> String {
        format!("{}{}\n", char::from(LifelineByte::LeaseRenewed as u8), self.until_ms)
    }
}

/// A byte on the lifeline, server to shim. End of file means that the server is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum LifelineByte {
    /// Somebody asked to stop: TERM, grace, KILL.
    Cancel = b'c',
    /// Somebody asked to stop at once: KILL.
    CancelNow = b'C',
    /// The server stops: TERM, grace, KILL.
    Shutdown = b's',
    /// The server stops at once: KILL.
    ShutdownNow = b'S',
    /// The worker's lease was renewed: [`Lease::renewal`].
    LeaseRenewed = b'r',
    /// Go on without a server; reserved for adoption.
    Detach = b'd',
}

impl LifelineByte {
    /// The order that a byte stands for.
    pub fn from_byte(byte: u8) -> Option<Self> {
        [
            Self::Cancel,
            Self::CancelNow,
            Self::Shutdown,
            Self::ShutdownNow,
            Self::LeaseRenewed,
            Self::Detach,
        ]
        .into_iter()
        .find(|&known| known as u8 == byte)
    }
}

/// A byte on the status pipe, shim to server. Writes never block, so any but the last may be lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum StatusByte {
    /// [`STARTED`] stands, and the command's process may exist from now on. Said before it can, as the
    /// command may remove that file and kill its shim before any other word of it is said.
    Starting = b'B',
    /// The command's process exists.
    Started = b'S',
    /// The log grew.
    LogGrew = b'L',
    /// The progress file grew.
    Progress = b'P',
    /// [`EXIT`] stands; end of file means that the tree is gone too.
    Exited = b'E',
}

/// Why the shim stopped a tree, recorded before its first signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StopCause {
    /// Somebody asked.
    Cancel,
    /// It ran past its timeout.
    Timeout,
    /// The server stops.
    Shutdown,
    /// The server died.
    ServerGone,
    /// The lease ran out.
    Lease,
}

/// What the shim knows of an attempt's end: exit code and signal are what the kernel said (P9).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ExitRecord {
    /// [`VERSION`] of the shim that wrote it.
    pub version: u32,
    /// Why the command could not be started: a sentence without a full stop. No process existed
    /// then; exit code, signal and stop are not set.
    pub spawn_error: Option<String>,
    /// The command's exit code.
    pub exit_code: Option<i32>,
    /// The signal that ended the command.
    pub signal: Option<i32>,
    /// Why the tree was stopped, where the shim stopped it before the command's own end. Alone, with
    /// neither exit code nor signal: the order came before the start, and nothing was started.
    pub stop: Option<StopCause>,
    /// KILL was needed for a stop, or ordered. What the command's own end left behind is always
    /// killed and not told here.
    pub killed: bool,
    /// Processes did not die in a minute of KILLs; the lock is still held for them.
    pub unkillable: bool,
    /// Processor time of the tree, in milliseconds.
    pub cpu_ms: i64,
    /// The most memory that one process of the tree held at one moment, in bytes.
    pub peak_memory_bytes: Option<i64>,
    /// Bytes that the command printed, those cut included, what the shim says excluded.
    pub log_bytes: u64,
    /// Bytes of [`RESULT`]; `None` where the command wrote none.
    pub result_bytes: Option<u64>,
    /// SHA-256 of [`RESULT`] in hexadecimal, where it is no longer than it may be.
    pub result_sha256: Option<String>,
    /// When the command was started, in milliseconds since 1970.
    pub started_at_ms: i64,
    /// When its end was seen, in milliseconds since 1970.
    pub ended_at_ms: i64,
    /// SHA-256 of this record with an empty checksum.
    pub checksum: String,
}

impl ExitRecord {
    /// The record as it is written, with its checksum.
    pub fn seal(mut self) -> String {
        self.checksum = self.digest();
        serde_json::to_string(&self).unwrap_or_default()
    }

    /// A record as it was written; `None` where it is damaged.
    pub fn open(text: &str) -> Option<Self> {
        let record: Self = serde_json::from_str(text).ok()?;
        (record.checksum == record.digest()).then_some(record)
    }

    fn digest(&self) -> String {
        let bare = Self { checksum: String::new(), ..self.clone() };
        hex::encode(Sha256::digest(serde_json::to_vec(&bare).unwrap_or_default()))
    }
}

/// The bytes before each piece of a log file.
pub const FRAME_HEADER_BYTES: usize = 40;
/// The most bytes that follow one header.
pub const FRAME_BYTES: usize = 64 * 1024;

/// The command's standard output.
pub const STREAM_STDOUT: u8 = 0;
/// The command's standard error.
pub const STREAM_STDERR: u8 = 1;
/// What the shim says: whole lines, and only of a cut or a stop.
pub const STREAM_SYSTEM: u8 = 2;

/// What stands before each piece of a log file: bytes of one stream, read together, in the order
/// of reading. All numbers little-endian.
///
/// Offsets and line numbers run over all streams together, the shim's own lines included, so that
/// each line has an offset of its own; where a header's offset is not the end of the frame before
/// it, the bytes between are cut. Every `\n` and every `\r` ends a line: `\r\n` ends two, of which
/// the second is empty. A line has its number from its first byte on, so that the rest of a line
/// may follow on lines of another stream with higher numbers.
///
/// A frame never spans two files. A segment is never written over: it is removed and made anew, so
/// that an open file stays what it was. The last frame of the last file may be incomplete while it
/// is being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// [`STREAM_STDOUT`], [`STREAM_STDERR`] or [`STREAM_SYSTEM`].
    pub stream: u8,
    /// The first byte continues a line of the same stream that an earlier frame began.
    pub continues: bool,
    /// Bytes that follow.
    pub length: u32,
    /// When they were read, in milliseconds since 1970.
    pub at_ms: i64,
    /// Where the first of them stands in everything that was printed.
    pub offset: u64,
    /// The number of the line that the first byte belongs to.
    pub first_line: u64,
    /// The number of the line after that within this frame; the following ones count on. Where the
    /// frame holds no second line, the number that the next line of any stream will get.
    pub next_line: u64,
}

impl FrameHeader {
    /// The header as it is written.
    pub fn encode(&self) -> [u8; FRAME_HEADER_BYTES] {
        let mut bytes = [0; FRAME_HEADER_BYTES];
        bytes[0] = self.stream;
        bytes[1] = u8::from(self.continues);
        bytes[4..8].copy_from_slice(&self.length.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.at_ms.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.offset.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.first_line.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.next_line.to_le_bytes());
        bytes
    }

    /// A header as it was written.
    pub fn decode(bytes: &[u8; FRAME_HEADER_BYTES]) -> Self {
        let number = |at: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&bytes[at..at + 8]);
            u64::from_le_bytes(word)
        };
        Self {
            stream: bytes[0],
            continues: bytes[1] != 0,
            length: u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]),
            at_ms: number(8).cast_signed(),
            offset: number(16),
            first_line: number(24),
            next_line: number(32),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_exit_record_is_none() {
        let sealed = ExitRecord { exit_code: Some(0), ..ExitRecord::default() }.seal();
        assert_eq!(ExitRecord::open(&sealed).and_then(|r| r.exit_code), Some(0));
        assert_eq!(ExitRecord::open(&sealed.replace("\"exit_code\":0", "\"exit_code\":1")), None);
        assert_eq!(ExitRecord::open(&sealed[..sealed.len() / 2]), None);
    }

    #[test]
    fn a_frame_header_reads_back() {
        let header = FrameHeader {
            stream: 1,
            continues: true,
            length: 65_536,
            at_ms: -5,
            offset: u64::MAX - 1,
            first_line: 7,
            next_line: 9,
        };
        assert_eq!(FrameHeader::decode(&header.encode()), header);
    }
}
