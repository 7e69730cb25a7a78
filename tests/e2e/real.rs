//! Real input: files made of what the build made are compressed, checksummed and compiled by two
//! slots, and the results equal what the same commands give by hand (P2, P3, P9).
//! `LONGHAUL_REAL=full` takes files of 5 to 200 MB and compiles SQLite; the small run takes a part.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use serde_json::{Value, json};

use super::history::{Eligible, History};
use super::report;
use crate::support::server::Server;

const SLOTS: usize = 2;

const CONFIG: &str = r#"
[worker]
slots = 2
[kinds.compress]
command = ["/bin/sh", "-c", 'exec gzip -n -c -- "$1" > "$2"', "compress", "{from}", "{to}"]
[kinds.checksum]
command = ["sha256sum", "--", "{from}"]
[kinds.compile]
command = ["cc", "-O1", "-c", "{from}", "-o", "{to}"]
"#;

/// A job and how its result is told from a wrong one.
struct Work {
    kind: &'static str,
    from: PathBuf,
    to: PathBuf,
}

/// The work of a run: 20 jobs, kinds and sizes mixed.
fn work(folder: &Path, is_full: bool) -> Vec<Work> {
    let megabytes: &[u64] =
        if is_full { &[5, 200, 12, 90, 40, 150, 25, 60] } else { &[1, 3, 2, 1, 2, 1, 1, 2] };
    let files: Vec<PathBuf> = megabytes
        .iter()
        .enumerate()
        .map(|(number, &megabytes)| real_file(folder, number, megabytes))
        .collect();
    let source = if is_full { sqlite_source() } else { small_source(folder) };
    let compiles = if is_full { 4 } else { 1 };
    let mut all = Vec::new();
    for (number, from) in files.iter().enumerate() {
        let mut add = |kind, from: &Path| {
            let to = folder.join(format!("{kind}.{number}"));
            all.push(Work { kind, from: from.to_owned(), to });
        };
        add("checksum", from);
        if number % 2 == 0 && number / 2 < compiles {
            add("compile", &source);
        }
        add("compress", from);
    }
    all
}

/// So much of the very binary under test, from another place for each file, over and over.
fn real_file(folder: &Path, number: usize, megabytes: u64) -> PathBuf {
    let path = folder.join(format!("file.{number}"));
    let binary = fs::read(env!("CARGO_BIN_EXE_longhaul")).unwrap();
    let mut at = binary.len() / 16 * number;
    let mut file = File::create(&path).unwrap();
    let mut left = usize::try_from(megabytes << 20).unwrap();
    while left > 0 {
        let piece = &binary[at..];
        let piece = &piece[..left.min(piece.len())];
        file.write_all(piece).unwrap();
        (left, at) = (left - piece.len(), 0);
    }
    path
}

/// The amalgamation that the SQLite crate ships: real, large C.
fn sqlite_source() -> PathBuf {
    // Only what this platform needs: nothing else was fetched for the build.
    let version = Command::new("rustc").arg("-vV").output().unwrap();
    let version = String::from_utf8(version.stdout).unwrap();
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--locked", "--offline"])
        .args(["--filter-platform", host, "--manifest-path"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages.iter().find(|package| package["name"] == "libsqlite3-sys");
    let manifest = package.expect("the store depends on libsqlite3-sys")["manifest_path"].as_str();
    let source = Path::new(manifest.unwrap()).with_file_name("sqlite3").join("sqlite3.c");
    assert!(source.is_file(), "{} is not there: it is what is to be compiled", source.display());
    source
}

fn small_source(folder: &Path) -> PathBuf {
    let path = folder.join("small.c");
    let text = "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n\
                static int compare(const void *a, const void *b) { return strcmp(*(char **)a, *(char **)b); }\n\
                int main(int count, char **words) {\n\
                    qsort(words + 1, (size_t)(count - 1), sizeof *words, compare);\n\
                    for (int i = 1; i < count; i++) puts(words[i]);\n\
                    return 0;\n}\n";
    fs::write(&path, text).unwrap();
    path
}

/// What the same command gives by hand.
fn by_hand(work: &Work) -> Vec<u8> {
    let mut command = match work.kind {
        "compress" => Command::new("gzip"),
        "checksum" => Command::new("sha256sum"),
        _ => Command::new("cc"),
    };
    let object = work.to.with_extension("by-hand.o");
    match work.kind {
        "compress" => command.args(["-n", "-c", "--"]).arg(&work.from),
        "checksum" => command.arg("--").arg(&work.from),
        _ => command.args(["-O1", "-c"]).arg(&work.from).arg("-o").arg(&object),
    };
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    if work.kind == "compile" { fs::read(object).unwrap() } else { output.stdout }
}

/// What the job gave: the file that it wrote, or all that it printed.
async fn by_job(server: &Server, id: &str, work: &Work) -> Vec<u8> {
    if work.kind != "checksum" {
        return fs::read(&work.to).unwrap();
    }
    let url = format!("http://{}/jobs/{id}/log?stream=stdout", server.api.address());
    let answer = server.api.http.get(url).send().await.unwrap();
    assert!(answer.status().is_success(), "{answer:?}");
    answer.bytes().await.unwrap().to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn real_files_come_out_as_they_do_by_hand() {
    let is_full = std::env::var("LONGHAUL_REAL").is_ok_and(|text| text == "full");
    let folder = tempfile::tempdir().unwrap();
    let all = work(folder.path(), is_full);
    let mut server = Server::start(CONFIG).await;
    let before = server.api.feed_cursor().await;
    let began = Instant::now();
    let mut jobs = Vec::new();
    for work in &all {
        let mut args = json!({ "from": work.from });
        if work.kind != "checksum" {
            args["to"] = json!(work.to);
        }
        jobs.push((server.api.start(work.kind, args).await, work));
    }
    let ended = server.api.ended_since(&before, jobs.len()).await;
    let took = began.elapsed();
    let bytes: u64 = all.iter().map(|work| fs::metadata(&work.from).unwrap().len()).sum();
    report(&format!("  {} real jobs on {} MB in {took:?}", jobs.len(), bytes >> 20));
    let mut compiled = None;
    for (id, work) in &jobs {
        let job = &ended[id];
        assert_eq!((&job["state"], &job["exitCode"]), (&json!("SUCCEEDED"), &json!(0)), "{job}");
        let hand = match (&compiled, work.kind) {
            (Some(object), "compile") => Vec::clone(object),
            _ => by_hand(work),
        };
        let is_same = hand == by_job(&server, id, work).await;
        assert!(is_same && !hand.is_empty(), "{} of {}", work.kind, work.from.display());
        if work.kind == "compile" {
            compiled = Some(hand);
        }
    }
    assert!(server.stop().await.success());
    let history = History::read(&server.database(), &Eligible::new());
    report(&format!("  {history:?}"));
    assert_eq!((history.jobs, history.claims), (jobs.len(), jobs.len()), "{history:?}");
    assert!(history.inversions.is_empty(), "P2: {:#?}", history.inversions);
    assert!(history.most_open <= SLOTS, "P3: {history:?}");
}
