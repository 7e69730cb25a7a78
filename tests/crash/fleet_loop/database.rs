//! A PostgreSQL and the standby that it waits for: what is acknowledged is in both, so either may die for
//! good.

use tokio::task::block_in_place;

use crate::support::deadline::within;
use crate::support::postgres::{Cluster, client, through};

/// What a standby is made of has these, so it has them, too.
const SETTINGS: [&str; 3] = [
    // Whoever follows by this name is waited for. A copy that is being made has another one.
    "synchronous_standby_names = 'longhaul'",
    // Whoever commits waits for the standby, which else looks for its primary every 5 s.
    "wal_retrieve_retry_interval = '100ms'",
    "wal_keep_size = '256MB'",
];

/// Both of them, each at an address that stays when it is replaced.
pub(super) struct Pair {
    members: [Cluster; 2],
    /// Which of them writes.
    primary: usize,
    schema: String,
}

impl Pair {
    /// Both, which listen at this address beside the loopback.
    pub(super) async fn at(host: Option<&str>) -> Self {
        let primary = block_in_place(|| Cluster::own_at(host));
        let admin = primary.admin().await;
        for setting in SETTINGS {
            admin.batch_execute(&format!("ALTER SYSTEM SET {setting}")).await.unwrap();
        }
        admin.batch_execute("SELECT pg_reload_conf()").await.unwrap();
        let standby = block_in_place(|| primary.standby());
        let schema = primary.schema().await;
        let pair = Self { members: [primary, standby], primary: 0, schema };
        pair.is_followed().await;
        pair
    }

    /// Waits until the standby has what is committed.
    async fn is_followed(&self) {
        let admin = self.primary().admin().await;
        // Something to commit, without a table.
        let commit = admin.execute("SELECT pg_logical_emit_message(true, 'longhaul', '')", &[]);
        within("a standby that follows", &self.primary, commit).await.unwrap();
        let sql = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
        let waited_for: i64 = admin.query_one(sql, &[]).await.unwrap().get(0);
        assert_eq!(waited_for, 1, "the primary waits for its standby");
    }

    /// The one that writes.
    pub(super) fn primary(&self) -> &Cluster {
        &self.members[self.primary]
    }

    /// Where both are, whoever writes.
    pub(super) fn ports(&self) -> [u16; 2] {
        self.members.each_ref().map(Cluster::port)
    }

    /// The address of the schema by these hosts, which need no TLS.
    pub(super) fn by(&self, hosts: &str) -> String {
        format!("{}&sslmode=disable", through(hosts, &self.schema))
    }

    /// A connection of the test's own to the one that writes, and to the schema.
    pub(super) async fn client(&self) -> tokio_postgres::Client {
        client(&through(&format!("127.0.0.1:{}", self.primary().port()), &self.schema)).await
    }

    /// The primary has died for good: the standby takes its place, and another one follows it, where the
    /// dead one was.
    pub(super) async fn fail_over(&mut self) {
        let (dead, next) = (self.primary, 1 - self.primary);
        let admin = self.members[next].admin().await;
        let promoted = admin.query_one("SELECT pg_promote()", &[]).await.unwrap();
        assert!(promoted.get::<_, bool>(0), "the standby takes over");
        let (gone, next) = (&self.members[dead], &self.members[next]);
        self.members[dead] = block_in_place(|| next.standby_instead_of(gone));
        self.primary = 1 - dead;
        self.is_followed().await;
    }
}
