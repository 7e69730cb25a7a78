//! What the server inherits from whoever started it (`nohup`, cron, a shell's background, an init)
//! and its commands must not.

use std::process::Command;

use longhaul::domain::log::LogStream;
use longhaul::domain::state::EndReason;
use longhaul::runner::AttemptSpec;
use rustix::process::{Resource, Signal, getrlimit};

use super::rig::{Rig, again, shell};

/// A set of signals that this process has, by its name in proc(5).
fn set(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let set = status.lines().find_map(|found| found.strip_prefix(name)).unwrap();
    u64::from_str_radix(set.trim(), 16).unwrap()
}

process_test! {
    async fn a_command_begins_with_default_signals_and_its_own_limit_of_files() {
        let before = getrlimit(Resource::Nofile);
        let rig = Rig::new();
        let child = 1 << (Signal::CHILD.as_raw() - 1);
        assert_eq!(set("SigIgn:") & child, 0, "whoever ignores it never learns how a child ended");
        let own = getrlimit(Resource::Nofile);
        assert_eq!((own.current, own.maximum), (before.maximum, before.maximum));
        let script = "sed -n 's/^Sig\\(Ign\\|Blk\\):.//p' /proc/self/status; ulimit -Sn; ulimit -Hn";
        let spec = shell(script);
        let end = rig.run(&spec).await;
        assert_eq!(end.reason, EndReason::Ok, "{}", end.text);
        let seen = rig.lines(&spec, LogStream::Stdout);
        // Signals 32 and 33 are the C library's own.
        let masks = seen[..2].iter().map(|mask| u64::from_str_radix(mask, 16).unwrap());
        let masks: Vec<_> = masks.map(|mask| mask & !0x1_8000_0000).collect();
        assert_eq!(masks, [0, 0], "blocked, ignored: {seen:?}");
        // Without a shell, which unblocks some as it starts a program.
        let argv = ["grep", "-h", "^SigBlk", "/proc/self/status"].map(str::to_owned).to_vec();
        let direct = AttemptSpec { argv, ..shell("") };
        assert_eq!(rig.run(&direct).await.reason, EndReason::Ok);
        assert_eq!(rig.lines(&direct, LogStream::Stdout), ["SigBlk:\t0000000000000000"]);
        let told = |limit: Option<u64>| limit.map_or("unlimited".to_owned(), |n| n.to_string());
        assert_eq!(seen[2..], [told(before.current), told(before.maximum)]);
    }
}

#[test]
fn so_it_does_whatever_the_server_inherited() {
    let test =
        "it::runner::inherited::a_command_begins_with_default_signals_and_its_own_limit_of_files";
    let signals = "HUP,INT,QUIT,PIPE,ALRM,TERM,USR1,USR2,CHLD,TSTP,TTIN,TTOU,WINCH,RTMIN+3";
    let mut careless = Command::new("sh");
    let start = format!(
        "ulimit -Sn 256; exec env --ignore-signal={signals} --block-signal={signals} \"$0\" \"$@\""
    );
    careless.args(["-c", &start]).arg(std::env::current_exe().unwrap());
    again(test, careless);
}
