//! The enums of the API, each the mirror of one of the domain's, so that a new variant there does
//! not compile until it has a name and a description here.

use async_graphql::Enum;

use crate::domain;
use crate::store::query;

/// Where a job is. These six are all there will ever be.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "domain::state::JobState")]
pub(crate) enum JobState {
    /// Waiting; `wait` says for what.
    Queued,
    /// Its process was started, and its end is not recorded yet.
    Running,
    /// Asked to stop; its processes are not all gone.
    Canceling,
    /// Ended well. Final.
    Succeeded,
    /// Ended badly; `reason` says how. Final.
    Failed,
    /// Stopped on request; none of its processes is left. Final.
    Canceled,
}

/// Why a job waits. May grow.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "domain::wait::WaitReason")]
pub(crate) enum WaitReason {
    /// It has a slot; its process is being started.
    Starting,
    /// Every slot of the worker, or of all workers, is taken.
    SlotsBusy,
    /// Every slot of its queue is taken.
    QueueSlotsBusy,
    /// Its queue is paused.
    QueuePaused,
    /// Its `notBefore` has not come.
    NotBefore,
    /// An attempt failed; the next one comes after a pause.
    RetryBackoff,
    /// No live worker that does not drain takes its kind: none declares it, or has the labels that it asks for.
    NoWorker,
    /// The server is stopping and starts nothing more.
    Draining,
}

/// How an attempt or a job ended. May grow.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "domain::state::EndReason")]
pub(crate) enum EndReason {
    /// It did what it should.
    Ok,
    /// Its exit code says failure.
    ExitCode,
    /// A signal that Longhaul did not send ended it.
    Signal,
    /// It ran longer than its timeout.
    Timeout,
    /// The kernel ended it for want of memory.
    OutOfMemory,
    /// Its program could not be started.
    SpawnFailed,
    /// It wrote a result that is no JSON, too large, or not what its kind promises.
    ResultInvalid,
    /// Its server or worker died, and nobody knows how it ended.
    Lost,
    /// Given back before its program began; counts for nothing.
    NotStarted,
    /// Somebody asked to cancel it.
    CancelRequested,
    /// The server stopped while it ran.
    Shutdown,
    /// Its processes did not die when they were killed.
    Unkillable,
}

/// What happened to a job. May grow.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "domain::event::JobChange")]
pub(crate) enum JobChange {
    /// Nothing: the first event of a stream, the job as it is. Never in `events`.
    Snapshot,
    /// It was accepted, or is back in its queue.
    Queued,
    /// Its place, its reason to wait or its estimate moved. Never in `events`.
    Position,
    /// An attempt began: its process exists.
    Started,
    /// It reported progress. Never in `events`.
    Progress,
    /// An attempt failed and another one will come.
    Retrying,
    /// It was asked to stop.
    Canceling,
    /// It reached its last state.
    Ended,
    /// Something else about it changed.
    Updated,
    /// It is gone: pruned after its time.
    Removed,
}

/// Which output a line came from.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "domain::log::LogStream")]
pub(crate) enum LogStream {
    /// What the command printed on standard output.
    Stdout,
    /// What it printed on standard error.
    Stderr,
    /// What Longhaul says about the attempt.
    System,
}

/// The order of a list of jobs.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "query::JobOrder")]
pub(crate) enum JobOrder {
    /// The one accepted last first.
    Newest,
    /// The one accepted first first.
    Oldest,
    /// The one that starts next first; QUEUED jobs only. What is delayed comes last, by when it comes into line.
    QueueOrder,
    /// The one that ended last first; ended jobs only.
    RecentlyEnded,
}

/// How to stop a job.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "domain::attempt::CancelMode")]
pub(crate) enum CancelMode {
    /// TERM, wait the kind's grace, then KILL.
    Graceful,
    /// KILL now.
    Force,
}
