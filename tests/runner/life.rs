//! An attempt from its start to its end, as its runner reports it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use longhaul::domain::kind::{ArgsSchema, EnvRule, Kind, Stdin};
use longhaul::domain::log::LogStream;
use longhaul::domain::state::EndReason;
use longhaul::runner::{Report, Runner};
use serde_json::json;
use tokio::sync::mpsc;

use super::rig::{BINARY, Rig, kind, marked, of_kind, shell};
use crate::support::executable;

process_test! {
    async fn an_attempt_is_started_reported_and_gone() {
        let rig = Rig::new();
        let spec = shell(
            "echo out; echo err >&2; sleep 100 & \
             cat \"$LONGHAUL_ARGS\" > args; pwd; echo '[1]' > \"$LONGHAUL_RESULT\"",
        );
        let mut attended = rig.start(&spec).await;
        attended.reports.started().await;
        attended.reports.until(|report| matches!(report, Report::Gone)).await;
        let [Report::Started, between @ .., Report::Ended(end), Report::Gone] =
            attended.reports.seen()
        else {
            panic!("{:?}", attended.reports.seen());
        };
        assert!(between.iter().any(|report| matches!(report, Report::LogGrew)), "{between:?}");
        assert_eq!((end.reason, end.exit_code, end.signal), (EndReason::Ok, Some(0), None));
        assert_eq!(end.result.as_deref(), Some("[1]"));
        assert!(end.usage.log_bytes > 8);
        assert!(marked(&spec).is_empty(), "P8: what it left in the background is gone");
        let work = rig.attempt(&spec).join("work");
        assert_eq!(fs::read_to_string(work.join("args")).unwrap(), "{\"path\":\"a b\"}");
        assert_eq!(rig.lines(&spec, LogStream::Stdout), ["out", work.to_str().unwrap()]);
        assert_eq!(rig.lines(&spec, LogStream::Stderr), ["err"]);
        let mode = fs::metadata(rig.attempt(&spec)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}

process_test! {
    async fn a_command_gets_the_environment_of_its_kind_and_no_more() {
        let rig = Rig::new();
        let env = vec![
            EnvRule::Pass("PATH".to_owned()),
            EnvRule::Pass("NOT_SET_ANYWHERE".to_owned()),
            EnvRule::Set("GREETING".to_owned(), "hello = you".to_owned()),
        ];
        let spec = of_kind(Kind { env, ..kind(&["env"]) });
        assert_eq!(rig.run(&spec).await.reason, EndReason::Ok);
        let folder = rig.attempt(&spec);
        let mut expected = vec![
            format!("PATH={}", std::env::var("PATH").unwrap()),
            "GREETING=hello = you".to_owned(),
            format!("LONGHAUL_JOB_ID={}", spec.job),
            "LONGHAUL_ATTEMPT=1".to_owned(),
            format!("LONGHAUL_ATTEMPT_KEY={}", spec.key.as_str()),
            format!("LONGHAUL_ARGS={}", folder.join("args.json").display()),
            format!("LONGHAUL_PROGRESS={}", folder.join("progress").display()),
            format!("LONGHAUL_RESULT={}", folder.join("result").display()),
        ];
        let mut found = rig.lines(&spec, LogStream::Stdout);
        expected.sort();
        found.sort();
        assert_eq!(found, expected);
    }
}

process_test! {
    async fn exit_codes_and_signals_are_told_as_they_were() {
        // P9
        let rig = Rig::new();
        let end = rig.run(&shell("exit 3")).await;
        assert_eq!((end.reason, end.exit_code, end.text.as_str()),
            (EndReason::ExitCode, Some(3), "exit code 3"));
        let end = rig.run(&shell("kill -SEGV $$")).await;
        assert_eq!((end.reason, end.signal, end.text.as_str()),
            (EndReason::Signal, Some(11), "ended by SIGSEGV"));
        let mut spec = shell("exit 3");
        spec.policy.success_exit_codes = vec![0, 3];
        assert_eq!(rig.run(&spec).await.reason, EndReason::Ok);
    }
}

process_test! {
    async fn arguments_come_on_standard_input_where_the_kind_says_so() {
        let rig = Rig::new();
        let spec = of_kind(Kind { stdin: Stdin::Args, ..kind(&["cat"]) });
        rig.run(&spec).await;
        assert_eq!(rig.lines(&spec, LogStream::Stdout), ["{\"path\":\"a b\"}"]);
        let spec = of_kind(kind(&["cat"]));
        rig.run(&spec).await;
        assert!(rig.lines(&spec, LogStream::Stdout).is_empty());
    }
}

process_test! {
    async fn a_program_that_is_not_there_is_named_and_nothing_is_started() {
        let rig = Rig::new();
        for program in ["no-such-program-anywhere", "./no-such-program"] {
            let (reports, mut told) = mpsc::channel(1);
            let end = rig.runner.spawn(of_kind(kind(&[program])), reports).await.err().unwrap();
            assert_eq!((end.reason, end.may_have_started), (EndReason::SpawnFailed, false));
            assert!(end.text.contains(program), "{}", end.text);
            assert!(told.recv().await.is_none());
        }
        // Nothing but what the runner keeps for itself, which has no job's name.
        let attempts = fs::read_dir(rig.folder.path().join("attempts")).unwrap();
        let mut names = attempts.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        assert!(names.all(|name| name.starts_with('.')));
    }
}

process_test! {
    async fn a_program_deleted_between_the_check_and_the_start_is_a_failed_start() {
        let folder = tempfile::tempdir().unwrap();
        let tool = folder.path().join("tool");
        executable::write(&tool, "#!/bin/sh\n");
        let deleting = folder.path().join("shim");
        let delete = format!("rm '{}'", tool.display());
        executable::write(&deleting, &format!("#!/bin/sh\n{delete}\nexec {BINARY} \"$@\"\n"));
        let rig = Rig::with(|options| {
            options.shim_program.clone_from(&deleting);
            options.base_dir = folder.path().to_owned();
        });
        let end = rig.run(&of_kind(kind(&["./tool"]))).await;
        assert_eq!((end.reason, end.may_have_started), (EndReason::SpawnFailed, false));
        assert!(end.text.contains("./tool"), "{}", end.text);
    }
}

process_test! {
    async fn a_result_that_is_not_as_promised_fails_the_attempt() {
        let rig = Rig::new();
        for (script, why) in [
            ("echo '{' > $LONGHAUL_RESULT", "no JSON"),
            ("printf '\"%064d\"' 1 > $LONGHAUL_RESULT", "66 bytes, more than the 64 allowed"),
            ("yes | head -c 100000000 > $LONGHAUL_RESULT", "100000000 bytes"),
        ] {
            let end = rig.run(&shell(script)).await;
            assert_eq!((end.reason, end.exit_code), (EndReason::ResultInvalid, Some(0)));
            assert!(end.text.contains(why), "{}", end.text);
            assert_eq!(end.result, None);
        }
        let promised = |script| {
            let result = ArgsSchema::compile(json!({"type": "object"})).unwrap();
            of_kind(Kind { result: Some(result), ..kind(&["sh", "-c", script]) })
        };
        let end = rig.run(&promised("echo 7 > $LONGHAUL_RESULT")).await;
        assert_eq!(end.reason, EndReason::ResultInvalid);
        assert_eq!(rig.run(&promised("true")).await.reason, EndReason::ResultInvalid);
        let end = rig.run(&promised("echo '{{}}' > $LONGHAUL_RESULT")).await;
        assert_eq!((end.reason, end.result.as_deref()), (EndReason::Ok, Some("{}")));
    }
}

process_test! {
    async fn a_server_that_can_start_no_shim_gives_the_job_back() {
        let rig = Rig::with(|options| options.shim_program = "/nonexistent/longhaul".into());
        let spec = shell("true");
        let end = rig.run(&spec).await;
        assert_eq!((end.reason, end.may_have_started), (EndReason::NotStarted, false));
        assert!(rig.attempt(&spec).join("void").exists(), "and bars the attempt");
    }
}

process_test! {
    async fn a_start_that_fails_holds_nobody_up() {
        // The dispatcher waits for it, and so do all queues. Time stands still while a thread works.
        let standing = || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().start_paused(true).enable_all().build();
            runtime.unwrap().block_on(async {
                let rig = Rig::new();
                let attempts = rig.folder.path().join("attempts");
                fs::rename(&attempts, rig.folder.path().join("elsewhere")).unwrap();
                fs::write(&attempts, "no folder").unwrap();
                let begun = tokio::time::Instant::now();
                let (reports, _told) = mpsc::channel(1);
                let end = rig.runner.spawn(shell("true"), reports).await.err().unwrap();
                assert_eq!((end.reason, begun.elapsed()), (EndReason::NotStarted, Duration::ZERO));
            });
        };
        std::thread::spawn(standing).join().unwrap();
    }
}

process_test! {
    async fn drained_waits_for_what_runs() {
        let rig = Rig::new();
        let mut attended = rig.start(&shell("true")).await;
        rig.runner.drained().await;
        attended.reports.until(|report| matches!(report, Report::Gone)).await;
    }
}
