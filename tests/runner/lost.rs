//! Shims that are killed by what they hold.

use longhaul::domain::state::EndReason;
use longhaul::runner::Report;
use longhaul::shim::protocol::ExitRecord;

use super::rig::{Rig, exists, marked, shell};
use crate::support::executable;

process_test! {
    async fn what_a_killed_shim_leaves_behind_is_killed_before_its_attempt_is_lost() {
        // P8: one that hides from groups, sessions and the environment, and a family below it.
        let rig = Rig::new();
        let spec = shell(
            "setsid env -i sh -c 'echo $$ > hidden; sleep 1000 & echo $! > below; wait' & \
             until [ -s below ]; do :; done; echo $$ > own; kill -KILL $PPID; sleep 1000",
        );
        let end = rig.run(&spec).await;
        assert_eq!((end.reason, end.may_have_started), (EndReason::Lost, true), "{}", end.text);
        let work = rig.attempt(&spec).join("work");
        for name in ["hidden", "below", "own"] {
            assert!(!exists(&work.join(name)), "{name} is left");
        }
        assert!(marked(&spec).is_empty());
    }
}

process_test! {
    async fn a_command_that_forges_its_record_and_kills_its_shim_leaves_nothing_either() {
        // P8
        let rig = Rig::new();
        let forged = ExitRecord { exit_code: Some(0), ..ExitRecord::default() }.seal();
        let mut spec = shell(
            "setsid env -i sleep 1000 & echo $! > hidden; \
             echo \"$0\" > \"${LONGHAUL_RESULT%/*}/exit.json\"; kill -KILL $PPID; sleep 1000",
        );
        spec.argv.push(forged);
        rig.run(&spec).await;
        assert!(!exists(&rig.attempt(&spec).join("work/hidden")));
    }
}

process_test! {
    async fn the_loss_of_one_shim_harms_no_other() {
        let rig = Rig::new();
        let gate = super::rig::gate(rig.folder.path());
        let mut other = shell("setsid sh -c 'read go < $0' $0");
        other.argv.push(gate.to_str().unwrap().to_owned());
        let mut attended = rig.start(&other).await;
        attended.reports.until(|report| matches!(report, Report::Started)).await;
        for _ in 0..5 {
            let end = rig.run(&shell("setsid sleep 1000 & kill -KILL $PPID; sleep 1000")).await;
            assert_eq!(end.reason, EndReason::Lost);
        }
        tokio::task::spawn_blocking(move || super::rig::open_gate(&gate)).await.unwrap();
        assert_eq!(attended.reports.end().await.reason, EndReason::Ok);
    }
}

process_test! {
    async fn what_kept_a_shim_from_beginning_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let silent = folder.path().join("shim");
        let says = "printf '\\n  cannot\\topen \\033[31mlibgone.so: %0600d\\nmore\\n' 0 >&2; exit 127";
        executable::write(&silent, &format!("#!/bin/sh\n{says}\n"));
        let rig = Rig::with(|options| options.shim_program = silent);
        let end = rig.run(&shell("true")).await;
        let expected =
            "its supervisor ended before it started the command: cannot open  [31mlibgone.so: 000";
        assert!(end.text.starts_with(expected), "{}", end.text);
        assert!(end.text.len() < 700 && !end.text.contains("more"), "{}", end.text);
    }
}

process_test! {
    async fn a_shim_killed_before_it_began_leaves_an_attempt_that_never_ran() {
        let folder = tempfile::tempdir().unwrap();
        let killed = folder.path().join("shim");
        executable::write(&killed, "#!/bin/sh\nkill -KILL $$\n");
        let rig = Rig::with(|options| options.shim_program = killed);
        let spec = shell("true");
        let end = rig.run(&spec).await;
        assert_eq!((end.reason, end.may_have_started), (EndReason::NotStarted, false));
        assert!(rig.attempt(&spec).join("void").exists());
    }
}
