//! A server of several: its folders, its clock, and the network between it and the databases.

use super::super::bed::Bed;
use super::super::clock::WallClock;
use super::super::server::Server;
use super::network::Network;

pub(super) struct Node {
    pub(super) bed: Bed,
    clock: WallClock,
    pub(super) network: Network,
    pub(super) server: Server,
}

impl Node {
    /// One that serves.
    pub(super) async fn new(mut bed: Bed, network: Network) -> Self {
        let clock = WallClock::in_folder(bed.folder());
        let mut surroundings = network.surroundings();
        surroundings.by.extend(clock.starter());
        bed.surround(surroundings);
        let server = bed.server().await;
        Self { bed, clock, network, server }
    }

    /// Sets its clock so many seconds ahead of the machine's.
    pub(super) async fn set_clock(&self, ahead: i64) {
        self.clock.set_of(&self.server, ahead).await;
    }
}
