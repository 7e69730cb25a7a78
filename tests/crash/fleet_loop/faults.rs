//! What fails of several servers and their database.

use rand::Rng as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;

use super::NAMES;

/// What fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr)]
pub(super) enum Fault {
    /// A server dies, and is started again.
    Kill(usize),
    /// A server stands still.
    Freeze(usize),
    /// A server is cut off from the database.
    Partition(usize),
    /// What passes between a server and the database is lost at times, and takes its time.
    BadLine(usize),
    /// A server's clock is an hour ahead, or an hour behind.
    Jump(usize),
    /// The database dies, and is started again.
    Crash,
    /// The database stands still.
    Stall,
    /// The database dies for good, and its standby takes its place.
    Failover,
}

impl Fault {
    /// By chance; a bad line only where the first so many servers are hosts of their own.
    pub(super) fn any(random: &mut StdRng, hosts: usize) -> Self {
        let server = random.random_range(0..NAMES.len());
        let network = if server < hosts { Self::BadLine(server) } else { Self::Partition(server) };
        let all = [
            network,
            Self::Kill(server),
            Self::Kill(server),
            Self::Freeze(server),
            Self::Partition(server),
            Self::Jump(server),
            Self::Crash,
            Self::Stall,
            Self::Failover,
        ];
        *all.choose(random).unwrap()
    }

    /// Whether both can be at once: not of one server, nor of one database.
    pub(super) fn goes_with(self, other: Self) -> bool {
        self.server() != other.server()
    }

    pub(super) fn server(self) -> Option<usize> {
        match self {
            Self::Kill(server)
            | Self::Freeze(server)
            | Self::Partition(server)
            | Self::BadLine(server)
            | Self::Jump(server) => Some(server),
            Self::Crash | Self::Stall | Self::Failover => None,
        }
    }
}
