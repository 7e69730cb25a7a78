//! The binary: the supervisor of one attempt where it is called as `longhaul shim <folder>`.
//!
//! That is judged first, before a runtime or anything else of size exists: one supervisor lives
//! for each running job.

use std::env;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = env::args_os().skip(1);
    match (arguments.next(), arguments.next()) {
        (Some(word), Some(folder)) if word == "shim" => longhaul::shim::main(&folder),
        _ => longhaul::cli::main(env::args_os()),
    }
}
