//! Attempts that an earlier server left open.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use longhaul::domain::attempt::{Attempt, AttemptEnd};
use longhaul::domain::clock::{Clock, SystemClock};
use longhaul::domain::state::EndReason;
use longhaul::runner::{AttemptSpec, REPORTS_BOUND, Recovered, Report, Runner};
use longhaul::shim::protocol::{ExitRecord, Spec, StatusByte, VERSION};
use rustix::fs::{FlockOperation, flock};
use tokio::sync::mpsc;

use super::rig::{BINARY, Rig, Told, marked, shell};

/// The attempt as the store has it.
pub(super) fn stored(rig: &Rig, spec: &AttemptSpec) -> Attempt {
    Attempt {
        job: spec.job,
        worker: None,
        number: spec.number,
        fence: spec.fence,
        key: spec.key.clone(),
        boot_id: rig.runner.boot_id().to_owned(),
        argv: spec.argv.clone(),
        policy: spec.policy.clone(),
        started_at: SystemClock.now(),
        spawned: false,
        ended_at: None,
        reason: None,
        reason_text: None,
        exit_code: None,
        signal: None,
        usage: None,
    }
}

pub(super) async fn recovered(rig: &Rig, attempt: Attempt) -> (Recovered, Told) {
    let (reports, told) = mpsc::channel(REPORTS_BOUND);
    (rig.runner.recover(attempt, reports).await, Told::new(told))
}

pub(super) async fn settled(rig: &Rig, attempt: Attempt) -> AttemptEnd {
    match recovered(rig, attempt).await.0 {
        Recovered::Settled(end) => end,
        Recovered::Alive(_) => panic!("taken for alive"),
    }
}

/// The folder as a server leaves it just before it starts the shim.
pub(super) fn prepare(rig: &Rig, spec: &AttemptSpec) {
    let folder = rig.attempt(spec);
    let environment = format!("LONGHAUL_ATTEMPT_KEY={}\0TOKEN=swordfish\0", spec.key.as_str());
    fs::create_dir_all(&folder).unwrap();
    let spec = Spec {
        version: VERSION,
        job: spec.job,
        attempt: spec.number,
        fence: spec.fence,
        program: "/bin/sh".into(),
        argv: spec.argv.clone(),
        cwd: None,
        stdin_args: false,
        open_files: None,
        timeout_ms: None,
        grace_ms: 10_000,
        log_head_bytes: 1 << 20,
        log_tail_bytes: 1 << 20,
        result_bytes: 64,
        lease: None,
    };
    fs::write(folder.join("spec.json"), serde_json::to_vec(&spec).unwrap()).unwrap();
    fs::write(folder.join("environment"), environment).unwrap();
}

/// A shim of an earlier server.
pub(super) fn shim(folder: &Path, spec: &AttemptSpec) -> Child {
    Command::new(BINARY)
        .arg("shim")
        .arg(folder)
        .env("LONGHAUL_ATTEMPT_KEY", spec.key.as_str())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

pub(super) fn locked(folder: &Path) -> File {
    fs::create_dir_all(folder).unwrap();
    let lock = File::create(folder.join("lock")).unwrap();
    flock(&lock, FlockOperation::NonBlockingLockExclusive).unwrap();
    lock
}

process_test! {
    async fn an_attempt_that_never_ran_is_barred_and_a_late_shim_starts_nothing() {
        // P4: with and without the folder, which is made after the claim.
        for with_folder in [false, true] {
            let rig = Rig::new();
            let spec = shell("touch ran");
            if with_folder {
                prepare(&rig, &spec);
            }
            let end = settled(&rig, stored(&rig, &spec)).await;
            assert_eq!((end.reason, end.may_have_started), (EndReason::NotStarted, false));
            let secrets = fs::read(rig.attempt(&spec).join("environment")).unwrap_or_default();
            assert_eq!(secrets, b"", "it may hold secrets");
            prepare(&rig, &spec);
            let folder = rig.attempt(&spec);
            assert_eq!(shim(&folder, &spec).wait_with_output().unwrap().status.code(), Some(3));
            assert!(!folder.join("started").exists() && !folder.join("work").exists());
            let again = settled(&rig, stored(&rig, &spec)).await;
            assert_eq!(again.reason, EndReason::NotStarted, "as often as it is asked");
        }
    }
}

process_test! {
    async fn a_recorded_end_is_harvested() {
        // P9
        let rig = Rig::new();
        let spec = shell("echo '{\"a\": 1}' > $LONGHAUL_RESULT");
        let lived = rig.run(&spec).await;
        assert_eq!(settled(&rig, stored(&rig, &spec)).await, lived);
        let spec = shell("exit 9");
        rig.run(&spec).await;
        let other_boot = Attempt { boot_id: "another".to_owned(), ..stored(&rig, &spec) };
        assert_eq!(settled(&rig, other_boot).await.exit_code, Some(9));
    }
}

process_test! {
    async fn a_shim_without_a_server_holds_its_slot_until_its_tree_is_gone() {
        // P3, P8
        let rig = Rig::new();
        let spec = shell("trap '' TERM; setsid sleep 1000 & echo $! > below; echo; wait; sleep 1000");
        prepare(&rig, &spec);
        let mut left = shim(&rig.attempt(&spec), &spec);
        // Until it has printed something, and so set its trap.
        let mut news = Vec::new();
        BufReader::new(left.stdout.take().unwrap())
            .read_until(StatusByte::LogGrew as u8, &mut news)
            .unwrap();
        let (found, mut told) = recovered(&rig, stored(&rig, &spec)).await;
        assert!(matches!(found, Recovered::Alive(_)));
        assert!(told.seen().is_empty());
        drop(left.stdin.take());
        let ended = told.until(|report| matches!(report, Report::Ended(_))).await;
        let Report::Ended(end) = ended else { unreachable!() };
        assert_eq!((end.reason, end.signal), (EndReason::Lost, Some(9)), "{}", end.text);
        assert!(end.text.contains("server was gone"), "{}", end.text);
        assert!(matches!(told.next().await, Some(Report::Gone)));
        assert!(told.next().await.is_none());
        assert!(!super::rig::exists(&rig.attempt(&spec).join("work/below")));
        // Here it is the runner's own child and no shim that it knows: it may be reaped already.
        drop(left);
    }
}

process_test! {
    async fn processes_of_a_lost_attempt_are_found_by_their_key() {
        // P8: both server and shim were killed.
        let rig = Rig::new();
        let spec = shell("true");
        prepare(&rig, &spec);
        fs::write(rig.attempt(&spec).join("started"), "").unwrap();
        let mut left = Command::new("sh")
            .args(["-c", "sleep 1000 & wait"])
            .env("LONGHAUL_ATTEMPT_KEY", spec.key.as_str())
            .spawn()
            .unwrap();
        let mut stranger = Command::new("sleep").arg("1000").spawn().unwrap();
        let end = settled(&rig, stored(&rig, &spec)).await;
        assert_eq!((end.reason, end.may_have_started), (EndReason::Lost, true));
        assert!(marked(&spec).is_empty());
        let killed = std::os::unix::process::ExitStatusExt::signal(&left.wait().unwrap());
        assert_eq!(killed, Some(9));
        assert!(stranger.try_wait().unwrap().is_none(), "a child of ours is nobody's orphan");
        stranger.kill().unwrap();
        stranger.wait().unwrap();
    }
}

process_test! {
    async fn what_is_not_known_is_never_told_as_never_ran() {
        // P9: `at_most_once` rests on it.
        let rig = Rig::new();
        let spec = shell("true");
        for attempt in [
            Attempt { spawned: true, ..stored(&rig, &spec) },
            Attempt { boot_id: "another".to_owned(), ..stored(&rig, &spec) },
        ] {
            let end = settled(&rig, attempt).await;
            assert_eq!((end.reason, end.may_have_started), (EndReason::Lost, true));
        }
        let damaged = shell("true");
        rig.run(&damaged).await;
        fs::write(rig.attempt(&damaged).join("exit.json"), "{}").unwrap();
        let end = settled(&rig, stored(&rig, &damaged)).await;
        assert_eq!((end.reason, end.may_have_started), (EndReason::Lost, true));
    }
}

process_test! {
    async fn an_attempt_that_does_not_die_ends_but_is_not_gone() {
        // P10: its slot stays taken.
        let rig = Rig::new();
        let spec = shell("true");
        let folder = rig.attempt(&spec);
        let lock = locked(&folder);
        let record = ExitRecord { unkillable: true, ..ExitRecord::default() };
        fs::write(folder.join("exit.json"), record.seal()).unwrap();
        let (found, mut told) = recovered(&rig, stored(&rig, &spec)).await;
        assert!(matches!(found, Recovered::Alive(_)));
        let first = told.next().await;
        assert!(matches!(&first, Some(Report::Ended(end)) if end.reason == EndReason::Unkillable));
        drop(lock);
        assert!(matches!(told.next().await, Some(Report::Gone)));
        assert!(told.next().await.is_none());
    }
}
