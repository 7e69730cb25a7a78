//! A private PostgreSQL for the whole run of the tests: started when a test first asks for it, on a socket
//! in a folder of its own, and gone with the run, however that ends.
//!
//! A shell watches over it: the run holds the other end of its input, which the kernel closes when the
//! run is over. Each test has a schema of its own, empty when it begins.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// What is needed, and how to come by it.
const MISSING: &str = "the tests need the programs of a PostgreSQL server, 13 or later (Debian: apt-get \
                       install postgresql): `initdb` is neither in the PATH nor below /usr/lib/postgresql";

/// Makes the cluster, says that it is ready, and ends it with its input. What it is called with: the
/// folder of the programs, and that of the cluster.
const WATCH: &str = r#"
trap '' INT TERM HUP
"$1/initdb" -D "$2/data" -U longhaul -A trust -E UTF8 --locale=C --no-sync --no-instructions >"$2/log" 2>&1 || { cat "$2/log" >&2; rm -rf "$2"; exit 1; }
cat >"$2/data/pg_hba.conf" <<'END'
local all longhaul trust
local all all scram-sha-256
host all longhaul 127.0.0.1/32 trust
host all all 127.0.0.1/32 scram-sha-256
END
"$1/postgres" -D "$2/data" -k "$2" -h 127.0.0.1 -p "$3" -c max_connections=400 -c shared_buffers=32MB >>"$2/log" 2>&1 </dev/null &
until grep -q "^ready" "$2/data/postmaster.pid" 2>/dev/null; do kill -0 $! || { cat "$2/log" >&2; rm -rf "$2"; exit 1; }; sleep 0.05; done
echo ready
cat >/dev/null
kill -QUIT $!
wait $!
rm -rf "$2"
"#;

/// The cluster.
pub(crate) struct Cluster {
    folder: PathBuf,
    port: u16,
    /// Ends with its input.
    _watch: Child,
}

/// The one of this run.
pub(crate) fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Result<Cluster, &str>> = OnceLock::new();
    CLUSTER.get_or_init(Cluster::start).as_ref().unwrap()
}

impl Cluster {
    fn start() -> Result<Self, &'static str> {
        let programs = programs().ok_or(MISSING)?;
        let folder = tempfile::Builder::new().prefix("longhaul-pg-").tempdir().unwrap().keep();
        // Whoever held it has let go by the time it is used; nobody else asks for it in between.
        let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = holder.local_addr().unwrap().port();
        drop(holder);
        let mut watch = Command::new("sh");
        watch.args(["-c", WATCH, "sh"]).arg(&programs).arg(&folder).arg(port.to_string());
        // It refuses to run as root.
        if fs::metadata(&folder).unwrap().uid() == 0 {
            let (user, group) = unprivileged();
            chown(&folder, Some(user), Some(group)).unwrap();
            watch.uid(user).gid(group);
        }
        let watch = watch.current_dir("/").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut watch = watch.process_group(0).spawn().unwrap();
        let mut said = String::new();
        BufReader::new(watch.stdout.take().unwrap()).read_line(&mut said).unwrap();
        if said != "ready\n" {
            watch.wait().unwrap();
            return Err("PostgreSQL did not start: it said why");
        }
        Ok(Self { folder, port, _watch: watch })
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

    /// The same by TCP.
    pub(crate) fn by_tcp(&self, user: &str, database: &str) -> String {
        format!("postgres://{user}@127.0.0.1:{}/{database}", self.port)
    }

    /// A connection that may do all, to the database `postgres`.
    pub(crate) async fn admin(&self) -> tokio_postgres::Client {
        client(&self.address("longhaul", "postgres")).await
    }
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
fn programs() -> Option<PathBuf> {
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
fn unprivileged() -> (u32, u32) {
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let ids = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut ids = line.split(':').skip(2).map(|id| id.parse().unwrap());
        Some((ids.next()?, ids.next()?))
    };
    ids("postgres").or_else(|| ids("nobody")).expect("a user that is not root")
}
