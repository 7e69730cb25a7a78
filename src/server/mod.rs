//! The composition root: configuration in, running parts out. The only place that knows which
//! store and which runner there are.
//!
//! # Order
//!
//! The data folder is taken first and let go last. The port is bound before anything is recovered,
//! so that a port in use changes nothing; it answers once recovery is done. At the end, what runs
//! stops before the listener closes: starts are accepted durably until then.

mod data;
mod signals;
mod trouble;

use std::future::IntoFuture;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use data::{DataError, Holder};
pub use trouble::Trouble;

use crate::api;
use crate::config::Config;
use crate::domain::clock::{Clock, SystemClock};
use crate::runner::process::{self, ProcessRunner};
use crate::scheduler::{self, Board, Scheduler};
use crate::store::sqlite::{self, SqliteStore};
use crate::store::{Health, Reader, StoreError};
use crate::telemetry;
use data::DataFolder;
use signals::Signals;

/// How long connections have to end by themselves once the listener is closed.
const CLOSING_TIME: Duration = Duration::from_secs(2);

/// Why a server did not start. Nothing was changed that a next start would not find.
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
    /// The address cannot be listened on.
    #[error("listen on {address}")]
    Listen {
        /// Which address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Processes cannot be supervised.
    #[error("prepare to run processes")]
    Runner(#[source] io::Error),
    /// Recovery failed.
    #[error("recover what an earlier server left open")]
    Recover(#[source] StoreError),
}

/// Why a server ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The store cannot know any more what is durable; the next start recovers.
    #[error("go on: the store is broken: {0}")]
    Store(String),
    /// The listener failed.
    #[error("serve")]
    Serve(#[source] io::Error),
}

/// A server that is ready: recovered, listening, claiming.
pub struct Server {
    scheduler: Scheduler,
    health: watch::Receiver<Health>,
    runner: Arc<ProcessRunner>,
    listener: TcpListener,
    app: axum::Router,
    address: SocketAddr,
    drain_timeout: Duration,
    folder: DataFolder,
    signals: Signals,
    closing: CancellationToken,
}

/// How a stop is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// Let what runs end within the drain timeout.
    Drain,
    /// Now.
    Now,
}

impl Server {
    /// Builds and joins all parts.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        telemetry::init();
        let signals = Signals::new().map_err(StartError::Runner)?;
        let mut folder = DataFolder::take(&config.server.data)?;
        let address = config.server.listen;
        let listen = |source| StartError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;

        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let parts = start_parts(folder.path(), &clock, &config).await?;
        let Parts { scheduler, runner, health } = parts;
        let closing = CancellationToken::new();
        let app = api::router(api::Options {
            handle: scheduler.handle(),
            started_at: clock.now(),
            clock,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            store: "sqlite",
            closing: closing.clone(),
            allowed_hosts: config.server.allowed_hosts,
            allowed_origins: config.server.allowed_origins,
        });
        folder.say(Some(url(address)))?;
        let drain_timeout = config.server.drain_timeout;
        Ok(Self {
            scheduler,
            health,
            runner,
            listener,
            app,
            address,
            drain_timeout,
            folder,
            signals,
            closing,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until a signal asks for an end, or the store breaks. The first signal lets what runs
    /// end within the drain timeout; a further one stops it now.
    pub async fn run_until_stopped(self) -> Result<(), ServerError> {
        let mut signals = self.signals;
        let closing = self.closing.clone();
        let until = async move { closing.cancelled().await };
        let serve = axum::serve(self.listener, self.app).with_graceful_shutdown(until);
        let mut serving = pin!(serve.into_future());
        let mut health = self.health;
        let ended = tokio::select! {
            stop = signals.next() => Ok(stop),
            broken = broken(&mut health) => Err(ServerError::Store(broken)),
            served = &mut serving => Err(ServerError::Serve(
                served.err().unwrap_or_else(|| io::Error::other("the listener ended by itself")),
            )),
        };
        // Requests are answered while what runs comes to its end.
        let stopped = match ended {
            Err(error) => Err(error),
            Ok(stop) => tokio::select! {
                () = stop_scheduler(&self.scheduler, self.drain_timeout, stop, &mut signals) => Ok(()),
                broken = broken(&mut health) => Err(ServerError::Store(broken)),
                served = &mut serving => Err(ServerError::Serve(
                    served.err().unwrap_or_else(|| io::Error::other("the listener ended by itself")),
                )),
            },
        };
        self.scheduler.close();
        self.closing.cancel();
        if stopped.is_ok() {
            // A connection that stays open longer is cut when the runtime ends.
            let _ = tokio::time::timeout(CLOSING_TIME, &mut serving).await;
            self.runner.drained().await;
            tracing::info!("stopped");
        }
        drop(self.folder);
        stopped
    }
}

/// What works behind the API.
struct Parts {
    scheduler: Scheduler,
    runner: Arc<ProcessRunner>,
    health: watch::Receiver<Health>,
}

async fn start_parts(
    folder: &Path,
    clock: &Arc<dyn Clock>,
    config: &Config,
) -> Result<Parts, StartError> {
    let catalog = Arc::new(config.catalog.clone());
    let board = Board::new(&catalog);
    let store = open_store(folder, &board)?;
    let runner = ProcessRunner::new(process::Options {
        data: folder.to_owned(),
        shim_program: std::env::current_exe().map_err(StartError::Runner)?,
        base_dir: config.base_dir().to_owned(),
        limits: config.limits.clone(),
        clock: Arc::clone(clock),
    })
    .map_err(StartError::Runner)?;
    let health = store.health();
    let scheduler = Scheduler::start(scheduler::Options {
        board,
        store,
        runner: Arc::clone(&runner) as _,
        clock: Arc::clone(clock),
        catalog,
        logs: runner.logs(),
        limits: config.limits.clone(),
        boot_id: runner.boot_id().to_owned(),
        slots: config.worker.slots,
    })
    .await
    .map_err(StartError::Recover)?;
    Ok(Parts { scheduler, runner, health })
}

async fn stop_scheduler(
    scheduler: &Scheduler,
    budget: Duration,
    first: Stop,
    signals: &mut Signals,
) {
    tracing::info!(?budget, "stopping: nothing more starts, and what runs may end");
    let mut stopping = pin!(scheduler.stop(budget));
    if first == Stop::Drain {
        tokio::select! {
            () = &mut stopping => return,
            _ = signals.next() => {}
        }
    }
    tracing::info!("stopping now");
    scheduler.stop_now().await;
    stopping.await;
}

/// The SDL that every server of this version serves.
pub fn sdl() -> String {
    api::schema::sdl()
}

fn url(address: SocketAddr) -> String {
    format!("http://{address}")
}

fn open_store(folder: &Path, board: &Board) -> Result<Arc<SqliteStore>, StartError> {
    let path = folder.join("longhaul.db");
    let options = sqlite::Options::new(path.clone(), board.sink());
    SqliteStore::open(options).map(Arc::new).map_err(|source| StartError::Open { path, source })
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
