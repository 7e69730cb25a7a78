//! A server that cannot start: each reason has a sentence of its own, an exit code, and advice.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use rusqlite::Connection;
use tempfile::TempDir;

use super::{longhaul, stderr, stdout};
use crate::support::executable;
use crate::support::server::Server;

const CONFIG: &str = "[kinds.k]\ncommand = [\"true\"]\n";
/// Any user that owns nothing here.
const NOBODY: u32 = 65_534;

/// A folder that other users may enter, with a configuration in it.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    fs::write(folder.path().join("longhaul.toml"), CONFIG).unwrap();
    folder
}

fn arguments(folder: &Path) -> Vec<String> {
    let path = |below: &str| folder.join(below).to_str().unwrap().to_owned();
    let (config, data) = (path("longhaul.toml"), path("data"));
    ["serve", "--listen", "127.0.0.1:0", "--config", &config, "--data", &data]
        .map(str::to_owned)
        .to_vec()
}

fn serve(folder: &Path, more: &[&str]) -> Output {
    let mut arguments = arguments(folder);
    arguments.extend(more.iter().map(|&word| word.to_owned()));
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    longhaul(&arguments).env("PATH", std::env::var_os("PATH").unwrap()).output().unwrap()
}

/// Expects the code, and words of which the first sentence and the advice are whole.
#[track_caller]
fn assert_told(output: &Output, code: i32, sentence: &str, hint: &str) {
    let words = stderr(output);
    assert_eq!((output.status.code(), stdout(output)), (Some(code), ""), "{words}");
    assert!(words.starts_with(&format!("longhaul: {sentence}\n")), "{words}");
    assert!(words.ends_with(&format!("\n\nhint: {hint}\n")), "{words}");
}

#[test]
fn a_port_in_use_is_told_with_another_one() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let folder = folder();
    let output = longhaul(&["serve", "--listen", &address.to_string(), "--data"])
        .arg(folder.path().join("data"))
        .output()
        .unwrap();
    let port = address.port();
    let next = port.checked_add(1).unwrap_or(8080);
    assert_eq!(output.status.code(), Some(78));
    assert_eq!(
        stderr(&output).split("warning: ").last().unwrap().split("longhaul: ").last().unwrap(),
        format!(
            "port {port} of 127.0.0.1 is in use\n\nhint: stop what listens there, or choose another port: `--listen 127.0.0.1:{next}`, or port 0 for any free one\n"
        )
    );
}

#[tokio::test]
async fn a_folder_that_another_server_holds_says_who() {
    let mut server = Server::start(CONFIG).await;
    let folder = server.folder().to_owned();
    let pid = server.pid();
    let address = server.api.address().to_owned();
    let output = tokio::task::spawn_blocking(move || (serve(&folder, &[]), folder)).await.unwrap();
    let (output, folder) = output;
    assert_told(
        &output,
        75,
        &format!(
            "the data folder `{}` is held by another server, process {pid} at http://{address}, version {}",
            folder.join("data").display(),
            env!("CARGO_PKG_VERSION")
        ),
        "stop that one, or name another folder with `--data`",
    );
    assert!(server.stop().await.success(), "the first one was not disturbed");
}

#[test]
fn a_folder_that_a_newer_version_wrote_is_left_alone() {
    let folder = folder();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    let file = data.join("longhaul.db");
    let database = Connection::open(&file).unwrap();
    database.pragma_update(None, "user_version", 99).unwrap();
    drop(database);
    let output = serve(folder.path(), &[]);
    assert_told(
        &output,
        78,
        &format!(
            "the data folder `{}` was written by a newer Longhaul: its schema is 99, and this version, {}, knows schemas up to 7",
            data.display(),
            env!("CARGO_PKG_VERSION")
        ),
        "start that version or a later one, or name another folder with `--data`",
    );
}

#[test]
fn a_folder_that_may_not_be_written_is_told() {
    let folder = folder();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    fs::set_permissions(&data, PermissionsExt::from_mode(0o555)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_longhaul"));
    if rustix::process::getuid().is_root() {
        // Nothing is forbidden to root: another user tries, with a binary that it can reach.
        let binary = folder.path().join("longhaul");
        executable::copy(env!("CARGO_BIN_EXE_longhaul"), &binary);
        command = Command::new(binary);
        command.uid(NOBODY).gid(NOBODY);
    }
    let output = command.args(arguments(folder.path())).env_clear().env("PATH", "/usr/bin:/bin");
    assert_told(
        &output.output().unwrap(),
        77,
        &format!("the data folder `{}` may not be written by this user", data.display()),
        "give it to the user that runs the server, or name another one with `--data`",
    );
}

#[test]
fn a_data_folder_that_is_none_is_told() {
    let folder = folder();
    let data = folder.path().join("data");
    fs::write(&data, "no folder").unwrap();
    assert_told(
        &serve(folder.path(), &[]),
        78,
        &format!(
            "the data folder `{}` cannot be made: something on its path is no folder, or takes none",
            data.display()
        ),
        "name another one with `--data`",
    );
}

#[test]
fn a_database_that_is_none_is_told_and_left_alone() {
    let folder = folder();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    let database = data.join("longhaul.db");
    fs::write(&database, "x".repeat(8192)).unwrap();
    assert_told(
        &serve(folder.path(), &[]),
        1,
        &format!(
            "the database in the data folder `{}` is damaged, or none of Longhaul",
            data.display()
        ),
        "put back a copy of the whole folder, or name another one with `--data`; nothing was changed",
    );
    assert_eq!(fs::read_to_string(&database).unwrap(), "x".repeat(8192));
}

#[test]
fn a_full_disk_is_told() {
    // Room for the lock file and not for a database; then for nothing at all.
    for fill in ["true", "cat /dev/zero >\"$0/data/ballast\" 2>/dev/null; true"] {
        let folder = folder();
        let data = folder.path().join("data");
        fs::create_dir(&data).unwrap();
        let script = format!(
            "mount -t tmpfs -o size=64k,mode=0700 tmpfs \"$0/data\" || exit 125; {fill}; shift; exec \"$@\""
        );
        // A mount in a namespace of its own is gone with the process.
        let output = Command::new("unshare")
            .args(["--map-root-user", "--mount", "sh", "-c", &script])
            .arg(folder.path())
            .arg("-")
            .arg(env!("CARGO_BIN_EXE_longhaul"))
            .args(arguments(folder.path()))
            .output();
        let output = match output {
            Ok(output) if stderr(&output).contains("longhaul: ") => output,
            cannot => return say_skipped(&cannot),
        };
        assert_told(
            &output,
            75,
            &format!("the disk of the data folder `{}` is full", data.display()),
            "make room there and start again: nothing that was acknowledged is lost",
        );
    }
}

#[expect(clippy::print_stderr, reason = "a test that could not be made must say so")]
fn say_skipped(why: &std::io::Result<Output>) {
    let words = why.as_ref().map(|output| stderr(output).to_owned());
    eprintln!("skipped: no small disk can be mounted here: {words:?}");
}

/// What a server says when it has started, and what its address answers to the pasted body.
fn banner(folder: &Path) -> (String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_longhaul"))
        .args(arguments(folder))
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let mut said = Vec::new();
    let mut byte = [0];
    while !String::from_utf8_lossy(&said).contains("\n  start a job") || byte != *b"\n" {
        assert_eq!(stderr.read(&mut byte).unwrap(), 1, "{}", String::from_utf8_lossy(&said));
        said.extend(byte);
    }
    let said = String::from_utf8(said).unwrap();
    let answer = paste(&said);
    rustix::process::kill_process(
        rustix::process::Pid::from_child(&child),
        rustix::process::Signal::TERM,
    )
    .unwrap();
    child.wait().unwrap();
    (said, answer)
}

/// Does what the command to paste does, without `curl`.
fn paste(said: &str) -> String {
    let (_, command) = said.split_once("curl -s http://").unwrap();
    let (address, rest) = command.split_once("/graphql ").unwrap();
    let (_, body) = rest.trim_end().split_once(" -d '").unwrap();
    let body = body.trim_end_matches('\'');
    let mut socket = TcpStream::connect(address).unwrap();
    let head = "POST /graphql HTTP/1.1\r\nConnection: close\r\nContent-Type: application/json";
    write!(socket, "{head}\r\nHost: {address}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
        .unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_server_that_starts_says_where_everything_is() {
    let folder = folder();
    let (said, answer) = banner(folder.path());
    let first = said.lines().next().unwrap();
    let url = first
        .strip_prefix(concat!("longhaul ", env!("CARGO_PKG_VERSION"), " listening on "))
        .unwrap();
    let path = folder.path().display();
    let expected = format!(
        "  page          {url}/\n  playground    {url}/graphiql\n  data          {path}/data\n  configuration {path}/longhaul.toml\n"
    );
    assert!(said.contains(&expected), "{said}");
    assert!(said.contains("\n  kinds         k\n"), "{said}");
    let paste = format!(
        "\n  start a job   curl -s {url}/graphql -H 'Content-Type: application/json' -d '{{\"query\":"
    );
    assert!(said.contains(&paste), "{said}");
    assert!(answer.contains(r#"{"data":{"startJob":{"job":{"id":""#), "{answer}");
}
