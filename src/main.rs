//! The `longhaul` program: dispatches, nothing else.

fn main() {}
