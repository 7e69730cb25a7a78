//! The map of ARCHITECTURE.md, held: which module may name which, that every file says what it is
//! for, that no file outgrows its reader, and that no test waits by the clock.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// Which modules each module may name through `crate::`. A module may always name itself.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("shim", &["domain"]),
    ("config", &["domain"]),
    ("store", &["domain"]),
    ("events", &["domain"]),
    ("auth", &["domain"]),
    ("objects", &["domain"]),
    ("runner", &["domain", "shim::protocol"]),
    ("scheduler", &["domain", "store", "objects", "runner", "events"]),
    ("api", &["domain", "store", "events", "scheduler", "auth"]),
    ("telemetry", &["domain", "store", "events", "scheduler", "auth", "api", "runner", "config"]),
    (
        "server",
        &[
            "domain",
            "store",
            "objects",
            "events",
            "scheduler",
            "auth",
            "api",
            "runner",
            "config",
            "telemetry",
        ],
    ),
    ("cli", &["domain", "config", "server"]),
];

const MAX_LINES: usize = 400;

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(below: &str) -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    rust_files(&root().join(below), &mut files);
    assert!(!files.is_empty(), "no Rust file below {below}");
    files.sort();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        (path.strip_prefix(root()).unwrap().to_owned(), text)
    };
    files.into_iter().map(read).collect()
}

/// The text without comments and string literals, so that prose may name what it likes.
fn code_only(text: &str) -> String {
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).fold(
        String::new(),
        |mut code, line| {
            let _ = writeln!(code, "{line}");
            code
        },
    )
}

/// All paths that are named from the crate's root, groups spelt out: `crate::{a, b::{c}}` names
/// `a` and `b::c`.
fn crate_paths(code: &str) -> Vec<String> {
    let mut paths = Vec::new();
    let mut rest = code;
    while let Some(at) = rest.find("crate::") {
        let before = rest[..at].chars().next_back();
        rest = &rest[at + "crate::".len()..];
        // `$crate::` and `longhaul_crate::` are something else, `pub(in crate::…)` is not.
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
            continue;
        }
        expand("", rest, &mut paths);
    }
    paths
}

/// Appends the paths that begin at the start of `text`; returns what follows them.
fn expand<'t>(prefix: &str, text: &'t str, paths: &mut Vec<String>) -> &'t str {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        loop {
            rest = expand(prefix, rest, paths).trim_start();
            match rest.strip_prefix(',') {
                Some(next) => rest = next,
                None => return rest.strip_prefix('}').unwrap_or(rest),
            }
        }
    }
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let path = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}::{name}") };
    match rest.strip_prefix("::") {
        Some(deeper) if !name.is_empty() => expand(&path, deeper, paths),
        _ => {
            if !name.is_empty() {
                paths.push(path);
            }
            rest
        }
    }
}

#[test]
fn modules_name_only_what_the_map_allows() {
    let mut strays = String::new();
    for (path, text) in sources("src") {
        let inside = path.strip_prefix("src").unwrap();
        let first = inside.iter().next().unwrap().to_str().unwrap();
        let module = first.trim_end_matches(".rs");
        if matches!(module, "lib" | "main") {
            continue;
        }
        let Some((_, allowed)) = MAY_NAME.iter().find(|(name, _)| *name == module) else {
            writeln!(strays, "{}: the map has no place for `{module}`", path.display()).unwrap();
            continue;
        };
        for named in crate_paths(&code_only(&text)) {
            let fits = |prefix: &str| {
                named.strip_prefix(prefix).is_some_and(|r| r.is_empty() || r.starts_with("::"))
            };
            if !fits(module) && !allowed.iter().any(|prefix| fits(prefix)) {
                writeln!(strays, "{}: names `crate::{named}`", path.display()).unwrap();
            }
        }
    }
    assert!(strays.is_empty(), "stray imports:\n{strays}");
}

#[test]
fn every_file_says_what_it_is_for_and_stays_short() {
    let mut faults = String::new();
    for (path, text) in sources("src").into_iter().chain(sources("tests")) {
        if !text.starts_with("//! ") {
            writeln!(faults, "{}: does not begin with `//!`", path.display()).unwrap();
        }
        let lines = text.lines().count();
        if lines > MAX_LINES {
            writeln!(faults, "{}: {lines} lines, {MAX_LINES} may be", path.display()).unwrap();
        }
    }
    assert!(faults.is_empty(), "{faults}");
}

#[test]
fn no_test_waits_by_the_clock() {
    let naps = [concat!("sleep", "("), concat!("sleep_", "until(")];
    let mut faults = String::new();
    // A benchmark keeps a pace, and lets what it measures come to rest.
    let tests = sources("tests").into_iter().filter(|(path, _)| !path.starts_with("tests/bench"));
    for (path, text) in tests {
        for (number, line) in code_only(&text).lines().enumerate() {
            if naps.iter().any(|nap| line.contains(nap)) {
                writeln!(faults, "{}:{}: {}", path.display(), number + 1, line.trim()).unwrap();
            }
        }
    }
    assert!(faults.is_empty(), "wait for an event instead:\n{faults}");
}

#[test]
fn only_the_error_module_names_the_librarys_error() {
    // With `async_graphql::Error` in reach, one `?` publishes a foreign error's text.
    for (path, text) in sources("src") {
        let code = code_only(&text);
        let home = path.starts_with("src/api/error.rs") || path.starts_with("src/api/error");
        for name in ["async_graphql::Error", "async_graphql::Result"] {
            let names = code.match_indices(name).any(|(at, _)| {
                !code[at + name.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_')
            });
            assert!(home || !names, "{}: names `{name}`", path.display());
        }
    }
}

#[test]
fn the_scanner_sees_groups_and_inline_paths() {
    let code = "use crate::{a, b::{c, d::e}};\nfn f() -> crate::g::H { $crate::x; my_crate::y }";
    assert_eq!(crate_paths(code), ["a", "b::c", "b::d::e", "g::H", "x"]);
}
