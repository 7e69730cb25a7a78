//! What attempts leave in `work/`, after their end.

use std::fs;
use std::path::Path;
use std::process::Command;

use longhaul::domain::state::EndReason;

use super::rig::{Rig, again, shell, within};
use crate::support::appears::{appears, changes_until};
use crate::support::print;

/// More than [`LIMIT`], behind folders that nobody may look into.
const LOCKED: &str = "mkdir -p a/b; head -c 200000 /dev/zero > a/b/file; chmod 0 a/b a .";
const LIMIT: u64 = 100_000;

fn rig() -> Rig {
    Rig::with(|options| options.limits.work_bytes = LIMIT)
}

/// Waits until an attempt's folder says that `work/` was removed.
async fn removed(folder: &Path) {
    let folder = folder.to_owned();
    let told = tokio::task::spawn_blocking(move || appears(&folder, "work.removed"));
    within("the removal", told).await.unwrap();
}

process_test! {
    async fn what_is_too_large_goes_after_the_end_also_where_it_is_locked() {
        let rig = rig();
        let kept = shell("head -c 50000 /dev/zero > file");
        rig.run(&kept).await;
        let spec = shell(LOCKED);
        let end = rig.run(&spec).await;
        assert_eq!(end.reason, EndReason::Ok, "{}", end.text);
        removed(&rig.attempt(&spec)).await;
        assert!(!rig.attempt(&spec).join("work").exists());
        // They are looked at in the order of their ends.
        assert!(rig.attempt(&kept).join("work/file").exists());
    }
}

process_test! {
    async fn what_a_lost_attempt_left_is_looked_at_too() {
        let rig = rig();
        let spec = shell("head -c 200000 /dev/zero > file; kill -KILL $PPID; sleep 1000");
        assert_eq!(rig.run(&spec).await.reason, EndReason::Lost);
        removed(&rig.attempt(&spec)).await;
    }
}

process_test! {
    async fn a_removal_that_a_crash_cut_short_is_gone_on_with() {
        let folder = tempfile::tempdir().unwrap();
        let doomed = folder.path().join("attempts/.doomed");
        fs::create_dir_all(doomed.join("left/a/b")).unwrap();
        fs::write(doomed.join("left/a/b/file"), "x").unwrap();
        let _rig = Rig::with(|options| options.data = folder.path().to_owned());
        let is_empty = move || fs::read_dir(&doomed).unwrap().next().is_none();
        let doomed = folder.path().join("attempts/.doomed");
        let gone = move || changes_until(&doomed, "nothing is left", is_empty);
        within("the removal", tokio::task::spawn_blocking(gone)).await.unwrap();
    }
}

process_test! {
    async fn what_an_earlier_server_did_not_come_to_is_looked_at() {
        let data = tempfile::tempdir().unwrap();
        let job = "019ab3c0-5a50-7c3e-8f00-3b6f2c1d9e77";
        let attempt = data.path().join("attempts").join(job).join("2");
        fs::create_dir_all(attempt.join("work")).unwrap();
        fs::write(attempt.join("work/file"), vec![0; 200_000]).unwrap();
        let unmeasured = data.path().join("attempts/.unmeasured");
        fs::create_dir(&unmeasured).unwrap();
        for noted in [&format!("{job}.2"), "nothing", &format!("{job}.x")] {
            fs::write(unmeasured.join(noted), "").unwrap();
        }
        let _rig = Rig::with(|options| {
            options.data = data.path().to_owned();
            options.limits.work_bytes = LIMIT;
        });
        removed(&attempt).await;
    }
}

#[test]
fn so_it_is_for_a_user_whom_modes_bind() {
    let as_nobody = || {
        let mut nobody = Command::new("setpriv");
        nobody.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        nobody.arg(std::env::current_exe().unwrap());
        nobody
    };
    let tried = as_nobody().arg("--list").output();
    if !tried.as_ref().is_ok_and(|tried| tried.status.success()) {
        print("not tried: it takes root, and a binary that anybody may run");
        return;
    }
    let test = "what_is_too_large_goes_after_the_end_also_where_it_is_locked";
    again(&format!("it::runner::work::{test}"), as_nobody());
}
