//! A connection pooler before the database, which lends one of its connections for a transaction: how one is
//! found out, and what holds before anything is asked through it.
//!
//! # Invariants
//!
//! - Nothing of a session is asked through it: no statement that is kept, no setting beyond a transaction,
//!   no lock beyond one, no LISTEN. What needs a session has a connection past it.
//! - Both ways lead to one database, and each transaction names the schema: that of the way past it.

use tokio::time::timeout;
use tokio_postgres::{Client, SimpleQueryMessage};
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use super::address::{Address, Ways};
use super::open::OpenError;
use super::session::{ANSWER_WITHIN, CONNECT_WITHIN, Session};

/// So often two connections are asked who serves them.
const ROUNDS: usize = 3;
/// The first half of the lock by which two ways are known to lead to one database.
const MEETING: i32 = 1_279_804_485;

/// A connection that was told nothing yet.
struct Bare {
    client: Client,
    /// What drives the connection, until this is dropped.
    _driver: AbortOnDropHandle<()>,
}

impl Bare {
    async fn connect(address: &Address) -> Result<Self, OpenError> {
        let shown = address.to_string();
        let connecting = address.config.connect(address.tls.clone());
        let Ok(connected) = timeout(CONNECT_WITHIN, connecting).await else {
            return Err(OpenError::silent(&shown, CONNECT_WITHIN));
        };
        let (client, connection) = connected.map_err(|error| OpenError::of(&error, &shown))?;
        let driver = TaskTracker::new().spawn(async move {
            // Whoever uses the client hears of it.
            drop(connection.await);
        });
        Ok(Self { client, _driver: AbortOnDropHandle::new(driver) })
    }

    /// The last value that these statements tell. Text both ways: nothing is prepared.
    async fn ask(&self, sql: &str, address: &Address) -> Result<Option<String>, OpenError> {
        let Ok(said) = timeout(ANSWER_WITHIN, self.client.simple_query(sql)).await else {
            return Err(OpenError::silent(&address.to_string(), ANSWER_WITHIN));
        };
        let said = said.map_err(|error| OpenError::of(&error, &address.to_string()))?;
        let value = said.iter().rev().find_map(|message| {
            let SimpleQueryMessage::Row(row) = message else { return None };
            row.get(0).map(str::to_owned)
        });
        Ok(value)
    }
}

/// Whether the connections at `address` are lent for a transaction only. Where they are sessions, each has a
/// process of the database for itself, and keeps it.
async fn lends(address: &Address) -> Result<bool, OpenError> {
    let (one, other) = tokio::try_join!(Bare::connect(address), Bare::connect(address))?;
    let served = "SELECT pg_backend_pid()";
    let mut known: Option<[Option<String>; 2]> = None;
    for _ in 0..ROUNDS {
        // One after the other: what one gave back is what the other is lent.
        let pids = [one.ask(served, address).await?, other.ask(served, address).await?];
        if pids[0] == pids[1] || known.as_ref().is_some_and(|known| *known != pids) {
            return Ok(true);
        }
        known = Some(pids);
    }
    Ok(false)
}

/// A session of the database: refused where there is none, and where what does without one would go elsewhere.
/// Nothing was told to anybody's connection before.
pub(super) async fn past(ways: &Ways) -> Result<Session, OpenError> {
    let Ways { session: direct, pooled } = ways;
    if lends(direct).await? {
        let shown = direct.to_string();
        return Err(match pooled {
            None => OpenError::Pooled(shown),
            Some(_) => OpenError::DirectPooled(shown),
        });
    }
    let session = Session::connect(direct).await?;
    if let Some(pooled) = pooled {
        meet(session.client(), direct, pooled).await?;
    }
    Ok(session)
}

/// Checks that both ways lead to one database, a server that runs: who takes a lock on one is seen from the
/// other. A copy, a standby or another database would answer questions with what it has itself.
async fn meet(direct: &Client, direct_at: &Address, pooled_at: &Address) -> Result<(), OpenError> {
    let key = rand::random_range(0..i32::MAX);
    let sql = |error| OpenError::of(&error, &direct_at.to_string());
    let lock = "SELECT pg_advisory_lock($1, $2)";
    direct.execute(lock, &[&MEETING, &key]).await.map_err(sql)?;
    let seen = async {
        let pooled = Bare::connect(pooled_at).await?;
        let look = format!(
            "BEGIN; SELECT count(*) FROM pg_locks \
             WHERE locktype = 'advisory' AND classid = {MEETING} AND objid = {key} \
             AND database = (SELECT oid FROM pg_database WHERE datname = current_database()); COMMIT"
        );
        pooled.ask(&look, pooled_at).await
    };
    let seen = seen.await;
    let unlock = "SELECT pg_advisory_unlock($1, $2)";
    direct.execute(unlock, &[&MEETING, &key]).await.map_err(sql)?;
    if seen?.as_deref() == Some("1") {
        return Ok(());
    }
    Err(OpenError::Elsewhere { pooled: pooled_at.to_string(), direct: direct_at.to_string() })
}

/// Checks that what is asked through it may read what is there.
pub(super) async fn may_read(pooled_at: &Address, schema: &str) -> Result<(), OpenError> {
    let look = format!(
        "BEGIN; SET LOCAL search_path = {}; SELECT max(version) FROM longhaul_schema; COMMIT",
        quoted(schema)
    );
    Bare::connect(pooled_at).await?.ask(&look, pooled_at).await.map(drop)
}

/// What each transaction is told: what connections of our own are told once, and where the tables are.
pub(super) fn told(settings: &str, schema: &str) -> String {
    format!("{settings}; SET LOCAL search_path = {}", quoted(schema))
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_schema_ends_no_statement() {
        assert_eq!(
            told("SET LOCAL a = 1", "x\"; DROP"),
            "SET LOCAL a = 1; SET LOCAL search_path = \"x\"\"; DROP\""
        );
    }
}
