//! The lease of the worker, as the shim keeps it: P11 holds also where the worker is frozen.

use std::time::Duration;

use longhaul::domain::clock::since_boot;
use longhaul::shim::protocol::{Lease, LifelineByte, StopCause};

use super::driver::{Attempt, shell};

/// An attempt that may run for so long, from now on.
fn leased(script: &str, length: Duration) -> Attempt {
    let mut attempt = shell(script);
    // Three quarters of it are what the shim allows.
    attempt.spec.lease = Some(Lease::of(since_boot(), length));
    attempt
}

#[test]
fn without_a_renewal_the_tree_is_stopped_before_the_lease_is_over() {
    let begun = since_boot();
    // Its trap is set long before that.
    let length = Duration::from_secs(8);
    let ended = leased("trap '' TERM; sleep 600; sleep 600", length).start().end();
    let exit = ended.exit();
    assert_eq!((exit.stop, exit.signal), (Some(StopCause::Lease), Some(9)));
    assert_eq!(ended.system_lines().lines().next(), Some("the lease ran out: TERM, KILL in 1.6s"));
    let took = since_boot().saturating_sub(begun);
    assert!(took >= length * 3 / 4 + length / 5, "{took:?}");
}

#[test]
fn a_renewal_keeps_it_running() {
    // What the command does takes longer than the lease that it began with.
    let attempt =
        leased("read go < $LONGHAUL_PROGRESS.gate; sleep 4.7; exit 5", Duration::from_secs(6));
    let mut gate = attempt.gate();
    let mut shim = attempt.start();
    shim.renew(Lease::of(since_boot(), Duration::from_secs(600)));
    gate.open();
    let ended = shim.end();
    assert_eq!((ended.exit().stop, ended.exit().exit_code), (None, Some(5)));
}

#[test]
fn a_renewal_that_was_said_late_is_worth_no_more() {
    let begun = since_boot();
    let attempt = leased("sleep 600", Duration::from_secs(2));
    let early = Lease::of(since_boot(), Duration::from_millis(4));
    let mut shim = attempt.start();
    // Of a moment before: what is known already holds longer.
    shim.renew(early);
    shim.order(LifelineByte::LeaseRenewed);
    let ended = shim.end();
    assert_eq!(ended.exit().stop, Some(StopCause::Lease));
    let took = since_boot().saturating_sub(begun);
    assert!(took >= Duration::from_millis(1_500), "{took:?}");
}

#[test]
fn what_begins_past_the_lease_never_runs() {
    let mut attempt = shell("echo ran");
    attempt.spec.lease = Some(Lease { until_ms: 1, grace_ms: 1 });
    let ended = attempt.run();
    assert_eq!((ended.exit().stop, ended.started), (Some(StopCause::Lease), false));
    assert_eq!(ended.log.text(), "");
}
