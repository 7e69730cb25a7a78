//! The composition root: configuration in, running parts out. The only place that knows which
//! store and which runner there are.
//!
//! # Order
//!
//! The data folder is taken first and let go last, by the end of the process: a request that was cut
//! may still write until then. The port is bound before anything is recovered,
//! so that a port in use changes nothing; it answers once recovery is done. At the end, what runs
//! stops before the listener closes: starts are accepted durably until then.

mod backup;
mod data;
mod entrance;
mod migrate;
mod objects;
mod open;
mod patience;
mod signals;
mod stop;
mod tokens;
mod trouble;

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use crate::store::TokenError;
pub use crate::store::postgres::inspect::{Inspection, inspect};
pub use crate::store::sqlite::copy::CopyError;
pub use backup::{Backup, BackupError, Stop, backup};
pub use data::{DataError, Holder};
pub use migrate::{ImportError, Imported, MigrateError, migrate};
pub use objects::{ObjectsTrouble, try_objects};
pub use tokens::OfflineTokens;
pub use trouble::{DatabaseTrouble, Trouble};

use crate::api::{self, Pages};
use crate::auth::Keeper;
use crate::config::{Config, Database, Door};
use crate::domain::clock::{Clock, SharedClock, Timestamp};
use crate::domain::limits::Limits;
use crate::runner::process::{self, ProcessRunner};
use crate::scheduler::{self, Board, Scheduler};
use crate::store;
use crate::store::{Health, JoinError, StoreError, postgres, sqlite};
use crate::telemetry::{self, metrics};
use data::DataFolder;
use entrance::{Entrance, Open};
use open::Opened;
use signals::Signals;

/// The file of the database, in the data folder.
const DATABASE: &str = "longhaul.db";
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Why a server did not start. The next start finds whatever it did.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder cannot be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The store cannot be opened.
    #[error("open the store `{}`", path.display())]
    Open {
        /// Its file.
        path: PathBuf,
        /// Why.
        #[source]
        source: sqlite::OpenError,
    },
    /// What was in it is in a PostgreSQL by now.
    #[error("its jobs were moved to a PostgreSQL, and `{}` is what is left of them", .0.display())]
    Moved(PathBuf),
    /// The database of another machine, or process, cannot be used.
    #[error("{0}")]
    Database(#[from] postgres::OpenError),
    /// The address cannot be listened on.
    #[error("listen on {address}")]
    Listen {
        /// Which address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Other machines could reach it, and nobody would be asked for a token.
    #[error(
        "other machines could reach `{0}`, and there is no token yet: nobody would be asked for one"
    )]
    Unguarded(SocketAddr),
    /// Processes cannot be supervised.
    #[error("prepare to run processes")]
    Runner(#[source] io::Error),
    /// A signal came before it was ready.
    #[error("it was told to stop before it was ready")]
    Stopped,
    /// It may not join the other workers of the database.
    #[error("{0}")]
    Join(JoinError),
    /// The object store of the configuration is of no use.
    #[error("{0}")]
    Objects(ObjectsTrouble),
    /// Recovery failed.
    #[error("recover what an earlier server left open")]
    Recover(#[source] StoreError),
    /// The database of another machine, or process, went away during recovery.
    #[error("the database went away while the server started: {0}")]
    Lost(#[source] StoreError),
}

impl StartError {
    /// What a failed recovery means on this database.
    fn of_recovery(database: &Database, error: StoreError) -> Self {
        if database.is_postgres() && matches!(error, StoreError::Unavailable(_)) {
            Self::Lost(error)
        } else {
            Self::Recover(error)
        }
    }
}

/// Why a server ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The store cannot know any more what is durable; the next start recovers.
    #[error("go on: the store is broken: {0}")]
    Store(String),
    /// A part of the scheduler panicked; the next start recovers.
    #[error("go on: {0} panicked, which is a fault of Longhaul")]
    Scheduler(&'static str),
    /// The listener ended without being told to.
    #[error("go on: the listener ended by itself, which is a fault of Longhaul")]
    Listener,
}

/// A server that is ready: recovered, listening, claiming.
pub struct Server {
    scheduler: Scheduler,
    health: watch::Receiver<Health>,
    runner: Arc<ProcessRunner>,
    /// `None`: it opens no port.
    open: Option<Open>,
    address: Option<SocketAddr>,
    keeper: Arc<Keeper>,
    drain_timeout: Duration,
    limits: Limits,
    folder: DataFolder,
    signals: Signals,
    closing: CancellationToken,
    sockets: TaskTracker,
}

impl Server {
    /// Builds and joins all parts.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        telemetry::init();
        let mut signals = Signals::new().map_err(StartError::Runner)?;
        let mut folder = DataFolder::take(&config.server.data)?;
        let entrance = Entrance::bind(&config.server).await?;
        let address = entrance.as_ref().map(|entrance| entrance.address);

        let clock: Arc<dyn Clock> = Arc::new(SharedClock::default());
        let keeper = Arc::new(Keeper::new(Arc::clone(&clock)));
        let parts = tokio::select! {
            parts = start_parts(&folder, &clock, &keeper, &config) => parts?,
            _ = signals.next() => return Err(StartError::Stopped),
        };
        let Parts { scheduler, runner, health, meter: of_store, store } = parts;
        let (closing, sockets) = (CancellationToken::new(), TaskTracker::new());
        let uses = tokens::write_down(Arc::clone(&keeper), scheduler.handle(), closing.clone());
        sockets.spawn(uses);
        let (meter, started_at) = (Arc::<api::Meter>::default(), clock.now());
        let with_api = entrance.as_ref().is_some_and(Entrance::has_api);
        let is_wide = entrance.as_ref().is_some_and(Entrance::is_wide);
        let open = entrance.map(|entrance| {
            entrance.opened(api::Options {
                handle: scheduler.handle(),
                keeper: Arc::clone(&keeper),
                meter: Arc::clone(&meter),
                exposition: exposition(&scheduler, &meter, of_store, started_at),
                started_at,
                clock,
                version: VERSION.to_owned(),
                store,
                pages: Pages::embedded(),
                closing: closing.clone(),
                sockets: sockets.clone(),
                for_other_machines: config.server.insecure_no_auth || is_wide,
                allowed_hosts: config.server.allowed_hosts,
                allowed_origins: config.server.allowed_origins,
                introspection: config.server.introspection,
            })
        });
        // Who looks for an API finds none where there is none.
        folder.say(address.filter(|_| with_api).map(url))?;
        let drain_timeout = config.server.drain_timeout;
        Ok(Self {
            scheduler,
            health,
            runner,
            open,
            address,
            keeper,
            drain_timeout,
            limits: config.limits,
            folder,
            signals,
            closing,
            sockets,
        })
    }

    /// Where it listens; `None`: nowhere.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Whether everybody must show a token.
    pub fn asks_for_tokens(&self) -> bool {
        self.keeper.is_required()
    }

    /// Whether the dashboard and GraphiQL are in this binary.
    pub fn has_pages() -> bool {
        !Pages::embedded().is_empty()
    }

    /// Serves until a signal asks for an end, or the store breaks. The first signal lets what runs
    /// end within the drain timeout, the second kills it, a third waits for nothing more.
    pub async fn run_until_stopped(self) -> Result<(), ServerError> {
        let mut signals = self.signals;
        let mut serving = pin!(entrance::serve(self.open, &self.limits, self.closing.clone()));
        let mut health = self.health;
        let mut failure = pin!(async {
            tokio::select! {
                why = broken(&mut health) => ServerError::Store(why),
                part = self.scheduler.failure() => ServerError::Scheduler(part),
            }
        });
        let ended = tokio::select! {
            stop = signals.next() => Ok(stop),
            failure = &mut failure => Err(failure),
            () = &mut serving => Err(ServerError::Listener),
        };
        // Requests are answered while what runs comes to its end.
        let stopped = match ended {
            Err(error) => Err(error),
            Ok(stop) => tokio::select! {
                () = stop::stop_what_runs(&self.scheduler, self.drain_timeout, stop, &mut signals) => Ok(()),
                failure = &mut failure => Err(failure),
                () = &mut serving => Err(ServerError::Listener),
            },
        };
        self.scheduler.close();
        self.closing.cancel();
        self.sockets.close();
        if stopped.is_ok() {
            stop::close(&mut serving, &self.sockets, &self.runner, &mut signals).await;
            tracing::info!("stopped");
        } else {
            stop::farewell(&self.sockets).await;
        }
        self.folder.leave();
        stopped
    }
}

/// What works behind the API.
struct Parts {
    scheduler: Scheduler,
    runner: Arc<ProcessRunner>,
    health: watch::Receiver<Health>,
    meter: Arc<store::meter::Meter>,
    /// The name of the store.
    store: &'static str,
}

async fn start_parts(
    folder: &DataFolder,
    clock: &Arc<dyn Clock>,
    keeper: &Arc<Keeper>,
    config: &Config,
) -> Result<Parts, StartError> {
    let catalog = Arc::new(config.catalog.clone());
    let board = Board::new(&catalog);
    let sink = tokens::sink(&board, keeper);
    let Opened { store, meter, name } = open::open(folder, &config.server.database, sink).await?;
    let failed = |error| StartError::of_recovery(&config.server.database, error);
    keeper.learn(&store.tokens_and_shares().await.map_err(failed)?);
    let is_wide = config.server.door != Door::Shut && !config.server.listen.ip().is_loopback();
    if is_wide && !config.server.insecure_no_auth && !keeper.is_required() {
        return Err(StartError::Unguarded(config.server.listen));
    }
    let runner = ProcessRunner::new(process::Options {
        data: folder.path().to_owned(),
        // What runs, not what has its name by now: an upgrade may have replaced it, or a build
        // deleted it.
        shim_program: "/proc/self/exe".into(),
        base_dir: config.base_dir().to_owned(),
        limits: config.limits.clone(),
        clock: Arc::clone(clock),
    })
    .map_err(StartError::Runner)?;
    let objects = objects::open(config.object_store.as_ref(), store.as_ref(), failed).await?;
    let health = store.health();
    let scheduler = Scheduler::start(scheduler::Options {
        board,
        store,
        runner: Arc::clone(&runner) as _,
        clock: Arc::clone(clock),
        catalog,
        logs: runner.logs(),
        objects,
        limits: config.limits.clone(),
        retention: config.retention.clone(),
        boot_id: runner.boot_id().to_owned(),
        slots: config.worker.slots,
        worker_name: config.worker.name.clone(),
        version: VERSION.to_owned(),
        lease: config.worker.lease,
        works: config.worker.works,
        labels: config.worker.labels.clone(),
    })
    .await
    .map_err(|error| match error {
        JoinError::Store(error) => failed(error),
        taken @ JoinError::NameTaken { .. } => StartError::Join(taken),
    })?;
    Ok(Parts { scheduler, runner, health, meter, store: name })
}

/// What writes `/metrics`.
fn exposition(
    scheduler: &Scheduler,
    api: &Arc<api::Meter>,
    store: Arc<store::meter::Meter>,
    started_at: Timestamp,
) -> api::Exposition {
    let (scheduler, api) = (scheduler.handle(), Arc::clone(api));
    metrics::exposition(metrics::Sources { scheduler, api, store, started_at, version: VERSION })
}

/// The SDL that every server of this version serves.
pub fn sdl() -> String {
    api::schema::sdl()
}

/// Where a client of this machine reaches it: "every address" is none to connect to.
pub fn url(mut address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    format!("http://{address}")
}

/// Ends when the store is broken, with what it says.
async fn broken(health: &mut watch::Receiver<Health>) -> String {
    loop {
        if let Health::Broken(why) = &*health.borrow_and_update() {
            return why.clone();
        }
        if health.changed().await.is_err() {
            return "its writer ended".to_owned();
        }
    }
}
