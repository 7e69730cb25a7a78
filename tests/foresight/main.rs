//! `make foresight LOG=file.swf SLOTS=n`: how well a start can be told, on any log in the Standard
//! Workload Format.
//!
//! The log is replayed as one queue, and each job that has to wait is told when it will start, by the code
//! that the server runs and with what could be known then. Beside it stand what two others would have
//! told in the same replay.
//!
//! - `swf`: reads a log; `replay`: plays it, asks, and keeps the score; `baselines`: the others.
#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on has nothing to say")]

mod baselines;
mod replay;
mod swf;

use std::path::Path;
use std::process::ExitCode;

use baselines::{ByKind, MeanRun};
use replay::{Ours, Score, play, replay};

fn main() -> ExitCode {
    // Cargo adds `--bench`.
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let [log, slots] = &arguments[..] else {
        return refuse("usage: make foresight LOG=file.swf SLOTS=n (also .swf.gz, .zip)");
    };
    let Some(slots) = slots.parse().ok().filter(|&slots: &usize| slots > 0) else {
        return refuse(&format!("SLOTS is `{slots}`: expected a whole number from 1 on"));
    };
    let jobs = match swf::jobs(Path::new(log)) {
        Ok(jobs) if jobs.is_empty() => {
            return refuse(&format!("`{log}` holds no job in the Standard Workload Format"));
        }
        Ok(jobs) => jobs,
        Err(error) => {
            return refuse(&format!("cannot read the log `{log}` ({error}): name one by LOG="));
        }
    };
    let played = play(&jobs, slots);
    let mut figures = Vec::new();
    for (name, score) in [
        ("mean run × jobs ahead ÷ slots", replay(&played, slots, &mut MeanRun::new(slots))),
        ("simulation by kind", replay(&played, slots, &mut ByKind::new(slots))),
        ("Longhaul", replay(&played, slots, &mut Ours::new(slots))),
    ] {
        figures.push((name, score));
    }
    let (_, ours) = &figures[figures.len() - 1];
    say(&format!(
        "{log}: {} jobs on {slots} slots, {} of them wait, {:.0} s on average over all",
        ours.jobs,
        ours.told + ours.untold,
        ours.waits / count(ours.jobs)
    ));
    say(
        "| S21: start told at acceptance | mean error of the likely ÷ mean wait | before the likely | before the latest, of those that wait | of all starts | told nothing |",
    );
    say("|---|---|---|---|---|---|");
    for (name, score) in &figures {
        say(&row(name, score));
    }
    say("good: error ÷ wait at most 0.45, goal 0.38; before the latest 0.90 ± 0.04, goal ± 0.02");
    ExitCode::SUCCESS
}

fn row(name: &str, score: &Score) -> String {
    let Score { jobs, told, untold, before_latest, before_likely, waits, errors } = score;
    let at_once = jobs - told - untold;
    format!(
        "| {name} | {:.3} | {:.3} | {:.3} | {:.3} | {untold} |",
        errors / waits,
        count(*before_likely) / count(*told),
        count(*before_latest) / count(*told),
        count(before_latest + at_once) / count(told + at_once),
    )
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap())
}

#[expect(clippy::print_stderr, reason = "it is what the program is for")]
fn refuse(why: &str) -> ExitCode {
    eprintln!("foresight: {why}");
    ExitCode::from(2)
}

#[expect(clippy::print_stdout, reason = "it is what the program is for")]
fn say(line: &str) {
    println!("{line}");
}
