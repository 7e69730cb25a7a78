//! `make bench`: rows of the score, each with two sides that are measured in the same run, in turns.
//!
//! Absolute figures move from machine to machine and from minute to minute, so a row is judged by its
//! ratio wherever the score asks for one, and the other side is always shown. `make bench ROWS="S12 S13"`
//! measures only those.
//!
//! - `machine`: where it was measured; `row`: what a row is, and how it is printed.
//! - `side`: a server in a process of its own, its time and its memory; `library`: the other server.
//! - `probe`: what the machine can do; `folder`: where all of them write; `bullmq`: a peer.
//! - `http`: clients that ask; `starts` and `runs`: the rows about jobs.
//! - `crowd`: many clients that read; `subscribers`: the rows about them.
//! - `history`: the rows about what ended; `filled`: how it comes into a database.
//! - `upkeep`: the rows about memory, wake-ups and logs.
//! - `cluster`: the rows about a PostgreSQL that several servers share.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on has nothing to say")]

mod bullmq;
mod cluster;
mod crowd;
#[path = "../support/filled.rs"]
mod filled;
#[path = "../support/filled_postgres.rs"]
mod filled_postgres;
mod folder;
mod history;
mod http;
mod library;
mod machine;
#[path = "../support/ports.rs"]
mod ports;
#[expect(dead_code, reason = "the tests do more with it")]
#[path = "../support/postgres.rs"]
mod postgres;
mod probe;
mod row;
mod runs;
mod side;
mod starts;
mod subscribers;
mod upkeep;
#[path = "../support/watch.rs"]
mod watch;

use row::Row;

/// All rows that are measured so far, in the order of the score.
fn rows() -> Vec<Row> {
    let all = [
        starts::rows(),
        runs::rows(),
        subscribers::rows(),
        history::rows(),
        upkeep::rows(),
        cluster::rows(),
    ];
    all.into_iter().flatten().collect()
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == library::ARGUMENT) {
        return library::serve().await;
    }
    // Cargo adds `--bench`.
    let wanted: Vec<_> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let rows: Vec<_> = rows()
        .into_iter()
        .filter(|row| wanted.is_empty() || wanted.iter().any(|name| *name == row.name))
        .collect();
    assert!(!rows.is_empty(), "no row has a name of {wanted:?}");
    say(&machine::describe());
    say(&row::heading());
    for row in rows {
        let before = machine::Time::now();
        let outcome = (row.run)().await;
        let stolen = machine::Time::now().stolen_since(before);
        say(&row.line(&outcome, stolen.as_deref()));
    }
    folder::remove_all();
}

/// The output of the program.
#[expect(clippy::print_stdout, reason = "it is what the program is for")]
fn say(line: &str) {
    println!("{line}");
}
