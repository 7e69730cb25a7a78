//! Hosts of their own for servers, where this machine lets us make them: network namespaces, and a router
//! between them and the databases that loses, delays and cuts what truly passes. TCP is the kernel's.
//!
//! They are gone with the run, however that ends: the router holds all of them, and ends with its input.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use super::watch::Watch;

/// So many, and the router.
pub(crate) struct Hosts {
    /// The first three numbers of all addresses.
    network: String,
    /// What holds the namespace of each.
    holders: Vec<String>,
    router: Watch,
}

/// A bad line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bad {
    /// Of each packet, each way: the chance to be lost.
    pub(crate) loss: f64,
    /// How long it takes at least and at most, in milliseconds.
    pub(crate) delay: (u32, u32),
}

impl Hosts {
    /// So many of them; an error is why there can be none.
    pub(crate) fn new(count: usize) -> Result<Self, String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut router = Command::new(root.join("target/python/bin/python"));
        router.arg(root.join("tests/support/hosts.py")).arg(count.to_string());
        let router =
            Watch::begin(&mut router).map_err(|error| format!("no target/python: {error}"))?;
        let said = router.hear();
        let Some(made) = said.strip_prefix("ready ") else { return Err(said) };
        let mut words = made.split(' ').map(str::to_owned);
        let network = words.next().unwrap();
        Ok(Self { network, holders: words.collect(), router })
    }

    /// Where hosts reach what listens on this machine, by lines that may be bad.
    pub(crate) fn machine(&self) -> String {
        format!("{}.1", self.network)
    }

    /// Where this machine reaches a host, whatever its line to the databases is like.
    pub(crate) fn address(&self, host: usize) -> String {
        format!("{}.{}", self.network, host + 2)
    }

    /// What a process is begun by that is to be on a host.
    pub(crate) fn enter(&self, host: usize) -> Vec<OsString> {
        let namespace = format!("--net=/proc/{}/ns/net", self.holders[host]);
        vec!["nsenter".into(), namespace.into(), "--".into()]
    }

    /// Lets nothing pass between a host and the databases: neither hears of it.
    pub(crate) fn cut(&self, host: usize) {
        assert_eq!(self.router.order(&format!("cut {host}")), "done");
    }

    /// Makes that line a bad one.
    pub(crate) fn worsen(&self, host: usize, Bad { loss, delay: (least, most) }: Bad) {
        let seconds = |millis| f64::from(millis) / 1_000.0;
        let (least, most) = (seconds(least), seconds(most));
        assert_eq!(self.router.order(&format!("worsen {host} {loss} {least} {most}")), "done");
    }

    /// Lets all pass again.
    pub(crate) fn mend(&self, host: usize) {
        assert_eq!(self.router.order(&format!("open {host}")), "done");
    }

    /// How many packets were lost and how many came late.
    pub(crate) fn count(&self) -> (u64, u64) {
        let said = self.router.order("count");
        let (lost, late) = said.split_once(' ').unwrap();
        (lost.parse().unwrap(), late.parse().unwrap())
    }
}
