//! `longhaul cancel`: asks jobs to stop.

use std::io::IsTerminal as _;
use std::pin::pin;
use std::time::Duration;

use clap::Args;
use futures::StreamExt as _;
use futures::stream;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use crate::config::value::positive_duration;

use super::client::{ClientError, GraphqlError, Pauses, read};
use super::exit::{DONE, FAILED, Failure, INTERRUPTED, USAGE};
use super::ids::{Chosen, Selection, resolve};
use super::list::counts;
use super::model::{Job, JobId};
use super::operations::CANCEL_JOB;
use super::{Context, output, wait};

/// So many jobs are followed at once while their time runs out.
const FOLLOWED: usize = 32;

const HELP: &str = "What `--all`, `--kind` and `--filter` find is counted first: on a terminal that number is asked \
    for, elsewhere it stands in `--confirm`, or `--yes` says that any is right.\n\n\
    With --json: an array with an object for each id, in the order given, also of one. It has `id`, and \
    either `changed` (whether this is what stops the job) and `job`, or `error` with `code`, null where \
    the server said none, and `message`.";

/// What `cancel` takes.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct CancelArgs {
    #[command(flatten)]
    jobs: Selection,
    /// Cancel what was found if it is so many jobs
    #[arg(long, value_name = "N", conflicts_with_all = ["ids", "yes"])]
    confirm: Option<usize>,
    /// Cancel what was found, however many jobs it is
    #[arg(short, long, conflicts_with = "ids")]
    yes: bool,
    /// Kill at once, without the kind's grace
    #[arg(long)]
    force: bool,
    /// Stay, and kill what has not ended after so long, like 10s: a shorter grace than the kind's
    #[arg(long, value_name = "TIME", value_parser = positive_duration, conflicts_with = "force")]
    grace: Option<Duration>,
    /// Why, for a person
    #[arg(long)]
    note: Option<String>,
}

impl CancelArgs {
    fn mode(&self) -> &'static str {
        if self.force { "FORCE" } else { "GRACEFUL" }
    }
}

/// Asks every job to stop, also after one that cannot; ends as the first that could not.
pub(super) async fn run(context: &Context, args: &CancelArgs) -> Result<u8, Failure> {
    let (steps, at_once) = match args.jobs.chosen(&context.client).await? {
        Chosen::Ids(ids) => (vec![ids], 1),
        Chosen::Jobs(jobs) => {
            confirm(args, &jobs)?;
            (in_steps(jobs), FOLLOWED)
        }
    };
    let mut told = Told { json: context.json, code: DONE };
    let mut rows = Vec::new();
    for ids in steps {
        let ask = |id| ask(context, args, id, at_once > 1);
        let mut answers = stream::iter(ids).map(ask).buffered(at_once);
        while let Some((id, at, answer)) = answers.next().await {
            rows.push(match answer {
                Ok((payload, job)) if args.grace.is_none() || job.terminal => {
                    told.canceled(&job)?;
                    let (changed, job) = (&payload["changed"], &payload["job"]);
                    Row::Done(json!({"id": id, "changed": changed, "job": job}))
                }
                Ok((payload, job)) => {
                    Row::Stopping { given: id, changed: payload["changed"].clone(), id: job.id, at }
                }
                Err(refusal) => Row::Done(told.refused(&id, refusal)),
            });
        }
    }
    let rows = tokio::select! {
        rows = ended(context, args, rows, &mut told) => rows?,
        _ = tokio::signal::ctrl_c(), if args.grace.is_some() => {
            output::say("longhaul: interrupted: the jobs are asked to stop, and have the grace of their kinds");
            return Ok(INTERRUPTED);
        }
    };
    if context.json {
        output::beside(output::document(&rows))?;
    }
    Ok(told.code)
}

/// What waits first, and of that the last in line: a slot that comes free takes the next in line, which would start
/// only to be canceled.
fn in_steps(jobs: Vec<JobId>) -> Vec<Vec<String>> {
    let ids = |jobs: Vec<JobId>| jobs.into_iter().rev().map(|job| job.id).collect();
    let (waiting, begun) = jobs.into_iter().partition(|job| job.state == "QUEUED");
    vec![ids(waiting), ids(begun)]
}

/// Asks one job to stop, `again` where the server has no room for that now, and when that was answered.
async fn ask(
    context: &Context,
    args: &CancelArgs,
    id: String,
    again: bool,
) -> (String, Instant, Result<(Value, Job), Refusal>) {
    let mut pauses = Pauses::new();
    let canceled = loop {
        let canceled = cancel(context, &id, args.mode(), args.note.as_deref()).await;
        let passes = matches!(&canceled, Err(Refusal::There(ClientError::Refused(errors)))
            if again && errors.iter().all(GraphqlError::is_passing));
        match pauses.next_try().filter(|_| passes) {
            Some(at) => sleep_until(at).await,
            None => break canceled,
        }
    };
    let at = Instant::now();
    let canceled = canceled.and_then(|payload| {
        let job = read::<Job>(CANCEL_JOB, &payload["job"]);
        Ok((payload, job.map_err(Refusal::There)?))
    });
    (id, at, canceled)
}

/// Has what was found confirmed.
fn confirm(args: &CancelArgs, jobs: &[JobId]) -> Result<(), Failure> {
    if jobs.is_empty() {
        output::say("no jobs");
    }
    if jobs.is_empty() || args.yes {
        return Ok(());
    }
    let found = counts(&jobs.iter().map(|job| job.state.as_str()).collect::<Vec<_>>());
    let refused = |message: String| {
        let hint = format!(
            "nothing was canceled; `--confirm {}` cancels these, `--yes` however many there are",
            jobs.len()
        );
        Failure::new(USAGE, message).hint(hint)
    };
    match args.confirm {
        Some(confirmed) if confirmed == jobs.len() => Ok(()),
        Some(confirmed) => Err(refused(format!("it is not {confirmed}: it is {found}"))),
        None if std::io::stdin().is_terminal() && std::io::stderr().is_terminal() => {
            output::say(&format!("this cancels {found}\ntype the number of jobs to go on:"));
            let mut answer = String::new();
            let read = std::io::stdin().read_line(&mut answer);
            if read.is_ok() && answer.trim() == jobs.len().to_string() {
                Ok(())
            } else {
                Err(Failure::new(FAILED, "nothing was canceled"))
            }
        }
        None => Err(refused(format!("this cancels {found}"))),
    }
}

/// What became of a request.
enum Row {
    /// There is no more to come.
    Done(Value),
    /// The job has until its grace is over.
    Stopping { given: String, changed: Value, id: String, at: Instant },
}

/// All rows, once every job has ended that was given a grace.
async fn ended(
    context: &Context,
    args: &CancelArgs,
    rows: Vec<Row>,
    told: &mut Told,
) -> Result<Vec<Value>, Failure> {
    let grace = args.grace.unwrap_or_default();
    let end = |(number, row): (usize, Row)| async move {
        match row {
            Row::Done(row) => Ok((row, None)),
            Row::Stopping { given, changed, id, at } => {
                // All lose the server at the same time; the first says so.
                let ended = end_within(context, args, &id, at + grace, number > 0).await;
                let ended = ended.map_err(|refusal| (given.clone(), refusal));
                ended.map(|(job, row)| {
                    (json!({"id": given, "changed": changed, "job": row}), Some(job))
                })
            }
        }
    };
    let mut all = stream::iter(rows.into_iter().enumerate()).map(end).buffered(FOLLOWED);
    let mut rows = Vec::new();
    while let Some(ended) = all.next().await {
        rows.push(match ended {
            Ok((row, job)) => {
                job.as_ref().map_or(Ok(()), |job| told.canceled(job))?;
                row
            }
            Err((id, refusal)) => told.refused(&id, refusal),
        });
    }
    Ok(rows)
}

/// The job as it ended; killed where it had not by then.
async fn end_within(
    context: &Context,
    args: &CancelArgs,
    id: &str,
    until: Instant,
    quiet: bool,
) -> Result<(Job, Value), Refusal> {
    let mut end = pin!(wait::end(context, id, quiet, None));
    tokio::select! {
        ended = &mut end => return ended.map_err(Refusal::Here),
        () = sleep_until(until) => {}
    }
    match cancel(context, id, "FORCE", args.note.as_deref()).await {
        // It ended meanwhile.
        Err(Refusal::There(error)) if code(&error) == Some("INVALID_STATE") => {}
        forced => drop(forced?),
    }
    end.await.map_err(Refusal::Here)
}

async fn cancel(
    context: &Context,
    id: &str,
    mode: &str,
    note: Option<&str>,
) -> Result<Value, Refusal> {
    let id = resolve(&context.client, id).await.map_err(Refusal::Here)?;
    let variables = json!({"id": id, "mode": mode, "note": note});
    let payload = context.client.field(CANCEL_JOB, &variables, "cancelJob").await;
    payload.map_err(Refusal::There)
}

/// Why one of the jobs is not asked to stop.
enum Refusal {
    /// The id fits no job, or several; or the job is no longer there.
    Here(Failure),
    /// The server says no.
    There(ClientError),
}

/// The server's code, where it said one.
fn code(error: &ClientError) -> Option<&str> {
    let ClientError::Refused(errors) = error else { return None };
    errors.first().and_then(GraphqlError::code)
}

/// Tells of one job after the other.
struct Told {
    json: bool,
    /// The exit code of the first that could not be stopped.
    code: u8,
}

impl Told {
    fn canceled(&self, job: &Job) -> Result<(), Failure> {
        if self.json {
            return Ok(());
        }
        // Whoever stops reading did not ask for fewer.
        output::beside(output::line(&format!("{}  {}", job.id, job.state)))
    }

    /// The row of one that could not be.
    fn refused(&mut self, id: &str, refusal: Refusal) -> Value {
        let (code_of_api, failure) = match refusal {
            Refusal::Here(failure) => (None, failure),
            Refusal::There(error) => (code(&error).map(str::to_owned), Failure::from(error)),
        };
        output::say(&format!("{failure}\n  job: {id}"));
        self.code = if self.code == DONE { failure.code } else { self.code };
        json!({"id": id, "error": {"code": code_of_api, "message": failure.message()}})
    }
}
