//! The one integration binary: a list of areas, each with its own folder or file.
#![expect(clippy::unwrap_used, reason = "helpers of tests are not seen as tests by the lint")]

mod api;
mod cli;
mod config;
mod crash;
mod e2e;
mod layering;
mod runner;
mod scheduler;
mod server;
mod shim;
mod store;
mod support;
