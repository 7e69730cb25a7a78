//! A look at a database by who wants to know whether a server could work there. It changes nothing.

use tokio::time::timeout;
use tokio_postgres::Client;
use tokio_postgres::error::Error;

use super::address::Ways;
use super::open::{self, OpenError};
use super::pooler;
use super::session::ANSWER_WITHIN;
use crate::domain::clock::Clock;

/// What was found where a server can work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// User, host and database.
    pub address: String,
    /// The same of the pooler, where one stands before it.
    pub pooler: Option<String>,
    /// The version of PostgreSQL.
    pub version: String,
    /// The schema that is worked in.
    pub schema: String,
    /// The number of its tables' version; `None`: there are none yet.
    pub tables: Option<i32>,
    /// The number that this program writes.
    pub known: i32,
    /// What a commit waits for, where nobody says otherwise.
    pub synchronous_commit: String,
    /// Settings that are off and cost data when the power fails.
    pub unsafe_settings: Vec<String>,
    /// How many standbys follow it.
    pub standbys: u32,
    /// How many of them a commit does not wait for.
    pub asynchronous: u32,
    /// Its clock less that of this machine, in milliseconds.
    pub clock_ms: i64,
}

/// Looks at the database at `url`, through a pooler where `direct` is the way past it, and compares its clock
/// with this one.
pub async fn inspect(
    url: &str,
    direct: Option<&str>,
    clock: &dyn Clock,
) -> Result<Inspection, OpenError> {
    let ways = Ways::parse(url, direct)?;
    let session = pooler::past(&ways).await?;
    let shown = ways.session.to_string();
    let found = timeout(ANSWER_WITHIN, look(session.client(), &shown, clock)).await;
    session.close().await;
    let found = found.unwrap_or_else(|_| Err(OpenError::silent(&shown, ANSWER_WITHIN)))?;
    let Some(pooled) = &ways.pooled else { return Ok(found) };
    if found.tables.is_some() {
        pooler::may_read(pooled, &found.schema).await?;
    }
    Ok(Inspection { pooler: Some(pooled.to_string()), ..found })
}

async fn look(client: &Client, address: &str, clock: &dyn Clock) -> Result<Inspection, OpenError> {
    let sql = |error: Error| OpenError::of(&error, address);
    let schema = open::look(client, address).await?;
    let tables = open::version(client, &schema).await.map_err(sql)??;
    if tables.is_none() && open::is_foreign(client, &schema).await.map_err(sql)? {
        return Err(OpenError::Foreign(schema));
    }
    let missing = missing_right(client, &schema, tables.is_some()).await.map_err(sql)?;
    if let Some(error) = missing {
        return Err(OpenError::Rights { address: address.to_owned(), error });
    }
    let before = clock.now().timestamp_millis();
    let row = client.query_one(ABOUT, &[]).await.map_err(sql)?;
    let here = before.midpoint(clock.now().timestamp_millis());
    let count = |at: usize| u32::try_from(row.get::<_, i64>(at)).unwrap_or(u32::MAX);
    Ok(Inspection {
        address: address.to_owned(),
        pooler: None,
        version: row.get(0),
        schema,
        tables,
        known: open::KNOWN,
        synchronous_commit: row.get(1),
        unsafe_settings: row.get(2),
        standbys: count(3),
        asynchronous: count(4),
        clock_ms: row.get::<_, i64>(5) - here,
    })
}

/// The first right that is missing, where one is.
async fn missing_right(
    client: &Client,
    schema: &str,
    has_tables: bool,
) -> Result<Option<String>, Error> {
    if !has_tables {
        let sql = "SELECT has_schema_privilege($1::text, 'CREATE')";
        let may: bool = client.query_one(sql, &[&schema]).await?.get(0);
        return Ok((!may).then(|| format!("it may make no tables in the schema `{schema}`")));
    }
    let row = client.query_opt(MISSING, &[&schema]).await?;
    Ok(row.map(|row| format!("it may not read and write `{}`", row.get::<_, String>(0))))
}

/// What our own session was told is not what the database says by itself. A standby whose state may not be
/// seen counts as one that is waited for where any is.
const ABOUT: &str = "
SELECT current_setting('server_version'),
    (SELECT reset_val FROM pg_settings WHERE name = 'synchronous_commit'),
    (SELECT coalesce(array_agg(name ORDER BY name), '{}')
     FROM pg_settings
     WHERE name IN ('fsync', 'full_page_writes')
       AND setting = 'off'),
    (SELECT count(*) FROM pg_stat_replication),
    (SELECT count(*)
     FROM pg_stat_replication
     WHERE sync_state IN ('async', 'potential')
        OR current_setting('synchronous_standby_names') = ''),
    (extract(epoch FROM clock_timestamp()) * 1000)::bigint";

const MISSING: &str = "
SELECT relname::text
FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE nspname = $1
  AND CASE relkind
      WHEN 'r' THEN NOT (has_table_privilege(pg_class.oid, 'SELECT')
          AND (relname = 'longhaul_schema'
              OR (has_table_privilege(pg_class.oid, 'INSERT')
                  AND has_table_privilege(pg_class.oid, 'UPDATE')
                  AND has_table_privilege(pg_class.oid, 'DELETE'))))
      WHEN 'S' THEN NOT has_sequence_privilege(pg_class.oid, 'SELECT, UPDATE')
      ELSE false
      END
ORDER BY relname
LIMIT 1";
