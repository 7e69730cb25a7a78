//! The machine: figures mean nothing without it.

use std::fs;

/// Processor, cores, memory, kernel, and how busy it is with other things.
pub(crate) fn describe() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_once(':').map_or("?", |(_, value)| value.trim()).to_owned()
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let processor = field(&read("/proc/cpuinfo"), "model name");
    let memory = field(&read("/proc/meminfo"), "MemTotal");
    let kernel = read("/proc/sys/kernel/osrelease");
    let load = read("/proc/loadavg");
    format!(
        "{processor}, {cores} cores, {memory}, Linux {}; load before: {}; longhaul {}",
        kernel.trim(),
        load.split(' ').next().unwrap_or("?"),
        env!("CARGO_PKG_VERSION"),
    )
}

/// The time of the processors so far, and how much of it a host gave to others, in ticks (proc(5), `/proc/stat`).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Time {
    all: u64,
    stolen: u64,
}

impl Time {
    pub(crate) fn now() -> Self {
        let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
        let line = stat.lines().next().unwrap_or_default();
        let ticks = line.split_whitespace().skip(1).map(|ticks| ticks.parse().unwrap_or(0));
        // Guests are counted as users already.
        let ticks: Vec<u64> = ticks.take(8).collect();
        Self { all: ticks.iter().sum(), stolen: ticks.get(7).copied().unwrap_or(0) }
    }

    /// What a host took since then, in words, where it took so much that figures are not the program's own.
    pub(crate) fn stolen_since(self, before: Self) -> Option<String> {
        let all = (self.all - before.all).max(1);
        let percent = (self.stolen - before.stolen) * 100 / all;
        (percent > 0)
            .then(|| format!("{percent} % of the processors were taken by the host meanwhile"))
    }
}
