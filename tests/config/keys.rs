//! Every key, misspelt, with a value of a wrong type, and with values just out of its range: the
//! exact words for each stand in the snapshots, a file for each section.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;

use super::Home;

/// A key: the header that it stands below, its name, a value of a wrong type, and values of the
/// right type that are not valid.
type Key = (&'static str, &'static str, &'static str, &'static [&'static str]);

pub(super) const KEYS: &[Key] = &[
    ("server", "listen", "8080", &["\"127.0.0.1\"", "\"127.0.0.1:65536\"", "\"localhost:80\""]),
    ("server", "data", "true", &["\"\""]),
    ("server", "database", "1", &["\"postgres\""]),
    ("server", "database_direct", "1", &["\"sqlite\"", "\"\""]),
    ("server", "drain_timeout", "30", &["\"87601h\"", "\"-1s\""]),
    ("server", "allowed_origins", "{}", &["[\"localhost\"]", "[1]"]),
    ("server", "allowed_hosts", "\"a\"", &["[\"a/b\"]", "[1]"]),
    ("server", "introspection", "\"no\"", &[]),
    ("worker", "slots", "\"4\"", &["0", "10_001"]),
    ("worker", "name", "4", &["\"\""]),
    ("worker", "lease", "60", &["\"1s\"", "\"61m\""]),
    ("worker", "labels", "[\"gpu\"]", &["{ gpu = 1 }", "{ \"\" = \"a\" }"]),
    ("queues.q", "slots", "[]", &["-1", "10_001"]),
    ("queues.q", "max_waiting", "1.5", &["0", "2_147_483_648"]),
    ("kinds.k", "title", "1", &[]),
    ("kinds.k", "description", "[]", &[]),
    ("kinds.k", "command", "\"true\"", &["[]", "[\"\"]", "[\"{a}\"]", "[\"a\", \"}\"]", "[1]"]),
    ("kinds.k", "queue", "1", &["\"two words\"", "\"other\""]),
    ("kinds.k", "timeout", "60", &["\"0s\"", "\"87601h\"", "\"1d\""]),
    ("kinds.k", "grace", "10", &["\"ten\""]),
    ("kinds.k", "retries", "\"1\"", &["-1", "1_001"]),
    ("kinds.k", "retry_backoff", "5", &["\"5\""]),
    ("kinds.k", "success_exit_codes", "0", &["[]", "[-1]", "[256]", "[\"0\"]"]),
    ("kinds.k", "on_server_exit", "1", &["\"adopt\"", "\"leave\""]),
    ("kinds.k", "at_most_once", "\"no\"", &[]),
    ("kinds.k", "max_lost", "\"3\"", &["-1", "1_001"]),
    ("kinds.k", "stdin", "true", &["\"json\""]),
    ("kinds.k", "cwd", "1", &["\"\""]),
    ("kinds.k", "env", "\"PATH\"", &["[1]", "[\"A B\"]", "[\"LONGHAUL_RESULT=x\"]"]),
    ("kinds.k", "allow_dash", "1", &[]),
    ("kinds.k", "worker_labels", "\"gpu\"", &["{ gpu = [\"a\"] }", "{ \"\" = \"a\" }"]),
    ("kinds.k", "args", "[]", &["{ type = \"text\" }", "{ required = \"a\" }"]),
    ("kinds.k", "result", "\"any\"", &["{ minimum = \"1\" }"]),
    ("kinds.k", "progress", "\"%\"", &["{}"]),
    ("kinds.k.progress", "pattern", "1", &["'['", "'(?P<done>.)'"]),
    ("retention", "age", "30", &["\"0s\"", "\"30d\""]),
    ("retention", "jobs", "\"all\"", &["0", "1_000_000_001"]),
    ("retention", "log_bytes", "\"10GiB\"", &["1_048_575", "1_125_899_906_842_625"]),
    (
        "object_store",
        "url",
        "true",
        &[
            "\"https://bucket\"",
            "\"s3://\"",
            "\"s3://Bucket\"",
            "\"s3://bucket/a//b\"",
            "\"s3://bucket/../b\"",
            "\"file://logs\"",
            "\"s3://AKIAKEY:wonderland@bucket\"",
            "\"s3://bucket?secret=wonderland\"",
        ],
    ),
    (
        "object_store",
        "endpoint",
        "443",
        &["\"s3.example.org\"", "\"http://a/b\"", "\"https://key:wonderland@s3.example.org\""],
    ),
    ("object_store", "region", "1", &["\"\"", "\"EU West\""]),
    ("limits", "requests_per_second", "\"1\"", &["0", "1_000_001"]),
    ("limits", "requests_at_once", "\"1\"", &["0", "1_000_001"]),
    ("limits", "request_head", "\"1\"", &["8_191", "1_048_577"]),
    ("limits", "request_body", "\"1\"", &["1_023", "67_108_865"]),
    ("limits", "query_depth", "\"1\"", &["0", "1_001"]),
    ("limits", "query_cost", "\"1\"", &["0", "1_000_000_001"]),
    ("limits", "query_aliases", "\"1\"", &["-1", "100_001"]),
    ("limits", "query_root_fields", "\"1\"", &["0", "1_001"]),
    ("limits", "mutation_root_fields", "\"1\"", &["0", "1_001"]),
    ("limits", "query_tokens", "\"1\"", &["99", "1_000_001"]),
    ("limits", "query_nesting", "\"1\"", &["7", "101"]),
    ("limits", "response_bytes", "\"1\"", &["1_048_575", "1_073_741_825"]),
    ("limits", "filter_values", "\"1\"", &["0", "10_001"]),
    ("limits", "page_size", "\"1\"", &["0", "1_001"]),
    ("limits", "log_page_lines", "\"1\"", &["0", "100_001"]),
    ("limits", "log_page_bytes", "\"1\"", &["1_023", "67_108_865"]),
    ("limits", "args_bytes", "\"1\"", &["1", "67_108_865"]),
    ("limits", "result_bytes", "\"1\"", &["1", "1_073_741_825"]),
    ("limits", "waiting_args_bytes", "\"1\"", &["1_023", "1_099_511_627_777"]),
    ("limits", "idempotency_key_bytes", "\"1\"", &["0", "4_097"]),
    ("limits", "labels", "\"1\"", &["-1", "101"]),
    ("limits", "label_key_bytes", "\"1\"", &["0", "1_025"]),
    ("limits", "label_value_bytes", "\"1\"", &["-1", "4_097"]),
    ("limits", "note_bytes", "\"1\"", &["-1", "65_537"]),
    ("limits", "log_line_bytes", "\"1\"", &["79", "1_048_577"]),
    ("limits", "log_head_bytes", "\"1\"", &["65_535", "1_099_511_627_777"]),
    ("limits", "log_tail_bytes", "\"1\"", &["2_097_151", "1_099_511_627_777"]),
    ("limits", "progress_bytes", "\"1\"", &["1_023", "1_073_741_825"]),
    ("limits", "work_bytes", "\"1\"", &["-1", "1_125_899_906_842_625"]),
    ("limits", "subscriptions_per_socket", "\"1\"", &["0", "100_001"]),
    ("limits", "connections", "\"1\"", &["0", "1_000_001"]),
    ("limits", "sockets", "\"1\"", &["0", "1_000_001"]),
    ("limits", "tokens", "\"1\"", &["0", "100_001"]),
    ("limits", "shares_per_token", "\"1\"", &["-1", "100_001"]),
    ("limits", "wait_ms", "\"1\"", &["-1", "3_600_001"]),
    ("limits", "websocket_message", "\"1\"", &["1_023", "67_108_865"]),
    ("limits", "read_timeout", "30", &["\"0ms\"", "\"30\""]),
    ("limits", "init_timeout", "3", &["\"0ms\"", "\"3 s\""]),
    ("limits", "ping", "15", &["\"0ms\"", "\"15\""]),
    ("limits", "slow_reader", "10", &["\"0ms\"", "\"10\""]),
    ("limits", "share_time", "30", &["\"0s\"", "\"7d\""]),
    ("limits", "request_timeout", "30", &["\"0ms\"", "\"soon\""]),
];

/// What a kind must have, where the row is about something else.
fn around(section: &str, key: &str) -> &'static str {
    match (section, key) {
        ("kinds.k", "command") => "",
        ("kinds.k", _) => "command = [\"true\"]\n",
        ("kinds.k.progress", _) => "[kinds.k]\ncommand = [\"true\"]\n",
        ("object_store", "endpoint" | "region") => "url = \"s3://bucket\"\n",
        _ => "",
    }
}

/// A file that sets the key to the value.
fn file(section: &str, key: &str, line: &str) -> String {
    let around = around(section, key);
    if section == "kinds.k.progress" {
        format!("{around}[{section}]\n{line}\n")
    } else {
        format!("[{section}]\n{around}{line}\n")
    }
}

/// Each file of the table, with the section that it is about.
pub(super) fn files() -> Vec<(&'static str, String)> {
    let mut files = Vec::new();
    for (section, key, wrong, invalid) in KEYS {
        let misspelt = format!("{}{}", &key[..1], &key[2..]);
        files.push((*section, file(section, key, &format!("{misspelt} = {wrong}"))));
        for value in std::iter::once(wrong).chain(*invalid) {
            files.push((*section, file(section, key, &format!("{key} = {value}"))));
        }
    }
    files
}

#[test]
fn each_key_has_words_for_what_is_wrong_with_it() {
    let files = files();
    assert!(files.len() >= 60, "{} rows", files.len());
    let sections: BTreeSet<_> = files.iter().map(|(section, _)| *section).collect();
    for section in sections {
        let mut told = String::new();
        for (_, source) in files.iter().filter(|(of, _)| *of == section) {
            let error = Home::with(source).error();
            assert!(error.starts_with("longhaul.toml:"), "{source}\n{error}");
            assert!(!error.contains("wonderland"), "{error}");
            writeln!(told, "{error}\n").unwrap();
        }
        insta::assert_snapshot!(section.replace('.', "_"), told);
    }
}

#[test]
fn the_table_has_every_key() {
    let of_table: BTreeSet<_> =
        KEYS.iter().map(|(section, key, ..)| format!("{section}.{key}")).collect();
    let mut of_schema = BTreeSet::new();
    collect(&longhaul::config::schema(), "", &mut of_schema);
    assert_eq!(of_table, of_schema);
}

/// The keys of a table of the schema and of those below it, with `q` and `k` for names.
fn collect(table: &Value, path: &str, keys: &mut BTreeSet<String>) {
    let Some(properties) = table["properties"].as_object() else { return };
    for (name, rule) in properties {
        let path = format!("{path}{}{name}", if path.is_empty() { "" } else { "." });
        let each = &rule["additionalProperties"];
        if each["properties"].is_object() {
            collect(each, &format!("{path}.{}", &name[..1]), keys);
        } else if path.contains('.') {
            keys.insert(path.clone());
        }
        collect(rule, &path, keys);
    }
}
