//! The runner with real supervisors and real commands.
//!
//! A runner makes its process the heir of everything that its shims leave behind, and kills what it
//! inherits. So each test here has a process to itself: `process_test!` runs the test binary again
//! for the one test.

macro_rules! process_test {
    ($(#[$meta:meta])* async fn $name:ident() $body:block) => {
        $(#[$meta])*
        #[test]
        fn $name() {
            crate::runner::rig::alone(concat!(module_path!(), "::", stringify!($name)), async $body);
        }
    };
}

mod damage;
mod environment;
mod inherited;
mod life;
mod lost;
mod namespace;
mod progress;
mod recovery;
mod rig;
mod stop;
mod stopped;
mod work;
