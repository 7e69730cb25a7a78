//! A real handshake with a PostgreSQL that speaks TLS: its certificate is judged, whatever the address asks for.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use longhaul::store::Store;
use longhaul::store::postgres::{OpenError, Options, PostgresStore};

use super::bed::{WIDE, job};
use crate::support::postgres::Cluster;

fn openssl(folder: &Path, arguments: &str) {
    let mut command = Command::new("openssl");
    let made = command.args(arguments.split(' ')).current_dir(folder).output();
    let made = made.expect("the tests need `openssl` (Debian: apt-get install openssl)");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

/// An authority, another one, and a server's key and certificate from the first, for the name `localhost`.
fn certificates(folder: &Path) {
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    for name in ["ca", "other"] {
        let made =
            format!("req -x509 {key} -keyout {name}.key -out {name}.crt -subj /CN={name} -days 2");
        openssl(folder, &made);
    }
    openssl(folder, &format!("req {key} -keyout server.key -out server.csr -subj /CN=server"));
    std::fs::write(folder.join("names"), "subjectAltName=DNS:localhost\n").unwrap();
    let signed = "x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out server.crt -days 2 \
                  -extfile names";
    openssl(folder, signed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_is_judged_and_what_is_said_is_encrypted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    let started = tokio::task::spawn_blocking(move || {
        certificates(&path);
        Cluster::with_tls(&path)
    });
    let cluster = started.await.unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string().replace('/', "%2F");
    let at = |host: &str, more: &str| {
        format!("postgres://longhaul@{host}:{}/postgres?{more}", cluster.port())
    };
    let open = |url: String| {
        tokio::task::spawn_blocking(|| PostgresStore::open(Options::new(url, Arc::new(|_| {}))))
    };
    let (known, other) =
        (format!("sslrootcert={}", file("ca.crt")), format!("sslrootcert={}", file("other.crt")));
    for (what, url) in [
        ("an authority that this machine does not know", at("localhost", "sslmode=require")),
        ("another authority", at("localhost", &format!("sslmode=require&{other}"))),
        ("another name", at("127.0.0.1", &format!("sslmode=verify-full&{known}"))),
    ] {
        let Err(refused) = open(url).await.unwrap() else { panic!("{what} was let in") };
        assert!(matches!(refused, OpenError::Tls(_)), "{what}: {refused}");
    }
    let store =
        open(at("localhost", &format!("sslmode=verify-full&{known}"))).await.unwrap().unwrap();
    store.start(job(), WIDE).await.unwrap();
    let sql = "SELECT bool_and(ssl), count(*)
               FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
               WHERE application_name = 'longhaul'";
    let row = cluster.admin().await.query_one(sql, &[]).await.unwrap();
    assert_eq!((row.get::<_, bool>(0), row.get::<_, i64>(1) > 0), (true, true));
}
