//! Trees that spread: whatever leaves its group, its session or its parent goes with the rest (P8).
//! That nothing is left is checked by the driver after every end.

use std::time::Duration;

use longhaul::shim::protocol::{LifelineByte, StopCause};

use super::driver::{Ended, attempt, shell};

const KILL: i32 = 9;
/// What the pipes get after the command's own end.
const LINGER: Duration = Duration::from_secs(1);

#[test]
fn what_leaves_its_parent_its_group_or_its_session_goes_with_the_rest() {
    let spreads = [
        "setsid sleep 600 & setsid setsid sleep 600 & echo ready; wait",
        "( ( sleep 600 & ) & ) ; ( setsid sh -c '( sleep 600 & ) ; sleep 600' & ); echo ready; sleep 600",
        "set -m; sleep 600 & (sleep 600; true) & echo ready; wait",
        "trap '' TERM; ( trap '' TERM; setsid sleep 600 & ) ; echo ready; sleep 600",
        "nohup setsid sleep 600 </dev/null >/dev/null 2>&1 & echo ready; wait",
    ];
    for spread in spreads {
        for order in [LifelineByte::Cancel, LifelineByte::CancelNow] {
            let mut shim = shell(spread).grace_ms(200).start();
            shim.until_printed("ready");
            shim.order(order);
            assert_eq!(shim.end().exit().stop, Some(StopCause::Cancel), "{spread}");
        }
    }
}

/// The first of ten ends that came before `within`: a machine that is busy may be late once, and who waits in vain
/// is late each time.
fn soon(script: &str, within: Duration) -> Ended {
    let mut late = Vec::new();
    for _ in 0..10 {
        let ended = shell(script).run();
        if ended.took < within {
            return ended;
        }
        late.push(ended.took);
    }
    panic!("all were late: {late:?}");
}

#[test]
fn a_daemon_left_after_success_goes_at_once_and_success_stays() {
    // Nobody holds the pipes.
    let ended = soon("setsid sleep 600 </dev/null >/dev/null 2>&1 & exit 0", LINGER);
    assert_eq!((ended.exit().exit_code, ended.exit().stop), (Some(0), None));
    assert!(!ended.exit().killed);
}

#[test]
fn a_child_that_holds_the_pipe_gets_a_second_to_print() {
    let ended = soon("( sleep 0.2; echo late; sleep 600 ) & echo early; exit 0", 3 * LINGER);
    assert_eq!(ended.exit().exit_code, Some(0));
    assert_eq!(ended.log.text(), "early\nlate\n");
    assert!(ended.took >= LINGER, "{:?}", ended.took);
    let told = ended.exit().ended_at_ms - ended.exit().started_at_ms;
    let took = i64::try_from(ended.took.as_millis()).unwrap();
    assert!(told <= took - 900, "the end is the command's own: {told} of {took} ms");
}

#[test]
fn a_tree_that_ends_within_its_second_ends_the_wait() {
    let ended = soon("( sleep 0.1; echo late ) & exit 0", LINGER);
    assert_eq!(ended.log.text(), "late\n");
}

#[test]
fn killing_its_own_group_does_not_reach_the_shim() {
    let ended = shell("trap 'kill 0' EXIT; sleep 600 & exit 0").run();
    assert_eq!((ended.exit().exit_code, ended.exit().signal), (None, Some(15)));
    let ended = shell("kill -9 0").run();
    assert_eq!(ended.exit().signal, Some(KILL));
    assert_eq!((ended.exit().stop, ended.exit().killed), (None, false));
}

#[test]
fn a_command_that_joins_the_shims_group_is_asked_all_the_same() {
    let script = "setpgrp(0, getppid()) or die $!; $| = 1; print qq(ready\\n); \
                  $SIG{TERM} = sub { exit 8 }; kill TERM, 0 if @ARGV; sleep 600";
    let mut shim = attempt(&["/usr/bin/perl", "-e", script]).start();
    shim.until_printed("ready");
    shim.order(LifelineByte::Cancel);
    let ended = shim.end();
    assert_eq!(ended.exit().stop, Some(StopCause::Cancel));
    assert!(!ended.exit().killed, "{:?}", ended.exit());
}

#[test]
fn what_forks_while_it_is_killed_is_killed_too() {
    // Bounded, in case the test fails: 2,000 processes that each wait.
    let script = "trap '' TERM; i=0; while [ $i -lt 2000 ]; do sleep 600 & i=$((i+1)); \
                  [ $i -eq 20 ] && echo ready; done; wait";
    let mut shim = shell(script).start();
    shim.until_printed("ready");
    shim.order(LifelineByte::CancelNow);
    assert_eq!(shim.end().exit().signal, Some(KILL));
}

#[test]
fn orphans_that_end_while_the_command_runs_are_reaped() {
    // However long the machine takes for them: the command tells who is left once it is alone, or in the end.
    let script = "i=0; while [ $i -lt 50 ]; do ( true & ) ; i=$((i+1)); done; \
                  left() { cat /proc/$PPID/task/$PPID/children; }; i=0; \
                  while [ \"$(left)\" != \"$$ \" ] && [ $i -lt 300 ]; do sleep 0.1; i=$((i+1)); done; \
                  [ \"$(left)\" = \"$$ \" ] && echo alone || left";
    let ended = shell(script).run();
    assert_eq!(ended.log.text(), "alone\n", "the command is the shim's only child");
}
