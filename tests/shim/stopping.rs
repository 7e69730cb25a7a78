//! Stops: whoever asks, however the command takes it (P9, P10).

use std::time::{Duration, Instant};

use longhaul::shim::protocol::{LifelineByte, StopCause};
use rustix::process::{Signal, kill_process};

use super::driver::{Ended, Shim, shell};

const KILL: i32 = 9;
const TERM: i32 = 15;
/// Past every grace, an end needs less than this (P10).
const BOUND: Duration = Duration::from_secs(1);
/// What a busy machine may add: far less than any grace that was not to be waited for.
const LATE: Duration = Duration::from_secs(8);

const OBEDIENT: &str = "trap 'echo bye; exit 0' TERM; echo ready; sleep 600 & wait";
const STUBBORN: &str = "trap '' TERM; echo ready; sleep 600; sleep 600";

fn ready(script: &str, grace_ms: u64) -> Shim {
    let mut shim = shell(script).grace_ms(grace_ms).start();
    shim.until_printed("ready");
    shim
}

/// The end after an order, and how long it took.
fn ended_by(mut shim: Shim, order: LifelineByte) -> (Ended, Duration) {
    let asked = Instant::now();
    shim.order(order);
    (shim.end(), asked.elapsed())
}

fn facts(ended: &Ended) -> (Option<StopCause>, Option<i32>, Option<i32>, bool) {
    let exit = ended.exit();
    (exit.stop, exit.exit_code, exit.signal, exit.killed)
}

#[test]
fn an_end_with_zero_after_term_is_a_recorded_stop() {
    let (ended, took) = ended_by(ready(OBEDIENT, 10_000), LifelineByte::Cancel);
    assert_eq!(facts(&ended), (Some(StopCause::Cancel), Some(0), None, false), "P9");
    assert!(took < LATE, "{took:?}");
    assert_eq!(ended.log.text(), "ready\nbye\n");
    assert_eq!(ended.system_lines(), "canceled: TERM, KILL in 10s\n");
}

#[test]
fn each_order_is_recorded_as_what_it_is() {
    let script = "echo ready; exec sleep 600";
    let orders = [
        (LifelineByte::Cancel, StopCause::Cancel, TERM),
        (LifelineByte::CancelNow, StopCause::Cancel, KILL),
        (LifelineByte::Shutdown, StopCause::Shutdown, TERM),
        (LifelineByte::ShutdownNow, StopCause::Shutdown, KILL),
    ];
    for (order, cause, signal) in orders {
        let (ended, took) = ended_by(ready(script, 10_000), order);
        assert_eq!(facts(&ended), (Some(cause), None, Some(signal), signal == KILL));
        assert!(took < LATE, "{order:?} {took:?}");
    }
}

#[test]
fn a_command_that_ignores_term_is_killed_after_its_grace() {
    let grace = Duration::from_millis(300);
    let (ended, took) = ended_by(ready(STUBBORN, 300), LifelineByte::Cancel);
    assert_eq!(facts(&ended), (Some(StopCause::Cancel), None, Some(KILL), true));
    assert!((grace..grace + LATE).contains(&took), "P10: {took:?}");
    let told = "canceled: TERM, KILL in 300ms\ncanceled: still running, KILL\n";
    assert_eq!(ended.system_lines(), told);
}

#[test]
fn a_later_order_at_once_cuts_the_grace_short_and_keeps_the_first_reason() {
    let mut shim = ready(STUBBORN, 50_000);
    shim.order(LifelineByte::Cancel);
    shim.until_log("canceled: TERM");
    let (ended, took) = ended_by(shim, LifelineByte::ShutdownNow);
    assert_eq!(facts(&ended), (Some(StopCause::Cancel), None, Some(KILL), true));
    assert!(took < LATE, "{took:?}");
}

#[test]
fn without_a_server_the_tree_gets_a_second_at_most() {
    let mut shim = ready(STUBBORN, 50_000);
    let left = Instant::now();
    shim.leave();
    let ended = shim.end();
    assert_eq!(facts(&ended), (Some(StopCause::ServerGone), None, Some(KILL), true));
    assert!((BOUND..BOUND + LATE).contains(&left.elapsed()), "{:?}", left.elapsed());

    let mut shim = ready(OBEDIENT, 50_000);
    shim.leave();
    assert_eq!(facts(&shim.end()), (Some(StopCause::ServerGone), Some(0), None, false));
}

#[test]
fn a_timeout_stops_by_itself() {
    let mut attempt = shell(STUBBORN).grace_ms(200);
    // Long after its trap is set.
    attempt.spec.timeout_ms = Some(3_000);
    let ended = attempt.run();
    assert_eq!(facts(&ended), (Some(StopCause::Timeout), None, Some(KILL), true));
    assert!(ended.took >= Duration::from_millis(3_200), "{:?}", ended.took);

    let mut in_time = shell("exit 3");
    in_time.spec.timeout_ms = Some(50_000);
    assert_eq!(facts(&in_time.run()), (None, Some(3), None, false));
}

#[test]
fn a_command_that_stopped_itself_can_end() {
    let script = "trap 'exit 6' TERM; echo ready; kill -STOP $$; sleep 600 & wait";
    let (ended, took) = ended_by(ready(script, 10_000), LifelineByte::Cancel);
    assert_eq!(facts(&ended), (Some(StopCause::Cancel), Some(6), None, false));
    assert!(took < LATE, "{took:?}");
}

#[test]
fn an_order_after_its_own_end_does_not_rewrite_it() {
    // The end stands in the kernel once the shell's number is gone; what it left holds the pipe.
    let mut shim = ready("sleep 600 & echo ready; exit 0", 10_000);
    shim.until_command_ended();
    let (ended, _) = ended_by(shim, LifelineByte::CancelNow);
    assert_eq!(facts(&ended), (None, Some(0), None, false), "P9");
}

#[test]
fn no_polite_signal_ends_the_shim() {
    let shim = ready("echo ready; exec sleep 600", 10_000);
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        kill_process(shim.pid(), signal).unwrap();
    }
    let (ended, _) = ended_by(shim, LifelineByte::Cancel);
    assert_eq!(facts(&ended), (Some(StopCause::Cancel), None, Some(TERM), false));
}
