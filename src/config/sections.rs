//! What the sections of a file say, apart from the kinds: `[server]`, `[worker]`, `[queues]` and
//! `[retention]`. The limits are in `limits`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use crate::domain::kind::QueueSpec;
use crate::domain::label::Labels;
use crate::domain::limits::Limits;
use crate::domain::names::QueueName;

use super::Retention;
use super::database::{Database, NO_DATABASE, NO_DIRECT, read_direct};
use super::labels::labels;
use super::paths::Base;
use super::table::{Field, Section};
use super::value::{self, Expected, MAX_SLOTS};

/// How many jobs may wait in a queue that says nothing else.
pub(super) const DEFAULT_MAX_WAITING: u64 = 100_000;

/// What `[server]` says; `None` where it says nothing.
#[derive(Debug, Default)]
pub(super) struct ServerSection {
    pub(super) listen: Option<SocketAddr>,
    pub(super) data: Option<PathBuf>,
    pub(super) database: Option<Database>,
    pub(super) database_direct: Option<String>,
    pub(super) drain_timeout: Option<Duration>,
    pub(super) allowed_origins: Vec<String>,
    pub(super) allowed_hosts: Vec<String>,
    pub(super) introspection: Option<bool>,
}

/// What `[retention]` may say.
pub(super) const RETAINED_JOBS: RangeInclusive<i64> = 1..=1_000_000_000;
pub(super) const RETAINED_LOG_BYTES: RangeInclusive<i64> = 1_048_576..=1_125_899_906_842_624;
/// How many jobs may wait in a queue.
pub(super) const MAX_WAITING: RangeInclusive<i64> = 1..=i32::MAX as i64;

/// How long a lease may be: shorter than a renewal takes where much is done, it would be lost for nothing.
pub(super) const LEASE: RangeInclusive<Duration> =
    Duration::from_secs(2)..=Duration::from_secs(3_600);

/// Reads `[server]`.
pub(super) fn server(section: &Section<'_>, base: &Base) -> ServerSection {
    let take = |name| section.take(name);
    let server = ServerSection {
        listen: take("listen").and_then(|f| f.parsed(value::listen)),
        data: take("data").and_then(|f| folder(&f, base)),
        database: take("database").and_then(|f| address(&f, Database::read, NO_DATABASE)),
        database_direct: take("database_direct").and_then(|f| address(&f, read_direct, NO_DIRECT)),
        drain_timeout: take("drain_timeout").and_then(|f| f.parsed(value::duration)),
        allowed_origins: take("allowed_origins")
            .and_then(|f| f.parsed_texts(value::origin))
            .unwrap_or_default(),
        allowed_hosts: take("allowed_hosts")
            .and_then(|f| f.parsed_texts(value::allowed_host))
            .unwrap_or_default(),
        introspection: take("introspection").and_then(|f| f.boolean()),
    };
    section.finish();
    server
}

fn address<T>(
    field: &Field<'_>,
    read: impl FnOnce(&str) -> Option<T>,
    expected: &str,
) -> Option<T> {
    let address = read(field.text()?);
    if address.is_none() {
        field.refuse_hidden(&field.span(), expected);
    }
    address
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
    pub(super) lease: Option<Duration>,
    pub(super) labels: Labels,
}

/// Reads `[worker]`.
pub(super) fn worker(section: &Section<'_>, limits: &Limits) -> WorkerSection {
    let worker = WorkerSection {
        slots: section.take("slots").and_then(|f| f.integer(1..=i64::from(MAX_SLOTS))),
        name: section.take("name").and_then(|f| f.parsed(value::worker_name)),
        lease: section.take("lease").and_then(|f| f.parsed(lease)),
        labels: section.take("labels").and_then(|f| labels(&f, limits)).unwrap_or_default(),
    };
    section.finish();
    worker
}

/// Reads a lease.
pub(super) fn lease(text: &str) -> Result<Duration, Expected> {
    let lease = value::duration(text)?;
    if LEASE.contains(&lease) {
        return Ok(lease);
    }
    value::expected("a duration from `2s` to `1h`")
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
            max_waiting: section.take("max_waiting").and_then(|f| f.integer(MAX_WAITING)),
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

/// Reads `[retention]`.
pub(super) fn retention(section: &Section<'_>) -> Retention {
    let default = Retention::default();
    let whole = |key, range| section.take(key).and_then(|f| f.integer(range));
    let retention = Retention {
        age: section
            .take("age")
            .and_then(|f| f.parsed(value::positive_duration))
            .unwrap_or(default.age),
        jobs: whole("jobs", RETAINED_JOBS).unwrap_or(default.jobs),
        log_bytes: whole("log_bytes", RETAINED_LOG_BYTES).unwrap_or(default.log_bytes),
    };
    section.finish();
    retention
}
