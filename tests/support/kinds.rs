//! Kinds and queues made by hand.

use std::sync::Arc;
use std::time::Duration;

use longhaul::domain::argv::Template;
use longhaul::domain::attempt::Policy;
use longhaul::domain::kind::{ArgsSchema, Catalog, EnvRule, Kind, QueueSpec, Stdin};
use longhaul::domain::label::{Label, Labels};

/// A kind that runs `command` in the queue `default`.
pub(crate) fn kind(name: &str, command: &[&str]) -> Kind {
    let command: Vec<String> = command.iter().map(|&s| s.to_owned()).collect();
    let command = Template::parse(&command).unwrap();
    Kind {
        name: name.parse().unwrap(),
        title: None,
        description: None,
        args: ArgsSchema::from_placeholders(&command).unwrap(),
        command,
        queue: "default".parse().unwrap(),
        timeout: None,
        retries: 0,
        policy: Policy { grace: Duration::from_secs(2), ..Policy::default() },
        stdin: Stdin::None,
        cwd: None,
        env: vec![EnvRule::Pass("PATH".to_owned())],
        allow_dash: false,
        worker_labels: Labels::default(),
        progress_pattern: None,
        result: None,
    }
}

/// Labels of these keys and values.
pub(crate) fn labels(pairs: &[(&str, &str)]) -> Labels {
    let label = |&(key, value): &(&str, &str)| Label { key: key.into(), value: value.into() };
    Labels::new(pairs.iter().map(label).collect()).unwrap()
}

/// A queue.
pub(crate) fn queue(name: &str, slots: u32) -> QueueSpec {
    QueueSpec { name: name.parse().unwrap(), slots, max_waiting: 100_000 }
}

/// Everything that is declared.
pub(crate) fn catalog(kinds: Vec<Kind>, queues: Vec<QueueSpec>) -> Catalog {
    Catalog {
        kinds: kinds.into_iter().map(|k| (k.name.clone(), Arc::new(k))).collect(),
        queues: queues.into_iter().map(|q| (q.name.clone(), q)).collect(),
    }
}
