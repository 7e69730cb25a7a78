//! A private PgBouncer in transaction mode before a PostgreSQL of the tests: gone with the run, however that
//! ends.
//!
//! A shell watches over it, as over the PostgreSQL.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

use super::ports;
use super::postgres::{Cluster, cluster, unprivileged};
use super::watch::Watch;

/// Starts it, says that it is ready, and ends it with its input. What it is called with: its folder.
const WATCH: &str = r#"
trap '' INT TERM HUP
PATH="$PATH:/usr/sbin:/usr/local/sbin"
serve() {
  : >"$1/log"
  pgbouncer "$1/pgbouncer.ini" >>"$1/log" 2>&1 </dev/null &
  server=$!
  until grep -q "process up" "$1/log"; do kill -0 $server || { cat "$1/log" >&2; exit 1; }; sleep 0.05; done
  echo ready
}
serve "$@"
while read -r order; do
  case $order in
    crash) kill -KILL $server; wait $server 2>/dev/null; echo crashed ;;
    start) serve "$@" ;;
  esac
done
kill -KILL $server
rm -rf "$1"
"#;

/// It, before one PostgreSQL.
pub(crate) struct Pooler {
    port: u16,
    watch: Watch,
    _folder: TempDir,
}

/// The one before the cluster of this run.
pub(crate) fn pooler() -> &'static Pooler {
    static POOLER: OnceLock<Pooler> = OnceLock::new();
    POOLER.get_or_init(|| Pooler::before(cluster(), 4))
}

impl Pooler {
    /// One with so many connections to each database.
    pub(crate) fn before(cluster: &Cluster, size: u32) -> Self {
        let folder = tempfile::Builder::new().prefix("longhaul-pgbouncer-").tempdir().unwrap();
        let port = ports::free();
        let path = folder.path();
        let users = path.join("users");
        fs::write(&users, "\"longhaul\" \"\"\n").unwrap();
        let ini = format!(
            "[databases]\n* = host={} port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = trust\nauth_file = {}\n\
             pool_mode = transaction\ndefault_pool_size = {size}\nmax_client_conn = 400\n",
            cluster.folder().display(),
            cluster.port(),
            users.display()
        );
        fs::write(path.join("pgbouncer.ini"), ini).unwrap();
        let mut watch = Command::new("sh");
        watch.args(["-c", WATCH, "sh"]).arg(path);
        // It refuses to run as root.
        if fs::metadata(path).unwrap().uid() == 0 {
            let (user, group) = unprivileged();
            chown(path, Some(user), Some(group)).unwrap();
            watch.uid(user).gid(group);
        }
        let watch = Watch::begin(&mut watch).unwrap();
        let said = watch.hear();
        assert_eq!(said, "ready", "the tests need PgBouncer (Debian: apt-get install pgbouncer)");
        Self { port, watch, _folder: folder }
    }

    /// Ends it as a crash does: every connection through it is lost.
    pub(crate) fn crash(&self) {
        assert_eq!(self.watch.order("crash"), "crashed");
    }

    /// Starts it after a crash; returns once it lets clients in.
    pub(crate) fn start_again(&self) {
        assert_eq!(self.watch.order("start"), "ready");
    }

    /// The address of a database through it.
    pub(crate) fn address(&self, database: &str) -> String {
        format!("postgres://longhaul@127.0.0.1:{}/{database}", self.port)
    }
}
