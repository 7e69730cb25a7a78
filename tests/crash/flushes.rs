//! How a commit reaches the disk (P1): at one write.

use super::bed::Bed;
use super::server::Server;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_flushes_what_it_wrote_and_not_its_time_of_change_as_well() {
    // P1. By fdatasync, which .cargo/config.toml tells SQLite is there: each fsync of the log would fail.
    let bed = Bed::new("5s", "300ms");
    let server = Server::launch_without_fsync_of(&bed, "longhaul.db-wal").ready().await;
    let mut server = server.expect("it opens its store without an fsync of the log");
    server.api().start("quick", "a").await.expect("a commit needs no fsync of the log");
    server.kill().await;
}
