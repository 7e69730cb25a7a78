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
