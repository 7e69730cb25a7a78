//! Commands that make something else of the files of their attempt's folder (P8, P10, P12).

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use futures::StreamExt;
use longhaul::domain::attempt::AttemptEnd;
use longhaul::domain::kind::Kind;
use longhaul::domain::log::LogStream;
use longhaul::domain::state::EndReason;
use longhaul::runner::{AttemptSpec, Recovered, Report};
use longhaul::shim::protocol::StatusByte;

use super::recovery::{prepare, recovered, stored};
use super::rig::{Rig, again, gate, kind, marked, of_kind, open_gate, shell, within};
use crate::support::{executable, print};

/// Every name in the folder, and some that are yet to come.
const NAMES: &[&str] = &[
    "lock",
    "spec.json",
    "args.json",
    "environment",
    "result-schema.json",
    "started",
    "void",
    "exit.json",
    "exit.json.tmp",
    "log.head",
    "log.tail.0",
    "log.tail.5",
    "progress",
    "result",
    "shim.err",
    "work",
    "work.removed",
];

/// What becomes of `$f`.
const DAMAGES: &[&str] = &[
    "rm -rf \"$f\"; mkfifo \"$f\"",
    "rm -rf \"$f\"; mkdir -p \"$f/below\"",
    "rm -rf \"$f\"; ln -s /dev/zero \"$f\"",
    "rm -rf \"$f\"; ln -s \"$f\" \"$f\"",
    "rm -rf \"$f\"; truncate -s 1T \"$f\"",
    "[ -e \"$f\" ] || : > \"$f\"; chmod 0 \"$f\"",
    "rm -rf \"$f\"",
];

/// How many attempts run at once.
const AT_ONCE: usize = 8;

/// Damages a file, prints, waits at the gate and ends as is said.
fn damaging(name: &str, damage: &str, end: &str, gate: &Path) -> AttemptSpec {
    let script =
        format!("f=\"${{LONGHAUL_RESULT%/*}}/$1\"; {damage}; echo 50%; read go < $0; {end}");
    let script = script.replace('{', "{{").replace('}', "}}");
    let pattern = Some(r"(?P<percent>\d+)%".to_owned());
    let kind = kind(&["sh", "-c", &script, gate.to_str().unwrap(), name]);
    of_kind(Kind { progress_pattern: pattern, ..kind })
}

/// Runs one to its end, and reads its log meanwhile and afterwards. What was wrong, in words.
async fn outlives(rig: Arc<Rig>, name: &'static str, damage: &'static str) -> Option<String> {
    let what = format!("{name}: {damage}");
    let folder = tempfile::tempdir().unwrap();
    let gate = gate(folder.path());
    let spec = damaging(name, damage, "exit 7", &gate);
    let mut attended = rig.start(&spec).await;
    attended.reports.until(|report| matches!(report, Report::LogGrew)).await;
    let read = {
        let (rig, spec) = (Arc::clone(&rig), spec.clone());
        move || {
            rig.lines(&spec, LogStream::Stdout);
            let raw = rig.runner.logs().raw(spec.job, spec.number, None).unwrap();
            raw.read(0..u64::MAX).for_each(|piece| drop(piece.unwrap()));
        }
    };
    within(&what, tokio::task::spawn_blocking(read.clone())).await.unwrap();
    within(&what, tokio::task::spawn_blocking(move || open_gate(&gate))).await.unwrap();
    let end = within(&what, attended.reports.end()).await;
    within(&what, tokio::task::spawn_blocking(read)).await.unwrap();
    let mut wrong = String::new();
    if (end.reason, end.exit_code) != (EndReason::ExitCode, Some(7)) {
        let _ = write!(wrong, "{what}: {:?}, {}", end.reason, end.text);
    }
    if !marked(&spec).is_empty() {
        let _ = write!(wrong, "{what}: processes are left");
    }
    Some(wrong).filter(|wrong| !wrong.is_empty())
}

process_test! {
    async fn whatever_becomes_of_its_files_an_attempt_is_read_and_ends_as_it_did() {
        let rig = Arc::new(Rig::new());
        let all = NAMES.iter().flat_map(|name| DAMAGES.iter().map(move |damage| (*name, *damage)));
        let faults: Vec<String> = futures::stream::iter(all)
            .map(|(name, damage)| outlives(Arc::clone(&rig), name, damage))
            .buffer_unordered(AT_ONCE)
            .filter_map(std::future::ready)
            .collect()
            .await;
        assert!(faults.is_empty(), "{faults:#?}");
    }
}

/// What the next server makes of an attempt whose command ran, after something was done with `$f`.
async fn found(rig: &Rig, name: &str, damage: &str) -> AttemptEnd {
    let spec = shell("true");
    prepare(rig, &spec);
    let folder = rig.attempt(&spec);
    fs::write(folder.join("started"), "").unwrap();
    let path = folder.join(name);
    let path = path.to_str().unwrap().trim_end_matches('/');
    let done = Command::new("sh").args(["-c", damage]).env("f", path).status().unwrap();
    assert!(done.success(), "{name}: {damage}");
    let attempt = stored(rig, &spec);
    let attempt = longhaul::domain::attempt::Attempt { spawned: true, ..attempt };
    let what = format!("{name}: {damage}");
    let (found, told) = within(&what, recovered(rig, attempt)).await;
    match found {
        Recovered::Settled(end) => end,
        Recovered::Alive(_) => panic!("{what}: taken for alive, {:?}", told.seen()),
    }
}

process_test! {
    async fn whatever_became_of_its_files_the_next_server_settles_a_lost_attempt() {
        // P3, P11
        let rig = Rig::new();
        let mut faults = Vec::new();
        for name in NAMES {
            for damage in DAMAGES {
                let end = found(&rig, name, damage).await;
                if (end.reason, end.may_have_started) != (EndReason::Lost, true) {
                    faults.push(format!("{name}: {damage}: {end:?}"));
                }
            }
        }
        assert!(faults.is_empty(), "{faults:#?}");
    }
}

process_test! {
    async fn a_lost_attempt_says_what_of_its_folder_was_damaged() {
        let rig = Rig::new();
        for name in ["lock", "void", "exit.json"] {
            for damage in &DAMAGES[..4] {
                let text = found(&rig, name, damage).await.text;
                assert!(text.contains(&format!("`{name}` in its folder is damaged: ")), "{text}");
            }
        }
        let text = found(&rig, "exit.json", "echo x > \"$f\"").await.text;
        assert!(text.ends_with("it is no whole record of an end"), "{text}");
        for damage in ["rm -rf \"$f\"; : > \"$f\"", DAMAGES[0], DAMAGES[2], DAMAGES[3]] {
            let text = found(&rig, "", damage).await.text;
            assert!(text.contains("its folder is damaged: "), "{damage}: {text}");
        }
    }
}

process_test! {
    async fn a_command_that_takes_its_start_back_and_kills_its_shim_has_run() {
        // P9: `at_most_once` rests on it.
        let rig = Rig::new();
        let end = rig.run(&shell("rm ../started; kill -KILL $PPID; sleep 1000")).await;
        assert_eq!((end.reason, end.may_have_started), (EndReason::Lost, true));
    }
}

process_test! {
    async fn it_has_run_too_where_its_shim_came_to_say_no_more_than_that_it_may() {
        // P9: the command may do so before the shim has seen that it exists.
        let folder = tempfile::tempdir().unwrap();
        let killed = folder.path().join("shim");
        let says = char::from(StatusByte::Starting as u8);
        executable::write(&killed, &format!("#!/bin/sh\nprintf {says}\nkill -KILL $$\n"));
        let rig = Rig::with(|options| options.shim_program = killed);
        let end = rig.run(&shell("true")).await;
        assert_eq!((end.reason, end.may_have_started), (EndReason::Lost, true), "{}", end.text);
    }
}

#[test]
fn so_it_is_for_a_user_whom_modes_bind() {
    let as_nobody = || {
        let mut nobody = Command::new("setpriv");
        nobody.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        nobody
    };
    let tried = as_nobody().arg(std::env::current_exe().unwrap()).arg("--list").output();
    if !tried.as_ref().is_ok_and(|tried| tried.status.success()) {
        print("not tried: it takes root, and a binary that anybody may run");
        return;
    }
    for test in [
        "whatever_becomes_of_its_files_an_attempt_is_read_and_ends_as_it_did",
        "whatever_became_of_its_files_the_next_server_settles_a_lost_attempt",
    ] {
        let mut nobody = as_nobody();
        nobody.arg(std::env::current_exe().unwrap());
        again(&format!("it::runner::damage::{test}"), nobody);
    }
}
