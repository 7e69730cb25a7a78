//! Longhaul puts one GraphQL API in front of long-running work.
//!
//! The modules, in the order in which a job meets them:
//!
//! - [`config`] reads what may run: kinds, queues, limits.
//! - [`api`] takes a request, judges it at the gate and hands it to the scheduler.
//! - [`scheduler`] is the only writer of job state: it accepts, dispatches, records and recovers.
//! - [`store`] makes what was said durable, one commit for all that wait.
//! - [`objects`] keeps long logs beside it, for all servers of a database.
//! - [`runner`] starts a supervisor for each attempt and follows its folder.
//! - [`shim`] is that supervisor: the process that holds a command and everything below it.
//! - [`auth`] knows who asks, and what that one may do.
//! - [`events`] tells every subscriber what was committed.
//! - [`domain`] holds the words and the law that all of them share.
//! - [`server`] joins the parts; [`cli`] is the command line.
//!
//! ARCHITECTURE.md shows the flow and the promises (P1 to P15) that the code cites.

pub mod api;
pub mod auth;
pub mod cli;
pub mod config;
pub mod domain;
pub mod events;
pub mod objects;
pub mod runner;
pub mod scheduler;
pub mod server;
pub mod shim;
pub mod store;
pub mod telemetry;
