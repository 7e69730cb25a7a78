//! A private PostgreSQL for the whole run of the tests: started when a test first asks for it, on a socket
//! in a folder of its own, and gone with the run, however that ends.
//!
//! A shell watches over it: the run holds the other end of its input, which the kernel closes when the
//! run is over. Each test has a schema of its own, empty when it begins.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::process::{Pid, Signal, kill_process};

use super::ports;
use super::watch::Watch;

/// What is needed, and how to come by it.
const MISSING: &str = "the tests need the programs of a PostgreSQL server, 13 or later (Debian: apt-get \
                       install postgresql): `initdb` is neither in the PATH nor below /usr/lib/postgresql";

/// Makes the cluster, says that it is ready, and ends it with its input. What it is called with: the
/// folder of the programs, and that of the cluster.
const WATCH: &str = r#"
trap '' INT TERM HUP
if test -n "$FROM"; then
  "$1/pg_basebackup" -d "$FROM" -D "$2/data" -R -X stream -c fast >"$2/log" 2>&1
else
  "$1/initdb" -D "$2/data" -U longhaul -A trust -E UTF8 --locale=C --no-sync --no-instructions >"$2/log" 2>&1
fi || { cat "$2/log" >&2; rm -rf "$2"; exit 1; }
cat >"$2/data/pg_hba.conf" <<'END'
local replication longhaul trust
local all longhaul trust
local all all scram-sha-256
host all longhaul 127.0.0.1/32 trust
host all all 127.0.0.1/32 scram-sha-256
END
test -z "$HOST" || echo "host all longhaul $HOST/24 trust" >>"$2/data/pg_hba.conf"
set -- "$1" "$2" "$3" -c ssl="$(test -e "$2/server.key" && echo on || echo off)" -c ssl_key_file="$2/server.key" -c ssl_cert_file="$2/server.crt"
serve() {
  "$1/postgres" -D "$2/data" -k "$2" -h "127.0.0.1${HOST:+,$HOST}" -p "$3" "$4" "$5" "$6" "$7" "$8" "$9" -c cluster_name=longhaul -c max_connections=400 -c shared_buffers=32MB >>"$2/log" 2>&1 </dev/null &
  server=$!
  until grep -Eq "^(ready|standby)" "$2/data/postmaster.pid" 2>/dev/null; do kill -0 $server || { cat "$2/log" >&2; rm -rf "$2"; exit 1; }; sleep 0.05; done
  echo ready
}
serve "$@"
while read -r order; do
  case $order in
    crash) kill -QUIT $server; wait $server; rm -f "$2/data/postmaster.pid"; echo crashed ;;
    start) serve "$@" ;;
  esac
done
{ kill -CONT $server $(cat "/proc/$server/task/$server/children"); kill -QUIT $server; } 2>/dev/null
wait $server
rm -rf "$2"
"#;

/// The cluster.
pub(crate) struct Cluster {
    folder: PathBuf,
    port: u16,
    host: Option<String>,
    watch: Watch,
}

/// What is not as it is for most tests.
#[derive(Default)]
struct Wanted<'a> {
    /// The folder of its key and its certificate.
    tls: Option<&'a Path>,
    /// What it follows.
    from: Option<&'a Cluster>,
    /// A port of something that is gone.
    port: Option<u16>,
    /// Where it listens beside the loopback; who shares the first three numbers is let in.
    host: Option<&'a str>,
}

/// The one of this run.
pub(crate) fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Result<Cluster, &str>> = OnceLock::new();
    CLUSTER.get_or_init(|| Cluster::start(&Wanted::default())).as_ref().unwrap()
}

impl Cluster {
    fn start(&Wanted { tls, from, port, host }: &Wanted<'_>) -> Result<Self, &'static str> {
        let programs = programs().ok_or(MISSING)?;
        let folder = tempfile::Builder::new().prefix("longhaul-pg-").tempdir().unwrap().keep();
        let mut owned = vec![folder.clone()];
        for name in tls.iter().flat_map(|_| ["server.key", "server.crt"]) {
            let file = folder.join(name);
            fs::copy(tls.unwrap().join(name), &file).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
            owned.push(file);
        }
        let port = port.unwrap_or_else(ports::free);
        let mut watch = Command::new("sh");
        watch.args(["-c", WATCH, "sh"]).arg(&programs).arg(&folder).arg(port.to_string());
        let from = from
            .map(|from| format!("host={} port={} user=longhaul", from.folder.display(), from.port));
        watch.env("FROM", from.unwrap_or_default()).env("HOST", host.unwrap_or_default());
        // It refuses to run as root.
        if fs::metadata(&folder).unwrap().uid() == 0 {
            let (user, group) = unprivileged();
            for path in owned {
                chown(path, Some(user), Some(group)).unwrap();
            }
            watch.uid(user).gid(group);
        }
        let watch = Watch::begin(&mut watch).unwrap();
        if watch.hear() != "ready" {
            watch.ended();
            return Err("PostgreSQL did not start: it said why");
        }
        let host = host.map(str::to_owned);
        Ok(Self { folder, port, host, watch })
    }

    /// One that a test may stop.
    pub(crate) fn own() -> Self {
        Self::start(&Wanted::default()).unwrap()
    }

    /// The same, which listens at this address, too.
    pub(crate) fn own_at(host: Option<&str>) -> Self {
        Self::start(&Wanted { host, ..Wanted::default() }).unwrap()
    }

    /// One that follows this one, as a standby that names itself `longhaul`.
    pub(crate) fn standby(&self) -> Self {
        let (from, host) = (Some(self), self.host.as_deref());
        Self::start(&Wanted { from, host, ..Wanted::default() }).unwrap()
    }

    /// One at the port of another one, which is gone.
    pub(crate) fn standby_instead_of(&self, gone: &Self) -> Self {
        let (from, port, host) = (Some(self), Some(gone.port), self.host.as_deref());
        Self::start(&Wanted { from, port, host, ..Wanted::default() }).unwrap()
    }

    /// One that speaks TLS, by the key and the certificate `server.key` and `server.crt` in a folder.
    pub(crate) fn with_tls(folder: &Path) -> Self {
        Self::start(&Wanted { tls: Some(folder), ..Wanted::default() }).unwrap()
    }

    /// All that it wrote down.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap()
    }

    /// Ends it as a crash does: nothing is finished, and nobody is told.
    pub(crate) fn crash(&self) {
        assert_eq!(self.watch.order("crash"), "crashed");
    }

    /// Starts it after a crash; returns once it lets clients in.
    pub(crate) fn start_again(&self) {
        assert_eq!(self.watch.order("start"), "ready");
    }

    /// Stops it where it stands, with all that serves clients: what is sent to it is taken, and never
    /// answered.
    pub(crate) fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on after that.
    pub(crate) fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let pid = fs::read_to_string(self.folder.join("data/postmaster.pid")).unwrap();
        let pid = pid.lines().next().unwrap();
        let send = |pid: &str| {
            let pid = Pid::from_raw(pid.parse().unwrap()).unwrap();
            // One of them may just have ended.
            let _ = kill_process(pid, signal);
        };
        // First the one that would begin others.
        send(pid);
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
        children.split_whitespace().for_each(send);
    }

    /// The address of a schema that nobody else uses, made if `is_made`.
    pub(crate) async fn schema(&self) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        self.admin().await.batch_execute(&format!("CREATE SCHEMA {name}")).await.unwrap();
        format!("{}&options=-csearch_path%3D{name}", self.address("longhaul", "postgres"))
    }

    /// The address of a database by the socket.
    pub(crate) fn address(&self, user: &str, database: &str) -> String {
        let folder = self.folder.display().to_string().replace('/', "%2F");
        format!("postgres://{user}@{folder}:{}/{database}?connect_timeout=9", self.port)
    }

    /// Where its socket is.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its port of the loopback.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The same by TCP.
    pub(crate) fn by_tcp(&self, user: &str, database: &str) -> String {
        format!("postgres://{user}@127.0.0.1:{}/{database}", self.port)
    }

    /// A connection that may do all, to the database `postgres`.
    pub(crate) async fn admin(&self) -> tokio_postgres::Client {
        client(&self.address("longhaul", "postgres")).await
    }
}

/// The address of a schema by these hosts.
pub(crate) fn through(hosts: &str, schema: &str) -> String {
    let options = schema.split_once("&options=").unwrap().1;
    format!("postgres://longhaul@{hosts}/postgres?options={options}")
}

/// A connection of the test's own.
#[expect(clippy::disallowed_methods, reason = "it ends with the test's runtime")]
pub(crate) async fn client(address: &str) -> tokio_postgres::Client {
    let (client, connection) =
        tokio_postgres::connect(address, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// The folder of the newest server programs.
pub(crate) fn programs() -> Option<PathBuf> {
    let named = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&named).collect();
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<PathBuf> = debian.map(|version| version.path().join("bin")).collect();
    versions.sort();
    folders.extend(versions.into_iter().rev());
    let real = |folder: PathBuf| fs::canonicalize(folder.join("initdb")).ok();
    let found = folders.into_iter().filter_map(real);
    // A link may stand elsewhere than what belongs to it.
    let folders = found.filter_map(|program| program.parent().map(Path::to_owned));
    folders.into_iter().find(|folder| folder.join("postgres").exists())
}

/// The user `postgres`, or `nobody`.
pub(crate) fn unprivileged() -> (u32, u32) {
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let ids = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut ids = line.split(':').skip(2).map(|id| id.parse().unwrap());
        Some((ids.next()?, ids.next()?))
    };
    ids("postgres").or_else(|| ids("nobody")).expect("a user that is not root")
}
