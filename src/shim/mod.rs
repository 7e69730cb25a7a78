//! The supervisor process: one for each attempt, `longhaul shim <folder>`.

pub mod protocol;
