//! `/metrics`: every number that the server counts, in one table. The page, its documentation
//! (`docs/metrics.md`) and the test of both are made of it.
//!
//! Nothing is copied into a registry while the server works: the modules count in atomics of their own,
//! which are read when somebody asks. A label is a word of ours or the name of a declared kind or queue,
//! so a page has the size of the configuration; what bears no declared name is counted under the empty
//! one.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::encoding::{prometheus_text, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};

use super::families::FAMILIES;
use crate::api::{self, Exposition, Format};
use crate::domain::clock::Timestamp;
use crate::domain::meter::Spreading;
use crate::scheduler::Handle;
use crate::store;

/// Stands before every name.
const PREFIX: &str = "longhaul";

/// Where the numbers come from.
pub(crate) struct Sources {
    /// What happened to jobs.
    pub(crate) scheduler: Handle,
    /// What clients did.
    pub(crate) api: Arc<api::Meter>,
    /// What the writer did.
    pub(crate) store: Arc<store::meter::Meter>,
    /// When the process began.
    pub(crate) started_at: Timestamp,
    /// Of the binary.
    pub(crate) version: &'static str,
}

/// What belongs to one name.
pub(super) struct Family {
    /// Without prefix, unit and ending.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) unit: Option<Unit>,
    pub(super) labels: &'static [&'static str],
    pub(super) help: &'static str,
    pub(super) read: fn(&Sources, &mut Samples),
}

/// What sort of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Only grows.
    Counter,
    /// As it is now.
    Gauge,
    /// How many took how long.
    Histogram,
}

impl Kind {
    fn encoded(self) -> MetricType {
        match self {
            Self::Counter => MetricType::Counter,
            Self::Gauge => MetricType::Gauge,
            Self::Histogram => MetricType::Histogram,
        }
    }
}

/// One number of a family.
enum Value {
    Whole(u64),
    Real(f64),
    Spread(Spreading),
}

/// The numbers of a family, each with the values of its labels.
#[derive(Default)]
pub(super) struct Samples(Vec<(Vec<String>, Value)>);

impl Samples {
    /// A whole number.
    pub(super) fn whole(&mut self, labels: &[&str], value: u64) {
        self.put(labels, Value::Whole(value));
    }

    /// A level, which may be read while it is changed.
    pub(super) fn level(&mut self, labels: &[&str], value: i64) {
        self.whole(labels, u64::try_from(value).unwrap_or_default());
    }

    /// Seconds since 1970.
    pub(super) fn real(&mut self, labels: &[&str], value: f64) {
        self.put(labels, Value::Real(value));
    }

    /// How many took how long.
    pub(super) fn spread(&mut self, labels: &[&str], value: Spreading) {
        self.put(labels, Value::Spread(value));
    }

    fn put(&mut self, labels: &[&str], value: Value) {
        self.0.push((labels.iter().map(|label| (*label).to_owned()).collect(), value));
    }
}

struct Numbers(Sources);

impl fmt::Debug for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Numbers")
    }
}

impl Collector for Numbers {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for family in FAMILIES {
            let mut samples = Samples::default();
            (family.read)(&self.0, &mut samples);
            let (unit, kind) = (family.unit.as_ref(), family.kind.encoded());
            let mut metric = encoder.encode_descriptor(family.name, family.help, unit, kind)?;
            for (values, value) in &samples.0 {
                if family.labels.is_empty() {
                    encode(&mut metric, family.kind, value)?;
                } else {
                    let labels: Vec<_> = family
                        .labels
                        .iter()
                        .copied()
                        .zip(values.iter().map(String::as_str))
                        .collect();
                    encode(&mut metric.encode_family(&labels)?, family.kind, value)?;
                }
            }
        }
        Ok(())
    }
}

fn encode(metric: &mut MetricEncoder<'_>, kind: Kind, value: &Value) -> fmt::Result {
    match (kind, value) {
        (Kind::Counter, Value::Whole(value)) => {
            metric.encode_counter::<NoLabelSet, _, f64>(value, None)
        }
        (_, Value::Whole(value)) => metric.encode_gauge(value),
        (_, Value::Real(value)) => metric.encode_gauge(value),
        (_, Value::Spread(Spreading { seconds, count, buckets })) => {
            metric.encode_histogram::<NoLabelSet>(*seconds, *count, buckets, None)
        }
    }
}

/// What writes the page.
pub(crate) fn exposition(sources: Sources) -> Exposition {
    let mut registry = Registry::with_prefix(PREFIX);
    registry.register_collector(Box::new(Numbers(sources)));
    Arc::new(move |format| {
        let mut page = String::new();
        let written = match format {
            Format::Text => prometheus_text::encode(&mut page, &registry),
            Format::OpenMetrics => text::encode(&mut page, &registry),
        };
        written.expect("a string takes all that is written to it");
        page
    })
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::path::Path;

    use super::*;

    const BEGIN: &str = "<!-- The numbers, made of the code: `make schema` writes them anew. -->\n";
    const END: &str = "<!-- end -->\n";

    /// The table of `docs/metrics.md`: a row for each name.
    fn table() -> String {
        let mut table =
            String::from("| name | type | labels | what it tells |\n| --- | --- | --- | --- |\n");
        for family in FAMILIES {
            let unit =
                family.unit.as_ref().map_or(String::new(), |unit| format!("_{}", unit.as_str()));
            let ending = if family.kind == Kind::Counter { "_total" } else { "" };
            let labels: Vec<_> = family.labels.iter().map(|label| format!("`{label}`")).collect();
            writeln!(
                table,
                "| `{PREFIX}_{}{unit}{ending}` | {} | {} | {} |",
                family.name,
                format!("{:?}", family.kind).to_lowercase(),
                labels.join(", "),
                family.help
            )
            .expect("a string takes all that is written to it");
        }
        table
    }

    #[test]
    fn the_documentation_has_every_name() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md");
        let page = std::fs::read_to_string(&path).unwrap();
        let (before, rest) = page.split_once(BEGIN).unwrap();
        let (kept, after) = rest.split_once(END).unwrap();
        if std::env::var_os("UPDATE_SCHEMA").is_some() {
            let page = format!("{before}{BEGIN}{}{END}{after}", table());
            return std::fs::write(&path, page).unwrap();
        }
        assert_eq!(kept, table(), "`make schema` writes it anew");
    }

    #[test]
    fn a_name_says_its_unit_and_no_label_is_free_text() {
        for Family { name, labels, help, unit, kind, .. } in FAMILIES {
            assert!(!name.ends_with("_total") && !name.contains(PREFIX), "{name}");
            assert!(!help.is_empty() && !help.ends_with('.') && !help.contains('|'), "{name}");
            assert!(*kind != Kind::Histogram || *unit == Some(Unit::Seconds), "{name}");
            for label in *labels {
                let bounded =
                    ["kind", "queue", "outcome", "operation", "code", "version", "commit"];
                assert!(bounded.contains(label), "{name} {label}");
            }
        }
    }
}
