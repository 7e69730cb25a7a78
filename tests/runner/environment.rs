//! What a kind puts into the environment reaches its command, and nobody else.

use std::fs;

use longhaul::domain::kind::{EnvRule, Kind};
use longhaul::domain::log::LogStream;
use longhaul::domain::state::EndReason;
use longhaul::runner::AttemptSpec;
use longhaul::shim::protocol::SHIM_ERR;

use super::rig::{Rig, kind, of_kind};

/// An attempt with `PATH` and these variables.
fn with(variables: &[(&str, &str)], argv: &[&str]) -> AttemptSpec {
    let set = |&(name, value): &(&str, &str)| EnvRule::Set(name.to_owned(), value.to_owned());
    let pass = EnvRule::Pass("PATH".to_owned());
    let env = std::iter::once(pass).chain(variables.iter().map(set)).collect();
    of_kind(Kind { env, ..kind(argv) })
}

fn complaints(rig: &Rig, spec: &AttemptSpec) -> String {
    fs::read_to_string(rig.attempt(spec).join(SHIM_ERR)).unwrap()
}

process_test! {
    async fn what_changes_how_programs_are_loaded_changes_the_command_alone() {
        let rig = Rig::new();
        let variables = [
            ("LD_PRELOAD", "/nonexistent.so"),
            ("LD_DEBUG", "nonsense"),
            ("GLIBC_TUNABLES", "glibc.malloc.nonsense=1"),
            ("MALLOC_ARENA_MAX", "1"),
        ];
        let spec = with(&variables, &["env"]);
        let end = rig.run(&spec).await;
        assert_eq!(end.reason, EndReason::Ok, "{}", end.text);
        let seen = rig.lines(&spec, LogStream::Stdout);
        for (name, value) in variables {
            assert!(seen.contains(&format!("{name}={value}")), "{seen:?}");
        }
        assert_eq!(complaints(&rig, &spec), "", "the supervisor is not loaded by them");
    }
}

process_test! {
    async fn a_library_that_cannot_be_loaded_fails_the_command_and_not_its_supervisor() {
        let rig = Rig::new();
        let libraries = rig.folder.path().join("libraries");
        fs::create_dir(&libraries).unwrap();
        fs::write(libraries.join("libc.so.6"), "no library").unwrap();
        let spec = with(&[("LD_LIBRARY_PATH", libraries.to_str().unwrap())], &["env"]);
        let end = rig.run(&spec).await;
        assert_eq!((end.reason, end.exit_code), (EndReason::ExitCode, Some(127)), "{}", end.text);
        let said = rig.lines(&spec, LogStream::Stderr).join("\n");
        assert!(said.contains("libc.so.6"), "{said}");
        assert_eq!(complaints(&rig, &spec), "");
    }
}

process_test! {
    async fn a_secret_of_the_environment_is_nowhere_but_in_the_command() {
        let rig = Rig::new();
        let look = "tr '\\0' '\\n' < /proc/$PPID/environ; echo; grep -rl \"$TOKEN\" ..; echo \"$TOKEN\" | wc -c";
        let spec = with(&[("TOKEN", "swordfish")], &["sh", "-c", look]);
        let end = rig.run(&spec).await;
        assert_eq!(end.reason, EndReason::Ok, "{}", end.text);
        let key = format!("LONGHAUL_ATTEMPT_KEY={}", spec.key.as_str());
        assert_eq!(rig.lines(&spec, LogStream::Stdout), [key.as_str(), "", "10"]);
    }
}

process_test! {
    async fn an_environment_that_no_program_can_have_is_a_failed_start() {
        let rig = Rig::new();
        let large = "x".repeat(200_000);
        let spec = with(&[("LARGE", &large)], &["env"]);
        let end = rig.run(&spec).await;
        assert_eq!((end.reason, end.may_have_started), (EndReason::SpawnFailed, false), "{}", end.text);
        assert!(end.text.contains("Argument list too long"), "{}", end.text);
    }
}
