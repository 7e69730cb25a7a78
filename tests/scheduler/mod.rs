//! The scheduler over a real SQLite store, with a runner whose attempts end when the test says so
//! and a clock that stands still.

mod cancel;
mod fifo;
mod fruitless;
mod keep;
mod keep_shared;
mod labels;
mod limits;
mod many_ended;
mod model;
mod quiet;
mod reasons;
mod recent;
mod recovery;
mod remembered;
mod retry;
mod rig;
mod shutdown;
mod tenure;
mod together;
mod unstarted;
