//! `longhaul init` and `longhaul config`, on real files.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Output;

use longhaul::config::EXAMPLE;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{longhaul, stderr, stdout};

/// Runs it with this home and the programs of this machine.
fn at_home(home: &TempDir, arguments: &[&str]) -> Output {
    let mut command = longhaul(arguments);
    command.env("HOME", home.path()).env("PATH", std::env::var_os("PATH").unwrap());
    command.current_dir(home.path()).output().unwrap()
}

fn home() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

#[test]
fn init_writes_a_file_that_serves_and_says_what_to_do_next() {
    let home = home();
    let file = home.path().join(".config/longhaul/longhaul.toml");
    let output = at_home(&home, &["init"]);
    assert_eq!(
        (output.status.code(), stdout(&output)),
        (Some(0), format!("{}\n", file.display()).as_str())
    );
    assert!(stderr(&output).contains("\n  longhaul serve\n"), "{}", stderr(&output));
    assert_eq!(read(&file), EXAMPLE);
    let check = at_home(&home, &["config", "check"]);
    assert_eq!(
        (check.status.code(), stderr(&check)),
        (Some(0), ""),
        "the server that is started without a word reads it"
    );
    let cores = std::thread::available_parallelism().unwrap();
    assert_eq!(
        stdout(&check),
        format!(
            "{} is good: 3 kinds (checksum, countdown, fail), 1 queue (default), {cores} slots\n",
            file.display()
        )
    );
}

#[test]
fn init_replaces_nothing_unless_it_is_told_to() {
    let home = home();
    let file = home.path().join("my own.toml");
    fs::write(&file, "mine").unwrap();
    let output = at_home(&home, &["init", "my own.toml"]);
    assert_eq!((output.status.code(), stdout(&output)), (Some(1), ""));
    assert_eq!(
        stderr(&output),
        format!(
            "longhaul: {} is there already\n\nhint: it was left as it is; `--force` replaces it, and another path keeps both\n",
            file.display()
        )
    );
    assert_eq!(read(&file), "mine");
    let link = home.path().join("dangling.toml");
    symlink(home.path().join("nowhere"), &link).unwrap();
    assert_eq!(at_home(&home, &["init", "dangling.toml"]).status.code(), Some(1));

    let forced = at_home(&home, &["init", "--force", "my own.toml"]);
    assert_eq!(forced.status.code(), Some(0), "{}", stderr(&forced));
    assert_eq!(read(&file), EXAMPLE);
    let words = format!("  longhaul serve --config '{}'\n", file.display());
    assert!(stderr(&forced).contains(&words), "a path that a shell reads: {}", stderr(&forced));
    let names = fs::read_dir(home.path()).unwrap().map(|e| e.unwrap().file_name());
    assert_eq!(names.count(), 2, "nothing half-written is left");
}

#[test]
fn init_writes_into_a_folder_and_through_a_link() {
    let home = home();
    let real = home.path().join("real.toml");
    let link = home.path().join("link.toml");
    fs::write(&real, "old").unwrap();
    symlink(&real, &link).unwrap();
    assert_eq!(at_home(&home, &["init", "--force", "link.toml"]).status.code(), Some(0));
    assert_eq!((read(&real).as_str(), link.is_symlink()), (EXAMPLE, true));
    let output = at_home(&home, &["init", ".", "--json"]);
    let file = home.path().join("longhaul.toml");
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told, json!({"path": file.to_str().unwrap()}));
    assert_eq!(read(&file), EXAMPLE);
}

#[test]
fn init_says_where_it_cannot_write() {
    let home = home();
    fs::write(home.path().join("file"), "").unwrap();
    let output = at_home(&home, &["init", "file/longhaul.toml"]);
    assert_eq!(output.status.code(), Some(1));
    let path = home.path().join("file/longhaul.toml");
    let words = format!("longhaul: {} cannot be written\n  caused by: ", path.display());
    assert!(stderr(&output).starts_with(&words), "{}", stderr(&output));
    let homeless = longhaul(&["init"]).env_remove("HOME").output().unwrap();
    assert_eq!(homeless.status.code(), Some(2));
    assert_eq!(
        stderr(&homeless),
        "longhaul: there is no HOME, so no default place for the file\n\nhint: name one: `longhaul init longhaul.toml`\n"
    );
}

const BAD: &str =
    "[sever]\n[worker]\nslots = 0\n[kinds.k]\ncommand = [\"true\"]\nqueue = \"defualt\"\n";

#[test]
fn check_tells_every_problem_at_once() {
    let home = home();
    fs::write(home.path().join("bad.toml"), BAD).unwrap();
    let output = at_home(&home, &["config", "check", "--config", "bad.toml"]);
    assert_eq!((output.status.code(), stdout(&output)), (Some(78), ""));
    assert_eq!(
        stderr(&output),
        "longhaul: bad.toml:1:2: unknown key `sever`: did you mean `server`?\n    [sever]\n     ^^^^^\n\
         bad.toml:3:9: `worker.slots`: expected a whole number from 1 to 10,000, found 0\n    slots = 0\n            ^\n\
         bad.toml:6:9: `kinds.k.queue`: no queue `defualt` is declared: did you mean `default`?\n    queue = \"defualt\"\n            ^^^^^^^^^\n"
    );
    // A server that would refuse it refuses it by the same words.
    let serve = at_home(&home, &["serve", "--config", "bad.toml"]);
    assert_eq!((serve.status.code(), stderr(&serve)), (Some(78), stderr(&output)));
    let show = at_home(&home, &["config", "show", "--config", "bad.toml"]);
    assert_eq!((show.status.code(), stdout(&show), stderr(&show)), (Some(78), "", stderr(&output)));

    let output = at_home(&home, &["config", "check", "--config", "bad.toml", "--json"]);
    assert_eq!(output.status.code(), Some(78));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["valid"], false);
    assert_eq!(
        told["problems"][1],
        json!({
            "file": "bad.toml", "line": 3, "column": 9, "key": "worker.slots",
            "message": "`worker.slots`: expected a whole number from 1 to 10,000, found 0",
        })
    );
}

#[test]
fn check_names_the_kind_whose_program_is_not_there() {
    let home = home();
    let source =
        "[kinds.encode]\ncommand = [\"no-such-program-here\", \"{x}\"]\n[retention]\njobs = 5\n";
    fs::write(home.path().join("c.toml"), source).unwrap();
    let output = at_home(&home, &["config", "check", "--config", "c.toml", "--slots", "3"]);
    assert_eq!(
        stderr(&output),
        "warning: kind `encode`: its program `no-such-program-here` is not found in PATH: its jobs will end with SPAWN_FAILED until it can be started\n"
    );
    let file = home.path().join("c.toml");
    assert_eq!(
        (output.status.code(), stdout(&output)),
        (
            Some(0),
            format!(
                "{} is good: 1 kind (encode), 1 queue (default), 3 slots, 1 warning\n",
                file.display()
            )
            .as_str()
        )
    );
    let output = at_home(&home, &["config", "check", "--config", "c.toml", "--json"]);
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&told["valid"], &told["kinds"], told["warnings"].as_array().unwrap().len()),
        (&json!(true), &json!(["encode"]), 1)
    );
}

#[test]
fn check_without_a_file_tells_what_is_used() {
    let home = home();
    let output = at_home(&home, &["config", "check", "--slots", "1"]);
    let file = home.path().join(".config/longhaul/longhaul.toml");
    assert_eq!(
        stdout(&output),
        format!(
            "there is no {}: the built-in configuration is good: 4 kinds (checksum, compress, demo, fail), 1 queue (default), 1 slots\n",
            file.display()
        )
    );
    let output = at_home(&home, &["serve", "--database", "mysql://me:hunter2@db/x"]);
    assert_eq!(
        (output.status.code(), stderr(&output)),
        (
            Some(78),
            "longhaul: `--database`: expected `sqlite`, which keeps jobs in the data folder, or the address of a PostgreSQL, `postgres://USER:PASSWORD@HOST:PORT/DATABASE`\n"
        )
    );
}

#[test]
fn a_worker_alone_needs_a_database_that_others_share() {
    let output = at_home(&home(), &["work"]);
    assert_eq!(output.status.code(), Some(78));
    assert!(stdout(&output).is_empty());
    let told = stderr(&output);
    assert!(
        told.starts_with("longhaul: `longhaul work` is for servers that share a PostgreSQL: "),
        "{told}"
    );
    assert!(told.ends_with("or run `longhaul serve`\n"), "{told}");
}

#[test]
fn show_prints_values_and_where_they_come_from() {
    let home = home();
    let source =
        "[server]\ndata = \"d\"\n[worker]\nname = \"w\"\n[kinds.k]\ncommand = [\"true\"]\n";
    fs::write(home.path().join("c.toml"), source).unwrap();
    let show = |more: &[&str]| {
        let mut arguments = vec!["config", "show", "--config", "c.toml", "--slots", "3"];
        arguments.extend(more);
        let output = at_home(&home, &arguments);
        assert_eq!((output.status.code(), stderr(&output)), (Some(0), ""));
        stdout(&output).replace(home.path().to_str().unwrap(), "~")
    };
    insta::assert_snapshot!("config_show_origin", show(&["--origin"]));
    let plain = show(&[]);
    assert!(plain.contains("\nworker.slots = 3\n"), "{plain}");
    let json: Value = serde_json::from_str(&show(&["--json"])).unwrap();
    assert_eq!(
        json["values"][1],
        json!({"key": "server.data", "value": "~/d", "origin": {"from": "file", "file": "~/c.toml", "line": 2}})
    );
    let of = |key: &str| json["values"].as_array().unwrap().iter().find(|v| v["key"] == key);
    let slots = &of("worker.slots").unwrap()["origin"];
    assert_eq!(slots, &json!({"from": "flag", "name": "--slots"}));
    assert_eq!(of("retention.age").unwrap()["value"], "720h");
}

#[test]
fn schema_prints_the_schema_of_the_file() {
    let output = at_home(&home(), &["config", "schema"]);
    assert_eq!(output.status.code(), Some(0));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told, longhaul::config::schema());
}
