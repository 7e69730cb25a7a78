//! The servers, their database, and how each of them fails and is mended.

use std::collections::{BTreeSet, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use longhaul::domain::clock::{Clock as _, SystemClock};
use rand::Rng as _;
use rand::rngs::StdRng;
use rustix::process::Signal;
use serde_json::json;
use tokio::task::block_in_place;

use super::super::api::{Api, Gone};
use super::super::bed::{Bed, Member, News};
use super::super::clients::{Acked, span};
use super::super::processes;
use super::database::Pair;
use super::faults::Fault;
use super::network::Network;
use super::node::Node;
use super::{LEASE_MS, NAMES, REFUSED, witness};
use crate::support::deadline::within;
use crate::support::hosts::Hosts;
use crate::support::print;

const SLOTS: u32 = 2;
/// So many servers are hosts of their own, where that can be.
const HOSTS: usize = 2;
/// In seconds.
const HOUR: i64 = 3_600;

/// A job that ran on a server when that was killed for long, and when that was.
pub(super) struct Killed {
    pub(super) at: i64,
    pub(super) job: String,
}

/// When a server that had been killed was started again.
pub(super) struct Restart {
    pub(super) at: i64,
    pub(super) name: &'static str,
}

pub(super) struct Fleet {
    hosts: Option<Arc<Hosts>>,
    pub(super) database: Pair,
    pub(super) nodes: Vec<Node>,
    pub(super) ledger: tempfile::TempDir,
    news: News,
    /// What was started to be running when it fails.
    pub(super) long: Vec<Acked>,
    pub(super) killed: Vec<Killed>,
    pub(super) restarts: Vec<Restart>,
    /// The fences of what was taken from a server that told of its end later, and was refused.
    pub(super) late: BTreeSet<i64>,
    /// Late reports that were refused by what was killed after that.
    refused: usize,
}

impl Fleet {
    pub(super) async fn new() -> Self {
        let hosts = Hosts::new(HOSTS);
        if let Err(why) = &hosts {
            print(&format!(
                "fleet loop: no hosts of their own here, so no line is bad, and processes have proxies: {why}"
            ));
        }
        let (hosts, ledger) = (hosts.ok().map(Arc::new), tempfile::tempdir().unwrap());
        let machine = hosts.as_ref().map(|hosts| hosts.machine());
        let database = Pair::at(machine.as_deref()).await;
        let mut nodes = Vec::new();
        for (number, name) in NAMES.into_iter().enumerate() {
            let network = match &hosts {
                Some(hosts) if number < HOSTS => Network::Host(Arc::clone(hosts), number),
                _ => Network::before(database.ports()).await,
            };
            let member = Member {
                name,
                slots: SLOTS,
                all_slots: SLOTS * u32::try_from(NAMES.len()).unwrap(),
                database: &database.by(&network.way_to(database.ports())),
                lease: &format!("{LEASE_MS}ms"),
                // Long enough for a clock to be set meanwhile.
                backoff: "1s",
            };
            let bed = Bed::of_member(&member, "300ms", ledger.path());
            nodes.push(Node::new(bed, network).await);
        }
        witness::begin(&database.client().await).await;
        let news = nodes[0].bed.news();
        let (long, killed, restarts) = (Vec::new(), Vec::new(), Vec::new());
        let late = BTreeSet::new();
        Self { hosts, database, nodes, ledger, news, long, killed, restarts, late, refused: 0 }
    }

    /// The first so many servers are hosts of their own.
    pub(super) fn hosts(&self) -> usize {
        if self.hosts.is_some() { HOSTS } else { 0 }
    }

    /// What was lost on the way between hosts and the databases; something, where a line was bad.
    pub(super) fn lost(&self, has_bad_lines: bool) -> String {
        let Some(hosts) = &self.hosts else { return "no hosts of their own".to_owned() };
        let (lost, late) = hosts.count();
        assert!(!has_bad_lines || lost > 0 && late > 0, "{lost} packets lost, {late} late");
        format!("{HOSTS} hosts of their own, {lost} packets lost, {late} late")
    }

    /// Late reports of ends that were refused until now.
    pub(super) fn refused(&self) -> usize {
        self.refused + self.nodes.iter().map(|node| node.server.has_said(REFUSED)).sum::<usize>()
    }

    pub(super) fn apis(&self) -> Vec<Api> {
        self.nodes.iter().map(|node| node.server.api().clone().on_a_database()).collect()
    }

    pub(super) fn data(&self) -> Vec<PathBuf> {
        self.nodes.iter().map(|node| node.bed.data()).collect()
    }

    /// A server, and a job that runs on it and takes longer than a lease.
    pub(super) async fn busy(&mut self, round: u64) -> (usize, String) {
        let api = self.nodes[0].server.api().clone().on_a_database();
        let mut ids = Vec::new();
        for number in 0..3 {
            let (key, kind) = (format!("long-{round}-{number}"), "long");
            let id = answered(async || api.start(kind, &key).await).await;
            ids.push(id.clone());
            self.long.push(Acked { key, kind, id });
        }
        let id = loop {
            let line = within("a job that runs", &round, self.news.next_line()).await.unwrap();
            let line = line.expect("we hold the pipe open ourselves");
            // What an earlier round started may have told that it runs once more.
            let id = line.strip_prefix("ready ").expect("only these jobs tell anything").to_owned();
            if ids.contains(&id) {
                break id;
            }
        };
        let query = "query ($id: ID!) { job(id: $id) { worker { name } } }";
        let data = answered(async || api.ask(query, json!({ "id": id })).await).await;
        let server = NAMES.iter().position(|name| data["job"]["worker"]["name"] == *name);
        (server.expect("it runs"), id)
    }

    /// Waits for the end of a job, which must be a good one of its first attempt.
    pub(super) async fn ends_well(&self, id: &str) {
        let api = self.nodes[0].server.api();
        let mut feed = api.feed().await.unwrap();
        loop {
            let query = "query ($id: ID!) { job(id: $id) { state attempt terminal } }";
            let data = api.ask(query, json!({ "id": id })).await.unwrap();
            let job = &data["job"];
            assert_eq!(job["attempt"], 1, "what ran goes on, whatever the clocks show: {job}");
            if job["terminal"] == true {
                assert_eq!(job["state"], "SUCCEEDED", "{job}");
                return;
            }
            within("a change", job, feed.next()).await.unwrap();
        }
    }

    /// Lets it fail; the attempts whose trees have to be gone soon.
    pub(super) async fn fail(&mut self, fault: Fault, random: &mut StdRng) -> HashSet<String> {
        match fault {
            Fault::Kill(number) => {
                let node = &mut self.nodes[number];
                node.server.kill().await;
                self.refused += node.server.has_said(REFUSED);
                return processes::keys(&processes::of(&node.bed.data()));
            }
            Fault::Freeze(number) => self.nodes[number].server.signal(Signal::STOP),
            Fault::Partition(number) => self.nodes[number].network.cut(random),
            Fault::BadLine(number) => self.nodes[number].network.worsen(random),
            Fault::Jump(number) => {
                let ahead = if random.random() { HOUR } else { -HOUR };
                self.nodes[number].set_clock(ahead).await;
            }
            Fault::Crash | Fault::Failover => block_in_place(|| self.database.primary().crash()),
            Fault::Stall => self.database.primary().freeze(),
        }
        HashSet::new()
    }

    /// Mends it. The database comes first where more is to be mended.
    pub(super) async fn mend(&mut self, fault: Fault) {
        match fault {
            Fault::Kill(number) => {
                let (node, at) = (&mut self.nodes[number], SystemClock.now().timestamp_millis());
                self.restarts.push(Restart { at, name: NAMES[number] });
                node.server = node.bed.server().await;
            }
            Fault::Freeze(number) => self.nodes[number].server.signal(Signal::CONT),
            Fault::Partition(number) | Fault::BadLine(number) => self.nodes[number].network.mend(),
            Fault::Jump(number) => self.nodes[number].set_clock(0).await,
            Fault::Crash => block_in_place(|| self.database.primary().start_again()),
            Fault::Stall => self.database.primary().thaw(),
            Fault::Failover => self.database.fail_over().await,
        }
    }

    /// Whether all of them live.
    pub(super) fn assert_alive(&mut self, round: u64, faults: &[Fault]) {
        for (name, node) in NAMES.iter().zip(&mut self.nodes) {
            if let Some((status, said)) = node.server.has_ended() {
                panic!(
                    "round {round}, {faults:?}: server {name} ended by itself, {status}:\n{said}"
                );
            }
        }
    }
}

/// What is answered once the database is back, where it failed a moment ago.
async fn answered<T>(ask: impl AsyncFn() -> Result<T, Gone>) -> T {
    let again = async {
        loop {
            if let Ok(answer) = ask().await {
                return answer;
            }
            span(Duration::from_millis(100)).await;
        }
    };
    within("an answer after a round", &"", again).await
}
