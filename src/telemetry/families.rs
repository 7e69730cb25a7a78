//! The table of all numbers: name, unit, labels, and where each is read.

use prometheus_client::registry::Unit;

use super::metrics::{Family, Kind, Samples, Sources};
use crate::api;
use crate::domain::meter::Count;
use crate::scheduler::meter::{OfKind, OfObjects, Usage};

/// What `make build` was made of.
const COMMIT: &str = match option_env!("LONGHAUL_COMMIT") {
    Some(commit) => commit,
    None => "unknown",
};

/// In the order of the page. A full stop ends each help on the page by itself.
pub(super) const FAMILIES: &[Family] = &[
    Family {
        name: "build_info",
        kind: Kind::Gauge,
        unit: None,
        labels: &["version", "commit"],
        help: "Always 1; its labels say which version runs, and of which commit, as far as its build was told",
        read: |from, samples| samples.whole(&[from.version, COMMIT], 1),
    },
    Family {
        name: "start_time",
        kind: Kind::Gauge,
        unit: Some(Unit::Seconds),
        labels: &[],
        help: "When the server began, in seconds since 1970",
        read: start_time,
    },
    Family {
        name: "ready",
        kind: Kind::Gauge,
        unit: None,
        labels: &[],
        help: "1 where `/readyz` answers 200: the store writes, and new jobs are taken",
        read: |from, samples| samples.whole(&[], api::ready(&from.scheduler).is_ok().into()),
    },
    Family {
        name: "jobs_accepted",
        kind: Kind::Counter,
        unit: None,
        labels: &["kind"],
        help: "Jobs that were accepted",
        read: |from, samples| of_kinds(from, samples, |kind| kind.accepted.get()),
    },
    Family {
        name: "jobs_started",
        kind: Kind::Counter,
        unit: None,
        labels: &["kind"],
        help: "Attempts whose process began; a job that is tried again counts again",
        read: |from, samples| of_kinds(from, samples, |kind| kind.started.get()),
    },
    Family {
        name: "jobs_retried",
        kind: Kind::Counter,
        unit: None,
        labels: &["kind"],
        help: "Attempts that failed and are followed by another one",
        read: |from, samples| of_kinds(from, samples, |kind| kind.retried.get()),
    },
    Family {
        name: "jobs_finished",
        kind: Kind::Counter,
        unit: None,
        labels: &["kind", "outcome"],
        help: "Jobs that ended, by their last state: SUCCEEDED, FAILED or CANCELED",
        read: outcomes,
    },
    Family {
        name: "jobs_queued",
        kind: Kind::Gauge,
        unit: None,
        labels: &["kind"],
        help: "Jobs that are QUEUED, those that are delayed or being started included",
        read: |from, samples| {
            for (name, kind) in from.scheduler.meter().kinds() {
                samples.level(&[name], kind.queued.get());
            }
        },
    },
    Family {
        name: "job_queue_wait",
        kind: Kind::Histogram,
        unit: Some(Unit::Seconds),
        labels: &["queue"],
        help: "How long jobs waited for their first start, from when they could start",
        read: |from, samples| {
            for (name, waits) in from.scheduler.meter().waits() {
                samples.spread(&[name], waits.get());
            }
        },
    },
    Family {
        name: "job_run",
        kind: Kind::Histogram,
        unit: Some(Unit::Seconds),
        labels: &["kind"],
        help: "How long the last attempt ran of jobs that came to an end of their own",
        read: |from, samples| {
            for (name, kind) in from.scheduler.meter().kinds() {
                samples.spread(&[name], kind.runs.get());
            }
        },
    },
    Family {
        name: "job_log",
        kind: Kind::Counter,
        unit: Some(Unit::Bytes),
        labels: &[],
        help: "Bytes that commands printed, those cut included; counted when an attempt ends",
        read: |from, samples| samples.whole(&[], from.scheduler.meter().log_bytes.get()),
    },
    Family {
        name: "stale_reports",
        kind: Kind::Counter,
        unit: None,
        labels: &[],
        help: "What attempts said whose job somebody else had by then: refused, it changed nothing",
        read: |from, samples| samples.whole(&[], from.scheduler.meter().stale.get()),
    },
    Family {
        name: "log_objects_written",
        kind: Kind::Counter,
        unit: None,
        labels: &[],
        help: "Parts of long logs that were written to the object store",
        read: |from, samples| of_objects(from, samples, |objects| &objects.written),
    },
    Family {
        name: "log_objects_write",
        kind: Kind::Counter,
        unit: Some(Unit::Bytes),
        labels: &[],
        help: "Bytes of long logs that were written to the object store",
        read: |from, samples| of_objects(from, samples, |objects| &objects.written_bytes),
    },
    Family {
        name: "log_objects_read",
        kind: Kind::Counter,
        unit: None,
        labels: &[],
        help: "Parts of long logs that were read from the object store",
        read: |from, samples| of_objects(from, samples, |objects| &objects.read),
    },
    Family {
        name: "log_objects_removed",
        kind: Kind::Counter,
        unit: None,
        labels: &[],
        help: "Parts of long logs that were removed from the object store",
        read: |from, samples| of_objects(from, samples, |objects| &objects.removed),
    },
    Family {
        name: "log_objects_errors",
        kind: Kind::Counter,
        unit: None,
        labels: &["operation"],
        help: "What the object store did not do, by what it was asked: write, read or remove; a try that is made again counts again",
        read: |from, samples| {
            if let Some(objects) = from.scheduler.objects() {
                samples.whole(&["write"], objects.write_errors.get());
                samples.whole(&["read"], objects.read_errors.get());
                samples.whole(&["remove"], objects.remove_errors.get());
            }
        },
    },
    Family {
        name: "job_slots",
        kind: Kind::Gauge,
        unit: None,
        labels: &[],
        help: "Attempts that this worker may run at once",
        read: |from, samples| samples.whole(&[], from.scheduler.worker_slots().0.into()),
    },
    Family {
        name: "job_slots_busy",
        kind: Kind::Gauge,
        unit: None,
        labels: &[],
        help: "Slots of this worker that are taken",
        read: |from, samples| samples.whole(&[], from.scheduler.worker_slots().1.into()),
    },
    Family {
        name: "queue_slots",
        kind: Kind::Gauge,
        unit: None,
        labels: &["queue"],
        help: "Attempts of the queue that may run at once",
        read: |from, samples| of_queues(from, samples, |queue| queue.slots.into()),
    },
    Family {
        name: "queue_slots_busy",
        kind: Kind::Gauge,
        unit: None,
        labels: &["queue"],
        help: "Slots of the queue that are taken",
        read: |from, samples| of_queues(from, samples, |queue| queue.busy.into()),
    },
    Family {
        name: "queue_paused",
        kind: Kind::Gauge,
        unit: None,
        labels: &["queue"],
        help: "1 while the queue starts nothing",
        read: |from, samples| of_queues(from, samples, |queue| queue.paused.into()),
    },
    Family {
        name: "jobs_watched",
        kind: Kind::Gauge,
        unit: None,
        labels: &[],
        help: "Jobs that somebody follows",
        read: |from, samples| samples.whole(&[], from.scheduler.bus().watched_jobs() as u64),
    },
    Family {
        name: "graphql_requests",
        kind: Kind::Counter,
        unit: None,
        labels: &["operation"],
        help: "Operations that passed the gate, whatever they came by: query, mutation or subscription",
        read: |from, samples| {
            for (word, count) in from.api.operations() {
                samples.whole(&[word], count);
            }
        },
    },
    Family {
        name: "errors",
        kind: Kind::Counter,
        unit: None,
        labels: &["code"],
        help: "Errors that clients were told, refusals too, by their `extensions.code`",
        read: |from, samples| from.api.errors().for_each(|(code, n)| samples.whole(&[code], n)),
    },
    Family {
        name: "connections",
        kind: Kind::Gauge,
        unit: None,
        labels: &[],
        help: "Connections that are open, WebSockets included",
        read: |from, samples| samples.level(&[], from.api.connections.get()),
    },
    Family {
        name: "ws_connections",
        kind: Kind::Gauge,
        unit: None,
        labels: &[],
        help: "WebSockets that are open",
        read: |from, samples| samples.level(&[], from.api.sockets.get()),
    },
    Family {
        name: "sse_connections",
        kind: Kind::Gauge,
        unit: None,
        labels: &[],
        help: "Streams of server-sent events that are open",
        read: |from, samples| samples.level(&[], from.api.streams.get()),
    },
    Family {
        name: "store_commit",
        kind: Kind::Histogram,
        unit: Some(Unit::Seconds),
        labels: &[],
        help: "How long transactions took that changed something, until they were durable",
        read: |from, samples| samples.spread(&[], from.store.commits.get()),
    },
    Family {
        name: "store_writes",
        kind: Kind::Counter,
        unit: None,
        labels: &[],
        help: "Writes that those transactions did; many that wait together share one",
        read: |from, samples| samples.whole(&[], from.store.writes.get()),
    },
    Family {
        name: "store_write_failures",
        kind: Kind::Counter,
        unit: None,
        labels: &[],
        help: "Writes that the store could not do: no room, a broken file",
        read: |from, samples| samples.whole(&[], from.store.failures.get()),
    },
];

fn start_time(from: &Sources, samples: &mut Samples) {
    let micros = from.started_at.timestamp_micros();
    #[expect(clippy::cast_precision_loss, reason = "a microsecond more or less")]
    samples.real(&[], micros as f64 / 1e6);
}

fn of_kinds(from: &Sources, samples: &mut Samples, read: fn(&OfKind) -> u64) {
    for (name, kind) in from.scheduler.meter().kinds() {
        samples.whole(&[name], read(kind));
    }
}

fn outcomes(from: &Sources, samples: &mut Samples) {
    for (name, kind) in from.scheduler.meter().kinds() {
        let outcomes = [
            ("SUCCEEDED", &kind.succeeded),
            ("FAILED", &kind.failed),
            ("CANCELED", &kind.canceled),
        ];
        for (word, count) in outcomes {
            samples.whole(&[name, word], count.get());
        }
    }
}

/// Nothing was done where there is no object store.
fn of_objects(from: &Sources, samples: &mut Samples, read: fn(&OfObjects) -> &Count) {
    samples.whole(&[], from.scheduler.objects().map_or(0, |objects| read(objects).get()));
}

fn of_queues(from: &Sources, samples: &mut Samples, read: fn(&Usage) -> u64) {
    for queue in from.scheduler.usage() {
        samples.whole(&[queue.queue.as_str()], read(&queue));
    }
}
