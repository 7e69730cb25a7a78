//! `longhaul run`: starts a job and stays with it, so that it can stand where the command itself
//! stood: what the job prints is printed, and its exit code is ours.

use std::io::IsTerminal as _;
use std::time::Duration;

use clap::Args;
use serde_json::{Map, Value, json};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, sleep, sleep_until};

use crate::domain::clock::{Clock as _, SystemClock};

use super::client::{Client, Follow, read};
use super::exit::{BUG, FAILED, Failure, INTERRUPTED, of_job};
use super::live_line::{LiveLine, due};
use super::logs::print_line;
use super::model::{Job, LogChunk, Status};
use super::operations::{CANCEL_JOB, JOB, JOB_LOG, JOB_STATUS};
use super::progress_line::Drawing;
use super::start::{StartArgs, request, send};
use super::{Context, output};

/// How long the rest of the log is waited for without a word of it, once the job has ended.
const LOG_REST: Duration = Duration::from_secs(10);
/// Place and progress are told at most once in this time; states at once.
const PROGRESS_PAUSE: Duration = Duration::from_secs(1);
/// A second Ctrl-C in this time cancels the job, where somebody sits at a terminal to press it.
const AGAIN: Duration = Duration::from_secs(2);

/// What `run` takes.
#[derive(Debug, Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    start: StartArgs,
    /// Do not stay: print the id and end, as `longhaul start` does
    #[arg(long)]
    detach: bool,
}

/// Starts a job, shows it, and ends as it does.
pub(super) async fn run(context: &Context, args: RunArgs) -> Result<u8, Failure> {
    if args.detach {
        return super::start::run(context, &args.start).await;
    }
    let input = request(&context.client, &args.start).await?;
    let mut interrupts = signal(SignalKind::interrupt())
        .map_err(|error| Failure::new(FAILED, format!("Ctrl-C cannot be heard: {error}")))?;
    let (job, row) = tokio::select! {
        started = send(&context.client, &args.start, input) => started?,
        _ = interrupts.recv() => {
            output::say("longhaul: interrupted before the server answered: the job may have been accepted; see `longhaul list`");
            return Ok(INTERRUPTED);
        }
    };
    if context.json {
        output::beside(output::record(&json!({"type": "started", "job": row})))?;
    } else {
        output::say(&format!("job {}", job.id));
    }
    let mut watch = Watch::new(&context.client, &job.id, context.json);
    let mut has_ended = false;
    let ended = async {
        // Where the command itself stood, it would end by SIGPIPE: whoever goes by the code must not take it for done.
        watch.until_ended().await.map_err(Failure::of_what_goes_on)?;
        has_ended = true;
        last_word(&context.client, &job.id).await
    };
    // Once it is listened for, Ctrl-C ends nothing by itself: every request is made in here.
    let (job, row) = tokio::select! {
        ended = ended => ended?,
        _ = interrupts.recv() => {
            drop(watch);
            let id = &job.id;
            if has_ended {
                output::say(&format!("longhaul: interrupted: the job has ended; see `longhaul status {id}`"));
            } else {
                detach(context, id, &mut interrupts).await?;
            }
            return Ok(INTERRUPTED);
        }
    };
    let line = watch.line.take();
    if context.json {
        output::beside(output::record(&json!({"type": "ended", "job": row})))?;
    } else if line.is_some() {
        drop(line);
        output::say_styled(&Drawing::new().ended(&job, job.took()));
    }
    Ok(of_job(&job))
}

/// Leaves the job alone, unless Ctrl-C comes once more on a terminal: then it is canceled. A script has sent its
/// signal and waits for our end.
async fn detach(context: &Context, id: &str, interrupts: &mut Signal) -> Result<(), Failure> {
    let seconds = AGAIN.as_secs();
    let is_attended = std::io::stderr().is_terminal();
    let again =
        if is_attended { format!("; Ctrl-C within {seconds} s cancels it") } else { String::new() };
    output::say(&format!(
        "longhaul: detached: the job goes on; stop it with `longhaul cancel {id}`, watch it with `longhaul logs -f {id}`{again}"
    ));
    if !is_attended {
        return Ok(());
    }
    tokio::select! {
        () = sleep(AGAIN) => return Ok(()),
        _ = interrupts.recv() => {}
    }
    let variables = json!({"id": id, "note": "Ctrl-C"});
    tokio::select! {
        canceled = context.client.field(CANCEL_JOB, &variables, "cancelJob") => {
            canceled?;
            output::say(&format!("longhaul: the job is asked to stop; `longhaul wait {id}` tells when it has ended"));
        }
        // Enough is enough.
        _ = interrupts.recv() => {
            output::say(&format!("longhaul: interrupted: whether the job is canceled says `longhaul status {id}`"));
        }
    }
    Ok(())
}

/// The job as it ended, read anew: that is the truth that the exit code rests on.
pub(super) async fn last_word(client: &Client, id: &str) -> Result<(Job, Value), Failure> {
    let row = client.field(JOB, &json!({"id": id}), "job").await?;
    if row.is_null() {
        return Err(Failure::new(BUG, format!("the server no longer knows job {id}")));
    }
    Ok((read(JOB, &row)?, row))
}

/// The state and the log of one job, followed together.
struct Watch<'c> {
    status: Follow<'c>,
    log: Follow<'c>,
    json: bool,
    /// What was told last, without how soon the next change comes: that moves by itself.
    told: Option<String>,
    state: String,
    quiet_until: Instant,
    /// What is told when the pause is over.
    pending: Option<Status>,
    dropped_bytes: u64,
    /// Where there is a terminal: the line that is written anew.
    line: Option<LiveLine>,
}

impl<'c> Watch<'c> {
    fn new(client: &'c Client, id: &str, json: bool) -> Self {
        let variables = || Map::from_iter([("id".to_owned(), json!(id))]);
        Self {
            status: client.follow(JOB_STATUS, variables()),
            // Both lose the server at the same time; one of them says so.
            log: client.follow(JOB_LOG, variables()).quiet(),
            json,
            told: None,
            state: String::new(),
            quiet_until: Instant::now(),
            pending: None,
            dropped_bytes: 0,
            line: if json { None } else { LiveLine::new(String::new()) },
        }
    }

    /// Shows everything until the job has ended and its log is complete.
    async fn until_ended(&mut self) -> Result<(), Failure> {
        let (mut ended, mut complete) = (None, false);
        while ended.is_none() || !complete {
            tokio::select! {
                // Whoever is slow to take what is printed loses none of it: what is there comes before the deadline.
                biased;
                event = self.status.next(), if ended.is_none() => {
                    let last = match event? {
                        Some(data) => self.show_status(&data["jobStatus"])?,
                        None => true,
                    };
                    ended = last.then(|| Instant::now() + LOG_REST);
                }
                () = due(self.line.as_ref()) => self.line.iter_mut().for_each(LiveLine::tick),
                () = sleep_until(self.quiet_until), if self.pending.is_some() => {
                    self.tell_pending();
                }
                event = self.log.next(), if !complete => {
                    complete = match event? {
                        Some(data) => self.show_log(&data["jobLog"])?,
                        None => true,
                    };
                    ended = ended.map(|_| Instant::now() + LOG_REST);
                }
                () = sleep_until(ended.unwrap_or_else(Instant::now)), if ended.is_some() => {
                    // A server that is away is waited for as long as anywhere.
                    if self.log.is_away() {
                        ended = Some(Instant::now() + LOG_REST);
                    } else {
                        output::say("the rest of the log did not come in time; see `longhaul logs`");
                        complete = true;
                    }
                }
            }
        }
        Ok(())
    }

    /// Shows an event; `true`: it is the last.
    fn show_status(&mut self, event: &Value) -> Result<bool, Failure> {
        if self.json {
            output::record(&json!({"type": "status", "status": event}))?;
            return Ok(event["terminal"] == Value::Bool(true));
        }
        let status: Status = read(JOB_STATUS, event)?;
        let last = status.terminal;
        if let Some(line) = &mut self.line {
            line.show(status);
            return Ok(last);
        }
        let is_new = self.state != status.state;
        self.state.clone_from(&status.state);
        self.pending = Some(status).filter(|status| self.told != Some(status.told()));
        if is_new || Instant::now() >= self.quiet_until {
            self.tell_pending();
        }
        Ok(last)
    }

    fn tell_pending(&mut self) {
        if let Some(status) = self.pending.take() {
            // A job's own words cannot move the cursor.
            output::say(&output::one_line(&status.told_at(SystemClock.now())));
            self.told = Some(status.told());
            self.quiet_until = Instant::now() + PROGRESS_PAUSE;
        }
    }

    /// Shows a part of the log; `true`: it is the last.
    fn show_log(&mut self, chunk: &Value) -> Result<bool, Failure> {
        let chunk: LogChunk = read(JOB_LOG, chunk)?;
        for line in &chunk.lines {
            if self.json {
                output::record(&json!({"type": "log", "line": line}))?;
            } else {
                print_line(&read(JOB_LOG, line)?)?;
            }
        }
        if chunk.dropped_bytes > self.dropped_bytes {
            let bytes = chunk.dropped_bytes - self.dropped_bytes;
            output::say(&format!("{bytes} bytes of the log are left out: it grew past its limit"));
            self.dropped_bytes = chunk.dropped_bytes;
        }
        // Where it stopped is where the next connection goes on.
        self.log.set("after", json!(chunk.cursor));
        Ok(chunk.complete)
    }
}
