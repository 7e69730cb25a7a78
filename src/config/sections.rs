//! What the sections of a file say, apart from the kinds: `[server]`, `[worker]`, `[queues]` and
//! `[limits]`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::domain::kind::QueueSpec;
use crate::domain::limits::Limits;
use crate::domain::names::QueueName;

use super::paths::Base;
use super::table::{Field, Section};
use super::value::{self, MAX_SLOTS};

/// How many jobs may wait in a queue that says nothing else.
pub(super) const DEFAULT_MAX_WAITING: u64 = 100_000;

/// What `[server]` says; `None` where it says nothing.
#[derive(Debug, Default)]
pub(super) struct ServerSection {
    pub(super) listen: Option<SocketAddr>,
    pub(super) data: Option<PathBuf>,
    pub(super) drain_timeout: Option<Duration>,
    pub(super) allowed_origins: Vec<String>,
    pub(super) allowed_hosts: Vec<String>,
}

/// The key of a capability that this version lacks, and what to do without it.
pub(super) const NO_DATABASE: &str =
    "not available in this version: leave it out, and jobs are kept by SQLite in the data folder";
pub(super) const NO_LEASE: &str =
    "not available in this version: leave it out, it is only for workers that share a database";

/// Reads `[server]`.
pub(super) fn server(section: &Section<'_>, base: &Base) -> ServerSection {
    section.refuse_unavailable("database", NO_DATABASE);
    let take = |name| section.take(name);
    let server = ServerSection {
        listen: take("listen").and_then(|f| f.parsed(value::listen)),
        data: take("data").and_then(|f| folder(&f, base)),
        drain_timeout: take("drain_timeout").and_then(|f| f.parsed(value::duration)),
        allowed_origins: take("allowed_origins")
            .and_then(|f| f.parsed_texts(value::origin))
            .unwrap_or_default(),
        allowed_hosts: take("allowed_hosts")
            .and_then(|f| f.parsed_texts(value::allowed_host))
            .unwrap_or_default(),
    };
    section.finish();
    server
}

/// A path of a folder; a relative one begins beside the file.
pub(super) fn folder(field: &Field<'_>, base: &Base) -> Option<PathBuf> {
    match field.text()? {
        "" => {
            field.refuse("it is empty: expected the path of a folder");
            None
        }
        path => Some(base.dir.join(path)),
    }
}

/// What `[worker]` says; `None` where it says nothing.
#[derive(Debug, Default)]
pub(super) struct WorkerSection {
    pub(super) slots: Option<u32>,
    pub(super) name: Option<String>,
}

/// Reads `[worker]`.
pub(super) fn worker(section: &Section<'_>) -> WorkerSection {
    section.refuse_unavailable("lease", NO_LEASE);
    let worker = WorkerSection {
        slots: section.take("slots").and_then(|f| f.integer(1..=i64::from(MAX_SLOTS))),
        name: section.take("name").and_then(|f| f.parsed(value::worker_name)),
    };
    section.finish();
    worker
}

/// A queue as its section says.
#[derive(Debug, Default)]
pub(super) struct QueueSection {
    slots: Option<u32>,
    max_waiting: Option<u64>,
}

/// Reads `[queues]`.
pub(super) fn queues(section: Section<'_>) -> BTreeMap<QueueName, QueueSection> {
    let mut queues = BTreeMap::new();
    for field in section.into_fields() {
        let name = field.name.parse::<QueueName>();
        let (Ok(name), Some(section)) = (&name, field.section()) else {
            if let Err(error) = name {
                field.refuse_key(&error.to_string());
            }
            continue;
        };
        let queue = QueueSection {
            // None is a queue that only takes jobs, until somebody gives it slots.
            slots: section.take("slots").and_then(|f| f.integer(0..=i64::from(MAX_SLOTS))),
            max_waiting: section
                .take("max_waiting")
                .and_then(|f| f.integer(1..=i64::from(i32::MAX))),
        };
        section.finish();
        queues.insert(name.clone(), queue);
    }
    queues
}

/// The queues with what they leave open filled in; `default` is there even where nobody names it.
pub(super) fn queue_specs(
    sections: BTreeMap<QueueName, QueueSection>,
    worker_slots: u32,
) -> BTreeMap<QueueName, QueueSpec> {
    let mut sections = sections;
    sections.entry(default_queue()).or_default();
    let spec = |(name, section): (QueueName, QueueSection)| {
        let spec = QueueSpec {
            name: name.clone(),
            slots: section.slots.unwrap_or(worker_slots),
            max_waiting: section.max_waiting.unwrap_or(DEFAULT_MAX_WAITING),
        };
        (name, spec)
    };
    sections.into_iter().map(spec).collect()
}

/// The queue of kinds that name none.
pub(super) fn default_queue() -> QueueName {
    "default".parse().expect("`default` is a name")
}

/// Reads each limit within its range; a limit of the domain without a key here does not compile.
macro_rules! read_limits {
    ($section:ident, $limits:ident, $($name:ident: $range:expr,)*) => {
        let Limits { $($name: _,)* request_timeout: _ } = &$limits;
        $(
            if let Some(limit) = $section.take(stringify!($name)).and_then(|f| f.integer($range)) {
                $limits.$name = limit;
            }
        )*
    };
}

const KIB: i64 = 1024;
const MIB: i64 = 1024 * KIB;
const GIB: i64 = 1024 * MIB;

/// Reads `[limits]`.
pub(super) fn limits(section: &Section<'_>) -> Limits {
    let mut limits = Limits::default();
    read_limits! { section, limits,
        request_body: KIB..=64 * MIB,
        query_depth: 1..=1_000,
        query_cost: 1..=1_000_000_000,
        query_aliases: 0..=100_000,
        query_root_fields: 1..=1_000,
        query_tokens: 100..=1_000_000,
        // Deeper brackets than these could end the process by a stack overflow in the parser.
        query_nesting: 8..=200,
        response_bytes: MIB..=GIB,
        filter_values: 1..=10_000,
        page_size: 1..=1_000,
        log_page_lines: 1..=100_000,
        log_page_bytes: KIB..=64 * MIB,
        args_bytes: 2..=64 * MIB,
        result_bytes: 2..=GIB,
        waiting_args_bytes: KIB..=1024 * GIB,
        idempotency_key_bytes: 1..=4 * KIB,
        labels: 0..=100,
        label_key_bytes: 1..=KIB,
        label_value_bytes: 0..=4 * KIB,
        note_bytes: 0..=64 * KIB,
        log_line_bytes: 80..=MIB,
        log_head_bytes: 64 * KIB..=1024 * GIB,
        // Sixteen segments, each with room for a frame.
        log_tail_bytes: 2 * MIB..=1024 * GIB,
        progress_bytes: KIB..=GIB,
        work_bytes: 0..=1024 * 1024 * GIB,
        subscriptions_per_socket: 1..=100_000,
        sockets: 1..=1_000_000,
        wait_ms: 0..=3_600_000,
    }
    if let Some(timeout) =
        section.take("request_timeout").and_then(|f| f.parsed(value::positive_duration))
    {
        limits.request_timeout = timeout;
    }
    section.finish();
    limits
}
