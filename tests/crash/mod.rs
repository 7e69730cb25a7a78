//! The real binary, killed: at random moments, at every write, while it stops. What was
//! acknowledged survives, nothing runs twice at once, and no process is left. Guards P1, P2, P3,
//! P4, P8, P9, P11 and P14.
//!
//! The jobs are `worker.pl`, whose ledger the kernel's file locks make true without any clock.

mod api;
mod bed;
mod clients;
mod clock;
mod fleet_loop;
mod flushes;
mod jumps;
mod kill_loop;
mod ledger;
mod orphans;
mod points;
mod processes;
mod server;
mod stopping;
