//! S5–S10: how soon a job runs, how soon its end is heard, and how many run.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::{Value, json};

use super::bullmq::BullMq;
use super::crowd::end_of;
use super::folder;
use super::http::{Client, request, start};
use super::probe::{Sync, has, spawn, spawn_rate, spawn_until, xargs_rate};
use super::row::{Bound, Measured, Outcome, Row, median, spread};
use super::side::Side;

/// Each side is measured so often, in turns.
const PAIRS: usize = 5;
/// Jobs one by one of S5, S6 and S10 in each pair, and how long nothing is asked between two.
const ROUNDS: usize = 60;
const GAP: Duration = Duration::from_millis(10);
/// Jobs in a row of S7, S8 and S9 in each pair.
const JOBS: u32 = 400;
/// Of the worker.
const SLOTS: u32 = 2;
/// What a flush takes longer on the slow disk of S8.
const SLOW: Duration = Duration::from_micros(2_500);
/// So many values of a megabyte stand in the configuration of S10, each kept three times: 512 MB.
const LARGE: usize = 170;

pub(crate) fn rows() -> Vec<Row> {
    vec![
        Row {
            name: "S5",
            what: "accepted → its command runs, free slot, p50 ÷ (a flush + 2 bare spawns: shim and command)",
            unit: "",
            bound: Bound::AtMost { good: 1.6, goal: 1.2 },
            run: || Box::pin(until_it_runs()),
        },
        Row {
            name: "S6",
            what: "accepted → its end is pushed, p50 ÷ BullMQ with AOF always",
            unit: "",
            bound: Bound::AtMost { good: 0.4, goal: 0.25 },
            run: || Box::pin(until_its_end()),
        },
        Row {
            name: "S7",
            what: "`/bin/true` jobs/s, 2 slots ÷ bare spawns/s, 2 threads",
            unit: "",
            bound: Bound::AtLeast { good: 0.35, goal: 0.5 },
            run: || Box::pin(in_a_row()),
        },
        Row {
            name: "S8",
            what: "the same on a disk that flushes in 2.5 ms more ÷ on this one",
            unit: "",
            bound: Bound::AtLeast { good: 0.7, goal: 0.85 },
            run: || Box::pin(on_a_slow_disk()),
        },
        Row {
            name: "S9",
            what: "`/bin/true` jobs/s, 2 slots ÷ `xargs -P2`",
            unit: "",
            bound: Bound::AtLeast { good: 1.0, goal: 2.0 },
            run: || Box::pin(beside_xargs()),
        },
        Row {
            name: "S9",
            what: "`/bin/true` jobs/s, 2 slots ÷ `pueue -p2`",
            unit: "",
            bound: Bound::AtLeast { good: 100.0, goal: 200.0 },
            run: || Box::pin(beside_pueue()),
        },
        Row {
            name: "S10",
            what: "accepted → its command runs, p50, 512 MB resident ÷ as it is",
            unit: "",
            bound: Bound::AtMost { good: 1.2, goal: 1.05 },
            run: || Box::pin(while_large()),
        },
    ]
}

/// A pipe into which a command says that it runs.
struct Mark {
    pipe: File,
    script: String,
}

impl Mark {
    fn new() -> Self {
        let path = folder::empty().join("mark");
        mknodat(CWD, &path, FileType::Fifo, Mode::RWXU, 0).unwrap();
        // For writing as well, so that it opens at once and never ends.
        let pipe = File::options().read(true).write(true).open(&path).unwrap();
        Self { pipe, script: format!("printf x > {}", path.display()) }
    }

    /// Waits for one command.
    fn wait(&mut self) {
        self.pipe.read_exact(&mut [0]).unwrap();
    }

    /// A configuration with the kind `mark`, which says so.
    fn config(&self) -> String {
        format!("{CONFIG}\n[kinds.mark]\ncommand = [\"/bin/sh\", \"-c\", \"{}\"]\n", self.script)
    }
}

const CONFIG: &str = r#"
[worker]
slots = 2
[queues.default]
max_waiting = 1_000_000
[kinds.true]
command = ["/bin/true"]
[limits]
requests_per_second = 1_000_000
requests_at_once = 10_000
"#;

/// From the acknowledgement of a start until its command runs, each alone; the median in milliseconds.
async fn until_started(client: &mut Client, mark: &mut Mark) -> f64 {
    let request = start("mark");
    let mut took = Vec::new();
    for _ in 0..ROUNDS {
        tokio::time::sleep(GAP).await;
        client.start(&request).await.unwrap();
        let accepted = Instant::now();
        tokio::task::block_in_place(|| mark.wait());
        took.push(accepted.elapsed().as_secs_f64() * 1_000.0);
    }
    median(took)
}

async fn until_it_runs() -> Outcome {
    let (mut mark, mut disk) = (Mark::new(), Sync::new());
    let longhaul = Side::longhaul(&mark.config());
    let mut client = Client::open(&longhaul.address).await;
    let (mut ours, mut other) = (Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        ours.push(until_started(&mut client, &mut mark).await);
        let (mut sync, mut shim, mut command) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            tokio::time::sleep(GAP).await;
            tokio::task::block_in_place(|| {
                sync.push(disk.once().as_secs_f64() * 1_000.0);
                shim.push(spawn().as_secs_f64() * 1_000.0);
                let script = mark.script.clone();
                command.push(spawn_until(&script, || mark.wait()).as_secs_f64() * 1_000.0);
            });
        }
        other.push(median(sync) + median(shim) + median(command));
    }
    Outcome::of_pairs(&ours, &other, " ms")
}

async fn until_its_end() -> Outcome {
    let mut bullmq = match BullMq::start() {
        Ok(bullmq) => bullmq,
        Err(why) => return Outcome::Missing(why),
    };
    let longhaul = Side::longhaul(CONFIG);
    let mut client = Client::open(&longhaul.address).await;
    let mut socket = super::crowd::open(&longhaul.address).await;
    let request = start("true");
    let (mut ours, mut other) = (Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        let mut took = Vec::new();
        for _ in 0..ROUNDS {
            tokio::time::sleep(GAP).await;
            let job = client.start(&request).await.unwrap();
            let accepted = Instant::now();
            end_of(&mut socket, &job).await;
            took.push(accepted.elapsed().as_secs_f64() * 1_000.0);
        }
        ours.push(median(took));
        other.push(tokio::task::block_in_place(|| bullmq.ask(&format!("ends {ROUNDS}"))));
    }
    Outcome::of_pairs(&ours, &other, " ms")
}

async fn ask(side: &Side, query: &str) -> Value {
    side.ask(query, json!({})).await
}

/// Waits for the end of a job.
pub(crate) async fn wait_for(client: &mut Client, job: &str) {
    let query = "query($id: ID!) { waitJob(id: $id, timeoutMs: 60000) { terminal } }";
    let request = request("/graphql", query, &json!({ "id": job }));
    while !String::from_utf8_lossy(client.try_ask(&request).await.unwrap()).contains("true") {}
}

/// How many jobs a second end that wait already, `slots` at once: from the moment at which they may start.
pub(crate) async fn jobs_per_second(side: &Side, jobs: u32, slots: u32) -> f64 {
    ask(side, "mutation { pauseQueue { queue { name } } }").await;
    let (mut client, request) = (Client::open(&side.address).await, start("true"));
    let mut ids = Vec::new();
    for _ in 0..jobs {
        ids.push(client.start(&request).await.unwrap());
    }
    let begun = Instant::now();
    ask(side, "mutation { resumeQueue { queue { name } } }").await;
    // First in, first out: behind the last of them, one a slot, none ends.
    for last in ids.iter().rev().take(slots as usize) {
        wait_for(&mut client, last).await;
    }
    f64::from(jobs) / begun.elapsed().as_secs_f64()
}

async fn in_a_row() -> Outcome {
    let longhaul = Side::longhaul(CONFIG);
    let (mut ours, mut other) = (Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        ours.push(jobs_per_second(&longhaul, JOBS, SLOTS).await);
        other.push(tokio::task::block_in_place(|| spawn_rate(2, JOBS)));
    }
    Outcome::of_pairs(&ours, &other, "/s")
}

async fn on_a_slow_disk() -> Outcome {
    if !has("strace") {
        return Outcome::Missing("needs strace, which delays the flushes".into());
    }
    // Both sides are traced, so that they differ in the delay only.
    let slow = Side::traced(CONFIG, SLOW);
    let quick = Side::traced(CONFIG, Duration::ZERO);
    let (mut ours, mut other) = (Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        ours.push(jobs_per_second(&slow, JOBS / 2, SLOTS).await);
        other.push(jobs_per_second(&quick, JOBS / 2, SLOTS).await);
    }
    Outcome::of_pairs(&ours, &other, "/s")
}

async fn beside_xargs() -> Outcome {
    if !has("xargs") {
        return Outcome::Missing("needs xargs".into());
    }
    let longhaul = Side::longhaul(CONFIG);
    let (mut ours, mut other) = (Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        ours.push(jobs_per_second(&longhaul, JOBS, SLOTS).await);
        other.push(tokio::task::block_in_place(|| xargs_rate(2 * JOBS)));
    }
    Outcome::of_pairs(&ours, &other, "/s")
}

async fn beside_pueue() -> Outcome {
    if !(has("pueue") && has("pueued")) {
        return Outcome::Missing("needs pueue".into());
    }
    let longhaul = Side::longhaul(CONFIG);
    let pueue = Pueue::start();
    let (mut ours, mut other) = (Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        ours.push(jobs_per_second(&longhaul, JOBS, SLOTS).await);
        other.push(tokio::task::block_in_place(|| pueue.rate(30)));
    }
    Outcome::of_pairs(&ours, &other, "/s")
}

/// A `pueued` with two slots, in a folder of its own.
struct Pueue {
    daemon: std::process::Child,
    folder: PathBuf,
}

impl Pueue {
    fn start() -> Self {
        let folder = folder::empty();
        let daemon = Self::command("pueued", &folder).stdout(Stdio::null()).spawn().unwrap();
        let started = Self { daemon, folder };
        let patience = Instant::now();
        while !started.tell(&["parallel", "2"]) {
            assert!(patience.elapsed() < Duration::from_secs(10), "pueued does not answer");
        }
        started
    }

    fn command(program: &str, folder: &Path) -> Command {
        let mut command = Command::new(program);
        for name in ["XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR"] {
            command.env(name, folder);
        }
        command
    }

    fn tell(&self, arguments: &[&str]) -> bool {
        let mut command = Self::command("pueue", &self.folder);
        command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().unwrap().success()
    }

    fn rate(&self, jobs: u32) -> f64 {
        assert!(self.tell(&["pause"]));
        for _ in 0..jobs {
            assert!(self.tell(&["add", "--", "/bin/true"]));
        }
        let begun = Instant::now();
        assert!(self.tell(&["start"]) && self.tell(&["wait", "--quiet"]));
        f64::from(jobs) / begun.elapsed().as_secs_f64()
    }
}

impl Drop for Pueue {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

/// A kind that takes much memory: its schema does.
fn large_kind() -> String {
    let values: Vec<_> = (0..LARGE).map(|n| format!("\"{n}{}\"", "x".repeat(1_000_000))).collect();
    let values = values.join(",");
    format!(
        "[kinds.large]\ncommand = [\"true\"]\n[kinds.large.args]\ntype = \"object\"\nadditionalProperties = false\nproperties.x = {{ enum = [{values}] }}\n"
    )
}

async fn while_large() -> Outcome {
    let (mut large, mut small) = (Mark::new(), Mark::new());
    let servers = [
        Side::longhaul(&format!("{}{}", large.config(), large_kind())),
        Side::longhaul(&small.config()),
    ];
    let mut to_large = Client::open(&servers[0].address).await;
    let mut to_small = Client::open(&servers[1].address).await;
    let (mut ours, mut other) = (Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        ours.push(until_started(&mut to_large, &mut large).await);
        other.push(until_started(&mut to_small, &mut small).await);
    }
    let resident = servers.each_ref().map(|side| format!("{:.0} MB", side.resident() / 1e6));
    let [with, without] = [(&ours, &resident[0]), (&other, &resident[1])]
        .map(|(took, resident)| format!("{} with {resident}", spread(took, " ms")));
    let figure = median(ours.iter().zip(&other).map(|(ours, other)| ours / other).collect());
    Outcome::Measured(Measured { figure, ours: with, other: without })
}
