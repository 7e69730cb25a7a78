//! Commands that print without measure: all of it is drained, a bounded part is kept, and the
//! server's memory does not know of it (P12). `LONGHAUL_FLOOD_BYTES` is how much.

use std::fs;

use serde_json::{Value, json};

use super::hostile::memory_is_bounded;
use super::{report, script, size};
use crate::support::server::{Server, processes_with};

const CONFIG: &str = r#"
[worker]
slots = 2
[kinds.sh]
command = ["/bin/sh", "-c", "{script}"]
"#;

/// What is kept by default, head and tail, with room for the frames' own bytes and a segment.
const KEPT: u64 = 34 << 20;
const LOG: &str = "query($id: ID!) { job(id: $id) { log(last: 3) {
    complete droppedBytes nodes { stream text cut } } } }";

/// Prints so much in a hundred pieces, with progress after each: a flood of the full size takes
/// longer than a subscriber waits for a message.
fn in_pieces(bytes: u64, piece: impl Fn(u64) -> String) -> String {
    let print = piece(bytes / 100);
    let tell = r#"echo "{\"percent\": $i}" >> "$LONGHAUL_PROGRESS""#;
    format!("i=0; while [ $i -lt 100 ]; do {print}; i=$((i+1)); {tell}; done; ")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_is_drained_and_its_beginning_and_end_are_kept() {
    let bytes = size("LONGHAUL_FLOOD_BYTES", 100_000_000);
    let mut server = Server::start(CONFIG).await;
    let lines = in_pieces(bytes, |piece| format!("yes 'a line of a flood' | head -c {piece}"));
    let line = in_pieces(bytes, |piece| format!("head -c {piece} /dev/zero | tr '\\0' x"));
    let (lines, line) = (lines + "echo; echo the end", line + "printf ' the end'");
    for (name, text) in [("many lines", lines), ("one line without an end", line)] {
        let id = server.api.start("sh", script(&text)).await;
        let end = server.api.watch(&id).await.end().await;
        assert_eq!((&end["state"], &end["job"]["exitCode"]), (&json!("SUCCEEDED"), &json!(0)));
        let log = server.api.ask(LOG, json!({ "id": id })).await["job"]["log"].take();
        assert_eq!(log["complete"], true, "{log}");
        let dropped = log["droppedBytes"].as_u64().unwrap();
        let kept = log_files(&server, &id);
        report(&format!("  {name}: {bytes} bytes printed, {dropped} cut, {kept} on the disk"));
        assert!(dropped + KEPT >= bytes && dropped <= bytes, "{dropped} of {bytes} are cut");
        assert!(kept <= KEPT, "{kept} bytes are kept");
        let nodes = log["nodes"].as_array().unwrap();
        assert!(nodes.iter().any(is_last), "the end is kept: {log:.300}");
    }
    memory_is_bounded(&server);
    let keys = server.attempt_keys();
    assert!(server.stop().await.success());
    assert_eq!(processes_with(&keys), Vec::<String>::new(), "P8");
}

/// The last words; of a line that was too long only the mark is left.
fn is_last(line: &Value) -> bool {
    line["text"] == "the end" || line["cut"] == true
}

fn log_files(server: &Server, id: &str) -> u64 {
    let folder = server.attempts_of(id).join("1");
    let files = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let logs = files.filter(|file| file.file_name().to_string_lossy().starts_with("log."));
    logs.map(|file| file.metadata().unwrap().len()).sum()
}
