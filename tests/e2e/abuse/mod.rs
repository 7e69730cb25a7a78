//! Clients that mean harm, against the real server over real sockets: each gets the documented answer,
//! costs the server little, and keeps nobody else waiting (P12, P15).
//!
//! The cost of each is printed: processor time, and how far the server's memory rose at its highest. The
//! target of a release build is 50 ms and 8 MiB each; what is asserted is only that memory has a bound,
//! since a debug build on a busy machine is slow. `LONGHAUL_BINARY` names another build to measure.

mod connections;
mod requests;
mod sockets;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use futures::future::{BoxFuture, join};
use serde_json::json;

use super::report;
use crate::support::deadline::within;
use crate::support::server::Server;

/// All but patience is as it comes.
const CONFIG: &str = r#"
[worker]
slots = 2
[kinds.sum]
command = ["true"]
args = { type = "object", required = ["a"], additionalProperties = false, properties = { a = { type = "integer" } } }
[kinds.sh]
command = ["/bin/sh", "-c", "{script}"]
"#;

/// Far above the 8 MiB that a release build may take.
const MOST_MEMORY: u64 = 64 << 20;

/// One that waits for so many seconds: a test that needs that to be over waits as long, and one that does not
/// needs a server that is not busy for as long.
async fn server(patience: u32) -> Server {
    let binary = std::env::var_os("LONGHAUL_BINARY");
    let binary = binary.unwrap_or_else(|| env!("CARGO_BIN_EXE_longhaul").into());
    let limits = ["read_timeout", "init_timeout", "slow_reader"];
    let limits = limits.map(|limit| format!("{limit} = \"{patience}s\"\n")).concat();
    Server::start_by(Command::new(binary), &format!("{CONFIG}[limits]\n{limits}")).await
}

/// Does harm, and asks honestly in the midst of it and after; what is wrong with what came.
async fn measure(
    server: &Server,
    what: &str,
    harm: BoxFuture<'_, Result<(), String>>,
) -> Option<String> {
    let before = Usage::of(server.pid());
    let (harmed, ()) = within(what, &"", join(harm, honest(server))).await;
    honest(server).await;
    let after = Usage::of(server.pid());
    let millis = after.cpu.saturating_sub(before.cpu) / 1_000_000;
    let memory = after.peak.saturating_sub(before.resident);
    report(&format!("  {what:<44} {millis:>6} ms {:>8} KiB", memory >> 10));
    match harmed {
        Err(fault) => Some(format!("{what}: {fault}")),
        Ok(()) if memory > MOST_MEMORY => Some(format!("{what}: {memory} bytes of memory")),
        Ok(()) => None,
    }
}

/// What an honest client asks.
async fn honest(server: &Server) {
    let data = server.api.ask("{ server { version } }", json!({})).await;
    assert!(data["server"]["version"].is_string(), "{data}");
}

/// What a process has used.
struct Usage {
    /// Nanoseconds of processor time of the threads that it has.
    cpu: u64,
    /// Bytes of memory now.
    resident: u64,
    /// Bytes of memory at its highest since the usage before was taken.
    peak: u64,
}

impl Usage {
    fn of(pid: u32) -> Self {
        let process = PathBuf::from(format!("/proc/{pid}"));
        let status = fs::read_to_string(process.join("status")).unwrap();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
        };
        let (resident, peak) = (field("VmRSS:"), field("VmHWM:"));
        // The highest counts from here.
        fs::write(process.join("clear_refs"), "5").unwrap();
        let threads = fs::read_dir(process.join("task")).unwrap().flatten();
        let cpu = threads.filter_map(|thread| {
            let scheduled = fs::read_to_string(thread.path().join("schedstat")).ok()?;
            scheduled.split(' ').next()?.parse::<u64>().ok()
        });
        Self { cpu: cpu.sum(), resident, peak }
    }
}

/// Expects that nothing is wrong, that there are so many jobs, and that the server ends as it should.
async fn settle(mut server: Server, faults: Vec<String>, jobs: u64) {
    assert!(faults.is_empty(), "{faults:#?}");
    let data = server.api.ask("{ jobs(first: 0) { totalCount } }", json!({})).await;
    assert_eq!(data["jobs"]["totalCount"], jobs, "something was started");
    assert!(server.stop().await.success());
}
