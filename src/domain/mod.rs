//! The words of Longhaul and the law of a job: pure data and pure functions.
//!
//! Nothing here knows tokio, SQL or GraphQL, and nothing here reads a clock or draws a random
//! number unless it was handed one. Live code and recovery use the same functions, so what holds
//! for a job that ran quietly holds for one that was found after a crash.
//!
//! ```text
//!         ┌───────── given back (stop, crash, failure with retries left) ───────┐
//!         ▼                                                                     │
//!       QUEUED ── claim: an attempt; still QUEUED ──▶ started ──▶ RUNNING ──────┼──▶ SUCCEEDED
//!         │                                              │                      ├──▶ FAILED
//!         │ cancel, no open attempt                      └─────── cancel ───────┴──▶ CANCELING ──▶ CANCELED
//!         └────────────────────────────────────────────────────────────────────────────────────▶ CANCELED
//! ```

pub mod argv;
pub mod attempt;
pub mod clock;
pub mod estimate;
pub mod event;
pub mod id;
pub mod job;
pub mod json;
pub mod kind;
pub mod label;
pub mod limits;
pub mod log;
pub mod meter;
pub mod names;
pub mod object_store;
pub mod retention;
pub mod retry;
pub mod state;
pub mod text;
pub mod token;
pub mod verdict;
pub mod wait;
pub mod worker;
