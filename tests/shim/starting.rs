//! What happens before a command exists, and what it finds when it does.

use std::fs::{self, File};
use std::process::Command;

use longhaul::shim::protocol::{
    ARGS, LOCK, LifelineByte, SPEC, STARTED, StatusByte, StopCause, VOID,
};

use super::driver::{Ended, attempt, shell};
use crate::support::executable;

fn spawn_error(ended: &Ended) -> String {
    let exit = ended.exit();
    assert_eq!((exit.exit_code, exit.signal, exit.stop), (None, None, None));
    // Told before it is tried, not after.
    let may_exist = ended.started.then_some(StatusByte::Starting as u8);
    let news: Vec<u8> = may_exist.into_iter().chain([StatusByte::Exited as u8]).collect();
    assert_eq!(ended.news, news);
    assert!(ended.lock_is_free());
    exit.spawn_error.clone().unwrap()
}

#[test]
fn a_program_that_is_not_there_is_a_sentence() {
    let mut attempt = attempt(&["ffmpeg", "-i"]);
    attempt.spec.program = "/nowhere/ffmpeg".into();
    let error = spawn_error(&attempt.run());
    assert_eq!(error, "`ffmpeg` could not be started: No such file or directory");
}

#[test]
fn a_program_that_may_not_run_is_a_sentence() {
    let attempt = attempt(&["tool"]);
    let program = attempt.path("tool");
    fs::write(&program, "#!/bin/sh\n").unwrap();
    let mut attempt = attempt;
    attempt.spec.program = program;
    let error = spawn_error(&attempt.run());
    assert_eq!(error, "`tool` could not be started: Permission denied");
}

#[test]
fn a_script_without_its_interpreter_is_a_sentence_of_its_own() {
    let mut attempt = attempt(&["tool"]);
    let program = attempt.path("tool");
    executable::write(&program, "#!/nowhere/interpreter\n");
    attempt.spec.program = program;
    let error = spawn_error(&attempt.run());
    let expected = "the interpreter that its first line names was not found";
    assert_eq!(error, format!("`tool` could not be started: {expected}"));
}

#[test]
fn a_working_folder_that_is_not_there_is_not_taken_for_the_program() {
    let mut attempt = shell("true");
    attempt.spec.cwd = Some("/nowhere/media".into());
    let error = spawn_error(&attempt.run());
    let expected = "the working folder `/nowhere/media` cannot be used: No such file or directory";
    assert_eq!(error, expected);
}

#[test]
fn nothing_to_run_is_a_sentence() {
    assert_eq!(spawn_error(&attempt(&[]).run()), "the command line is empty");
}

#[test]
fn a_specification_that_cannot_be_read_starts_nothing() {
    for text in ["", "{}", "no json"] {
        let attempt = shell("true");
        fs::write(attempt.path(SPEC), text).unwrap();
        let ended = attempt.run();
        assert!(spawn_error(&ended).starts_with("the supervisor cannot read"), "{text}");
        assert!(!ended.started);
    }
    let mut newer = shell("true");
    newer.spec.version += 1;
    assert!(spawn_error(&newer.run()).ends_with("version 2 of the folder, expected 1"));
}

#[test]
fn a_shim_without_the_lock_starts_nothing() {
    let attempt = shell("echo never");
    let lock = File::create(attempt.path(LOCK)).unwrap();
    lock.try_lock().unwrap();
    let ended = attempt.run();
    assert!(ended.did_nothing() && !ended.started, "P4");
    assert_eq!(ended.code, Some(3));
}

#[test]
fn a_void_or_a_started_attempt_never_starts() {
    for mark in [VOID, STARTED] {
        let attempt = shell("echo never");
        File::create(attempt.path(mark)).unwrap();
        let ended = attempt.run();
        assert!(ended.did_nothing(), "{mark}");
        assert!(ended.lock_is_free());
    }
}

#[test]
fn without_a_server_nothing_starts() {
    let mut attempt = shell("echo never");
    attempt.without_server = true;
    let ended = attempt.run();
    assert!(ended.did_nothing() && !ended.started);
    assert!(ended.lock_is_free());
}

#[test]
fn an_order_before_the_start_is_the_end() {
    let orders = [
        (LifelineByte::Cancel, StopCause::Cancel),
        (LifelineByte::CancelNow, StopCause::Cancel),
        (LifelineByte::Shutdown, StopCause::Shutdown),
        (LifelineByte::ShutdownNow, StopCause::Shutdown),
    ];
    for (order, cause) in orders {
        let mut attempt = shell("echo never");
        attempt.first_orders = vec![LifelineByte::LeaseRenewed, order];
        let ended = attempt.run();
        assert_eq!(ended.exit().stop, Some(cause));
        assert_eq!((ended.exit().exit_code, ended.exit().signal), (None, None));
        assert!(!ended.started);
        assert!(ended.log.frames.is_empty());
    }
}

#[test]
fn what_is_no_stop_changes_nothing() {
    let mut attempt = shell("exit 4");
    attempt.first_orders = vec![LifelineByte::LeaseRenewed, LifelineByte::Detach];
    let ended = attempt.run();
    assert_eq!((ended.exit().exit_code, ended.exit().stop), (Some(4), None));
}

#[test]
fn the_command_gets_its_name_its_folder_and_nothing_to_read() {
    let mut attempt = attempt(&["renamed", "-c", "echo $0; pwd; wc -c", "argument"]);
    attempt.spec.program = "/bin/sh".into();
    let work = attempt.path("work").canonicalize().unwrap_or_else(|_| attempt.path("work"));
    let ended = attempt.run();
    assert_eq!(ended.log.text(), format!("argument\n{}\n0\n", work.display()));
    let mut named = attempt_of_name();
    named.spec.program = "/bin/sh".into();
    assert!(named.run().log.text().starts_with("renamed\0"));
}

fn attempt_of_name() -> super::driver::Attempt {
    attempt(&["renamed", "-c", "cat /proc/$$/cmdline"])
}

#[test]
fn the_command_reads_its_arguments_where_its_kind_says_so() {
    let mut attempt = shell("cat");
    attempt.spec.stdin_args = true;
    fs::write(attempt.path(ARGS), r#"{"path":"a"}"#).unwrap();
    assert_eq!(attempt.run().log.text(), r#"{"path":"a"}"#);
}

#[test]
fn the_command_is_nicer_than_the_shim_dies_first_and_heeds_every_signal() {
    // Not before all of this is done: it comes right after the start.
    let script = "read go < $LONGHAUL_PROGRESS.gate; nice; cat /proc/$$/oom_score_adj /proc/$PPID/oom_score_adj; \
                  sed -n 's/^Sig\\(Ign\\|Blk\\):.//p' /proc/self/status";
    let attempt = shell(script);
    let mut gate = attempt.gate();
    let mut shim = attempt.start();
    shim.until_news(StatusByte::Started);
    gate.open();
    let ended = shim.end();
    let text = ended.log.text();
    let lines: Vec<&str> = text.lines().collect();
    let own_nice = rustix::process::getpriority_process(None).unwrap();
    let own_score = fs::read_to_string("/proc/self/oom_score_adj").unwrap();
    assert_eq!(lines[0], (own_nice + 10).min(19).to_string());
    assert_eq!(lines[1..3], ["500", own_score.trim()]);
    // Signals 32 and 33 are the C library's own.
    let masks = lines[3..].iter().map(|mask| u64::from_str_radix(mask, 16).unwrap() & 0x7fff_ffff);
    assert_eq!(masks.collect::<Vec<_>>(), [0, 0], "blocked, ignored: {text}");
}

#[test]
fn descriptors_of_an_ancestor_do_not_reach_the_command() {
    let attempt = shell("ls /proc/$$/fd");
    let mut careless = Command::new("/bin/sh");
    let start = r#"exec 7</dev/null 9>/dev/null; exec "$0" "$@""#;
    careless.args(["-c", start, env!("CARGO_BIN_EXE_longhaul")]);
    let ended = attempt.start_by(careless).end();
    assert_eq!(ended.log.text(), "0\n1\n2\n");
}
