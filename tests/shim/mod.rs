//! The supervisor alone, on real processes: every command that is unkind, and every way in which an
//! attempt can be told to end. Guards P8 (no orphans), P9 (truthful), P10 (cancel), P12 (bounded).

mod driver;
mod ending;
mod lease;
mod output;
mod starting;
mod stopping;
mod tree;
