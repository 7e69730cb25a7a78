//! What lies between a server and the databases: a line to a host of its own, or a proxy before each of them,
//! which can lose a connection at a COMMIT.

use std::sync::Arc;

use rand::Rng as _;
use rand::rngs::StdRng;

use super::super::server::Surroundings;
use crate::support::hosts::{Bad, Hosts};
use crate::support::proxy::{Proxy, Side, Way};

pub(super) enum Network {
    /// That of a host by its number.
    Host(Arc<Hosts>, usize),
    Proxies([Proxy; 2]),
}

impl Network {
    /// Proxies before these ports.
    pub(super) async fn before([first, second]: [u16; 2]) -> Self {
        Self::Proxies([Proxy::before(first).await, Proxy::before(second).await])
    }

    /// By which hosts a server comes to these ports.
    pub(super) fn way_to(&self, ports: [u16; 2]) -> String {
        let hosts = match self {
            Self::Host(hosts, _) => ports.map(|port| format!("{}:{port}", hosts.machine())),
            Self::Proxies(both) => both.each_ref().map(|one| format!("127.0.0.1:{}", one.port())),
        };
        hosts.join(",")
    }

    /// What a server is started with that is to have it.
    pub(super) fn surroundings(&self) -> Surroundings {
        match self {
            Self::Host(hosts, number) => Surroundings {
                listen: format!("{}:0", hosts.address(*number)),
                by: hosts.enter(*number),
            },
            Self::Proxies(_) => Surroundings::default(),
        }
    }

    /// Cuts it: silently between hosts, else at a COMMIT.
    pub(super) fn cut(&self, random: &mut StdRng) {
        let both = match self {
            Self::Host(hosts, number) => return hosts.cut(*number),
            Self::Proxies(both) => both,
        };
        let at = "COMMIT";
        let sides = [Side::HearsNothing, Side::WaitsForMore, Side::DoesIt];
        let way = match random.random_range(0..4) {
            3 => Way::CutForGood { at },
            side => Way::Cut { at, server: sides[side] },
        };
        for proxy in both {
            proxy.go(way);
        }
    }

    /// Makes it a bad one, which only the line of a host can be.
    pub(super) fn worsen(&self, random: &mut StdRng) {
        let Self::Host(hosts, number) = self else { panic!("a proxy loses nothing") };
        let least = random.random_range(5..50);
        let delay = (least, least + random.random_range(5..200));
        hosts.worsen(*number, Bad { loss: random.random_range(0.05..0.3), delay });
    }

    pub(super) fn mend(&self) {
        match self {
            Self::Host(hosts, number) => hosts.mend(*number),
            Self::Proxies(both) => both.iter().for_each(|proxy| proxy.go(Way::Open)),
        }
    }
}
