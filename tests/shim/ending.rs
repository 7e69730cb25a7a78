//! Ends of the command's own, and what is recorded of them (P9).

use std::fs;

use longhaul::shim::protocol::{ENVIRONMENT, StatusByte, WORK};

use super::driver::{Shim, shell};

/// How many shims run at once where many are tried.
const AT_ONCE: usize = 16;

#[test]
fn every_exit_code_is_recorded_as_it_is() {
    let codes: Vec<i32> = (0..=255).collect();
    for some in codes.chunks(AT_ONCE) {
        let shims: Vec<Shim> =
            some.iter().map(|code| shell(&format!("exit {code}")).start()).collect();
        for (code, shim) in some.iter().zip(shims) {
            let ended = shim.end();
            assert_eq!((ended.exit().exit_code, ended.exit().signal), (Some(*code), None));
            assert_eq!((ended.exit().stop, ended.exit().killed), (None, false));
            let began = [StatusByte::Starting as u8, StatusByte::Started as u8];
            assert_eq!(ended.news[..2], began, "in this order: the first is of use only so");
            assert_eq!(ended.news.last(), Some(&(StatusByte::Exited as u8)));
            assert!(ended.started && ended.lock_is_free());
        }
    }
}

#[test]
fn every_signal_is_recorded_as_it_is() {
    // What stops, continues or is ignored by default ends nothing; 32 and 33 are the C library's.
    let deadly: Vec<i32> = (1..=64).filter(|n| !matches!(n, 17..=23 | 28 | 32 | 33)).collect();
    for some in deadly.chunks(AT_ONCE) {
        let start = |n: &i32| shell(&format!("ulimit -c 0; kill -{n} $$; exit 99")).start();
        let shims: Vec<Shim> = some.iter().map(start).collect();
        for (signal, shim) in some.iter().zip(shims) {
            let ended = shim.end();
            assert_eq!((ended.exit().exit_code, ended.exit().signal), (None, Some(*signal)));
            assert_eq!((ended.exit().stop, ended.exit().killed), (None, false));
        }
    }
}

#[test]
fn closing_its_output_is_not_its_end() {
    let attempt = shell("echo last; exec >&- 2>&-; read line < $LONGHAUL_PROGRESS.gate; exit 5");
    let mut gate = attempt.gate();
    let mut shim = attempt.start();
    shim.until_printed("last");
    gate.open();
    let ended = shim.end();
    assert_eq!(ended.exit().exit_code, Some(5));
    assert_eq!(ended.log.text(), "last\n");
}

#[test]
fn a_result_is_measured_and_hashed() {
    let ended = shell("printf abc > $LONGHAUL_RESULT").run();
    let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(ended.exit().result_bytes, Some(3));
    assert_eq!(ended.exit().result_sha256.as_deref(), Some(hash));

    let ended = shell("head -c 100000000 /dev/zero > $LONGHAUL_RESULT").run();
    assert_eq!(ended.exit().result_bytes, Some(100_000_000));
    assert_eq!(ended.exit().result_sha256, None);
}

#[test]
fn progress_is_told_while_the_command_runs() {
    let mut shim = shell(r#"echo '{"percent":1}' >> $LONGHAUL_PROGRESS; exec sleep 600"#).start();
    shim.until_news(StatusByte::Progress);
    shim.order(longhaul::shim::protocol::LifelineByte::CancelNow);
    shim.end();
}

#[test]
fn what_was_used_is_measured() {
    let script = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; \
                  dd if=/dev/zero of=/dev/null bs=64M count=1 2>/dev/null";
    let ended = shell(script).run();
    let exit = ended.exit();
    assert!(exit.cpu_ms >= 50, "{exit:?}");
    assert!(exit.peak_memory_bytes.is_some_and(|peak| peak >= 64 << 20), "{exit:?}");
    assert!(exit.ended_at_ms >= exit.started_at_ms, "{exit:?}");
}

#[test]
fn work_stays_as_it_was_left_and_the_environment_does_not() {
    let empty = shell("true").run();
    assert_eq!(fs::read_dir(empty.attempt.path(WORK)).unwrap().count(), 0);
    // It may hold secrets.
    assert_eq!(fs::read(empty.attempt.path(ENVIRONMENT)).unwrap(), b"");

    let kept = shell("echo x > file").run();
    assert!(kept.attempt.path(WORK).join("file").exists());
    assert_eq!(kept.system_lines(), "");

    let left = fs::read_dir(kept.attempt.path("")).unwrap().count();
    assert_eq!(left, 7, "lock, specification, environment, started, shim.err, work, exit.json");

    let mut elsewhere = shell("pwd");
    elsewhere.spec.cwd = Some("/".into());
    assert_eq!(elsewhere.run().log.text(), "/\n");
}

#[test]
fn what_the_command_makes_of_the_records_names_does_not_cost_the_record() {
    // P9, P12
    let spoils = [
        "rm exit.json.tmp; mkfifo exit.json.tmp",
        "rm exit.json.tmp; mkdir -p exit.json.tmp/below; : > exit.json.tmp.1",
        "rm exit.json.tmp; ln -s /dev/full exit.json.tmp",
        "mkfifo exit.json",
        "mkdir -p exit.json/below exit.json.1/below",
        "ln -s / exit.json",
    ];
    for spoil in spoils {
        let ended = shell(&format!("cd ..; {spoil}; exit 7")).run();
        assert_eq!(ended.exit().exit_code, Some(7), "{spoil}");
        assert_eq!(ended.code, Some(0), "{spoil}");
    }
}
