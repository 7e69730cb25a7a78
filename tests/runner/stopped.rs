//! Supervisors that a command stops, so that they neither hear an order nor keep a timeout (P8, P10).

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use longhaul::domain::state::EndReason;
use longhaul::runner::{AttemptSpec, Order, Recovered, Report};

use super::recovery::{locked, prepare, recovered, shim, stored};
use super::rig::{Rig, exists, gate, marked, shell};
use crate::support::executable;

/// Stops its shim, says so at the gate, and goes on.
const STOPPER: &str = "kill -STOP $PPID; echo stopped > $0; exec sleep 1000";

/// As a shim: begins a session, leaves a child without the key, says so at the gate, and stays stopped
/// whoever wakes it.
const NEVER_WAKES: &str = "[ \"$3\" ] || exec setsid \"$0\" \"$@\" again; env -i sleep 1000 & echo $! > \"$2/below\"; : > \"$2/started\"; \
                           echo stopped > \"$GATE\"; while :; do kill -STOP $$; done";

async fn opened(gate: &Path) {
    let gate = gate.to_owned();
    let read = move || File::open(gate).unwrap().read_to_string(&mut String::new()).unwrap();
    tokio::task::spawn_blocking(read).await.unwrap();
}

fn stopper(gate: &Path, grace: Duration) -> AttemptSpec {
    let mut spec = shell(STOPPER);
    spec.argv.push(gate.to_str().unwrap().to_owned());
    spec.policy.grace = grace;
    spec
}

process_test! {
    async fn a_stopped_shim_is_woken_by_an_order() {
        let rig = Rig::new();
        for order in [Order::Cancel, Order::CancelNow, Order::Shutdown, Order::ShutdownNow] {
            let folder = tempfile::tempdir().unwrap();
            let gate = gate(folder.path());
            let spec = stopper(&gate, Duration::from_secs(600));
            let attended = rig.start(&spec).await;
            opened(&gate).await;
            attended.control.order(order);
            let end = attended.reports.end().await;
            let (reason, signal) = match order {
                Order::Cancel => (EndReason::CancelRequested, 15),
                Order::CancelNow => (EndReason::CancelRequested, 9),
                Order::Shutdown => (EndReason::Shutdown, 15),
                Order::ShutdownNow => (EndReason::Shutdown, 9),
            };
            assert_eq!((end.reason, end.signal), (reason, Some(signal)));
        }
    }
}

process_test! {
    async fn a_stopped_shim_is_woken_for_its_timeout() {
        let rig = Rig::new();
        let gate = gate(rig.folder.path());
        let mut spec = stopper(&gate, Duration::from_secs(600));
        // It has stopped by then.
        spec.timeout = Some(Duration::from_secs(5));
        let attended = rig.start(&spec).await;
        opened(&gate).await;
        assert_eq!(attended.reports.end().await.reason, EndReason::Timeout);
    }
}

fn never_wakes(folder: &Path, gate: &Path) -> PathBuf {
    let program = folder.join("shim");
    let text = format!("#!/bin/sh\nGATE='{}'\n{NEVER_WAKES}\n", gate.display());
    executable::write(&program, &text);
    program
}

process_test! {
    async fn a_shim_that_stays_stopped_is_killed_soon_after_the_grace() {
        let folder = tempfile::tempdir().unwrap();
        let gate = gate(folder.path());
        let rig = Rig::with(|options| options.shim_program = never_wakes(folder.path(), &gate));
        let mut spec = shell("true");
        spec.policy.grace = Duration::from_millis(100);
        let attended = rig.start(&spec).await;
        opened(&gate).await;
        attended.control.order(Order::Cancel);
        let end = attended.reports.end().await;
        assert_eq!((end.reason, end.may_have_started), (EndReason::Lost, true));
        assert!(end.text.contains("did not do what it was told and was killed"), "{}", end.text);
        assert!(!exists(&rig.attempt(&spec).join("below")), "P8");
    }
}

process_test! {
    async fn a_stopped_shim_of_an_earlier_server_is_woken_to_stop() {
        let rig = Rig::new();
        let gate = gate(rig.folder.path());
        let spec = stopper(&gate, Duration::from_secs(1));
        prepare(&rig, &spec);
        let mut left = shim(&rig.attempt(&spec), &spec);
        opened(&gate).await;
        drop(left.stdin.take());
        let (found, told) = recovered(&rig, stored(&rig, &spec)).await;
        assert!(matches!(found, Recovered::Alive(_)));
        let end = told.end().await;
        assert_eq!((end.reason, end.signal), (EndReason::Lost, Some(15)), "{}", end.text);
        assert!(marked(&spec).is_empty(), "P8");
        // The runner's own child and no shim that it knows: it may be reaped already.
        let _ = left.wait();
    }
}

process_test! {
    async fn a_shim_of_an_earlier_server_that_does_not_stop_goes_with_all_below_it() {
        let rig = Rig::new();
        let spec = shell("true");
        let folder = rig.attempt(&spec);
        let gate = gate(rig.folder.path());
        // The lock goes with the descriptor, whoever has it.
        let lock = locked(&folder);
        let left = Command::new(never_wakes(rig.folder.path(), &gate))
            .arg("shim")
            .arg(&folder)
            .env("LONGHAUL_ATTEMPT_KEY", spec.key.as_str())
            .stdin(Stdio::from(lock))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        opened(&gate).await;
        let (found, told) = recovered(&rig, stored(&rig, &spec)).await;
        assert!(matches!(found, Recovered::Alive(_)));
        let end = told.end().await;
        assert_eq!((end.reason, end.may_have_started), (EndReason::Lost, true));
        assert!(!exists(&folder.join("below")), "P8: what has no key is below it");
        // The runner's own child and no shim that it knows: it is reaped already.
        drop(left);
    }
}

process_test! {
    async fn a_command_that_takes_the_lock_of_its_killed_shim_goes_too() {
        // P3, P8
        let rig = Rig::new();
        let spec = shell(
            "rm ../lock; exec flock ../lock sh -c \"kill -KILL $PPID; exec sleep 1000\"",
        );
        let mut attended = rig.start(&spec).await;
        let ended = attended.reports.until(|report| matches!(report, Report::Ended(_))).await;
        assert!(matches!(ended, Report::Ended(end) if end.reason == EndReason::Lost));
        assert!(marked(&spec).is_empty());
    }
}
