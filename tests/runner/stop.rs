//! Orders to a running attempt.

use std::time::Duration;

use longhaul::domain::attempt::AttemptEnd;
use longhaul::domain::state::EndReason;
use longhaul::runner::{AttemptSpec, Order, Report};

use super::rig::{Rig, marked, shell};

/// Sends the order once the script has printed something.
async fn stopped(spec: &AttemptSpec, order: Order) -> AttemptEnd {
    let rig = Rig::new();
    let mut attended = rig.start(spec).await;
    attended.reports.until(|report| matches!(report, Report::LogGrew)).await;
    attended.control.order(order);
    let end = attended.reports.end().await;
    assert!(marked(spec).is_empty(), "P8");
    end
}

/// Ends well when it is asked to, which is no success (P9).
const POLITE: &str = "trap 'exit 0' TERM; echo ready; while :; do sleep 100 & wait; done";
/// Takes no notice.
const STUBBORN: &str = "trap '' TERM; echo ready; while :; do sleep 100 & wait; done";

fn with_grace(script: &str, grace: Duration) -> AttemptSpec {
    let mut spec = shell(script);
    spec.policy.grace = grace;
    spec
}

process_test! {
    async fn a_cancel_is_no_success_whatever_the_exit_code_says() {
        // P9
        let end = stopped(&with_grace(POLITE, Duration::from_secs(600)), Order::Cancel).await;
        assert_eq!((end.reason, end.exit_code), (EndReason::CancelRequested, Some(0)));
        assert_eq!(end.text, "canceled on request");
    }
}

process_test! {
    async fn a_cancel_becomes_a_kill_after_the_grace() {
        // P10
        let end = stopped(&with_grace(STUBBORN, Duration::from_millis(50)), Order::Cancel).await;
        assert_eq!((end.reason, end.signal), (EndReason::CancelRequested, Some(9)));
        assert_eq!(end.text, "canceled on request, by SIGKILL");
    }
}

process_test! {
    async fn a_forced_cancel_waits_for_no_grace() {
        // P10
        let end = stopped(&with_grace(STUBBORN, Duration::from_secs(600)), Order::CancelNow).await;
        assert_eq!((end.reason, end.signal), (EndReason::CancelRequested, Some(9)));
    }
}

process_test! {
    async fn a_shutdown_says_that_it_was_one() {
        let grace = Duration::from_secs(600);
        let end = stopped(&with_grace(POLITE, grace), Order::Shutdown).await;
        assert_eq!((end.reason, end.may_have_started), (EndReason::Shutdown, true));
        let end = stopped(&with_grace(STUBBORN, grace), Order::ShutdownNow).await;
        assert_eq!((end.reason, end.signal), (EndReason::Shutdown, Some(9)));
    }
}

process_test! {
    async fn a_timeout_names_the_limit_and_the_kill() {
        // At once, however far the command has come by then.
        let mut spec = with_grace(STUBBORN, Duration::ZERO);
        spec.timeout = Some(Duration::from_millis(300));
        let end = Rig::new().run(&spec).await;
        assert_eq!(end.reason, EndReason::Timeout);
        assert_eq!(
            end.text,
            "ran longer than its timeout of 300ms and was killed by SIGKILL after 0ms grace"
        );
    }
}

process_test! {
    async fn an_order_that_comes_too_late_is_no_error() {
        let rig = Rig::new();
        let mut attended = rig.start(&shell("true")).await;
        attended.reports.until(|report| matches!(report, Report::Gone)).await;
        attended.control.order(Order::Cancel);
        attended.control.order(Order::ShutdownNow);
    }
}

process_test! {
    async fn a_control_that_is_dropped_stops_nothing() {
        let rig = Rig::new();
        let gate = super::rig::gate(rig.folder.path());
        let mut spec = shell("read go < $0");
        spec.argv.push(gate.to_str().unwrap().to_owned());
        let attended = rig.start(&spec).await;
        drop(attended.control);
        tokio::task::spawn_blocking(move || super::rig::open_gate(&gate)).await.unwrap();
        assert_eq!(attended.reports.end().await.reason, EndReason::Ok);
    }
}
