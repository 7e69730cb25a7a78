//! Each thing that can be wrong with a file, and the words that tell of it.

use super::Home;

/// A kind that is valid, so that a row is about one thing only.
const KIND: &str = "[kinds.k]\ncommand = [\"true\"]\n";

pub(super) const ROWS: &[&str] = &[
    // No TOML.
    "[server\nlisten = 1",
    "[server]\nlisten = \"127.0.0.1:1\"\nlisten = \"127.0.0.1:2\"",
    "[worker]\nslots = 4 4",
    "[kinds.k]\ncommand = [\"true\"]\n[kinds.k]\ncommand = [\"false\"]",
    "[queues.q]\nslots = 1\n[queues.q]\nslots = 2",
    // Unknown keys.
    "[sever]\nlisten = \"127.0.0.1:1\"",
    "[server]\nlisen = \"127.0.0.1:1\"",
    "[server]\ncolour = \"red\"",
    "[limits]\nquery_dept = 3",
    "[kinds.k]\ncommand = [\"true\"]\ntime_out = \"3s\"",
    "[kinds.k]\ncommand = [\"true\"]\n[kinds.k.progress]\npatern = \"x\"",
    // [server] and [worker].
    "server = 8080",
    "[server]\nlisten = \"localhost:8080\"",
    "[server]\nlisten = 8080",
    "[server]\ndata = \"\"",
    "[server]\ndrain_timeout = \"30\"",
    "[server]\ndrain_timeout = 30",
    "[server]\nallowed_origins = [\"http://localhost:5173/\"]",
    "[server]\nallowed_origins = \"http://localhost:5173\"",
    "[server]\nallowed_hosts = [\"ok.example\", 7]",
    "[server]\nallowed_hosts = [\"http://ok.example\"]",
    "[server]\ndatabase = \"mysql://me:hunter2@localhost/longhaul\"",
    "[worker]\nslots = 0",
    "[worker]\nslots = 10_001",
    "[worker]\nslots = 2.5",
    "[worker]\nslots = \"4\"",
    "[worker]\nlease = \"1s\"",
    "[limits]\nlabels = 1\n[worker]\nlabels = { gpu = \"a\", zone = \"b\" }",
    "[limits]\nlabel_key_bytes = 3\n[worker.labels]\nzone = \"b\"\ngpu = 7",
    // [queues] and [limits].
    "[queues.\"two words\"]\nslots = 1",
    "[queues.q]\nslots = -1",
    "[queues.q]\nmax_waiting = 0",
    "[queues]\nq = 4",
    "[limits]\nargs_bytes = 1",
    "[limits]\nrequest_timeout = \"0s\"",
    "[limits]\nquery_nesting = 99999999999999999999",
    // [kinds].
    "[kinds.\"a/b\"]\ncommand = [\"true\"]",
    "[kinds.k]\ndescription = \"nothing to run\"",
    "[kinds.k]\ncommand = \"true\"",
    "[kinds.k]\ncommand = []",
    "[kinds.k]\ncommand = [\"{program}\"]",
    "[kinds.k]\ncommand = [\"echo\", \"{x\"]",
    "[kinds.k]\ncommand = [\"echo\", \"{a b}\"]",
    "[kinds.k]\ncommand = [\"true\"]\nqueue = \"defualt\"",
    "[kinds.k]\ncommand = [\"true\"]\nqueue = \"gpu\"",
    "[kinds.k]\ncommand = [\"true\"]\ntimeout = \"0s\"",
    "[kinds.k]\ncommand = [\"true\"]\nretries = -1",
    "[kinds.k]\ncommand = [\"true\"]\nsuccess_exit_codes = []",
    "[kinds.k]\ncommand = [\"true\"]\nsuccess_exit_codes = [0, 256]",
    "[kinds.k]\ncommand = [\"true\"]\non_server_exit = \"adopt\"",
    "[kinds.k]\ncommand = [\"true\"]\non_server_exit = \"stop\"",
    "[kinds.k]\ncommand = [\"true\"]\nat_most_once = \"yes\"",
    "[kinds.k]\ncommand = [\"true\"]\nstdin = \"json\"",
    "[limits]\nlabel_value_bytes = 3\n[kinds.k]\ncommand = [\"true\"]\nworker_labels = { a = \"b100\" }",
    "[kinds.k]\ncommand = [\"true\"]\nenv = [\"PATH\", \"9TOKEN=hunter2\"]",
    "[kinds.k]\ncommand = [\"true\"]\nenv = [\"LONGHAUL_ARGS\"]",
    "[kinds.k]\ncommand = [\"true\"]\nprogress.pattern = '(\\d+%'",
    "[kinds.k]\ncommand = [\"true\"]\nprogress.pattern = '\\d+%'",
    "[kinds.k]\ncommand = [\"true\"]\n[kinds.k.progress]",
    // Schemas.
    "[kinds.k]\ncommand = [\"true\"]\nargs = \"object\"",
    "[kinds.k]\ncommand = [\"true\"]\nargs.properties.a = { type = \"strin\" }",
    "[kinds.k]\ncommand = [\"true\"]\nargs.properties.a = { default = 1979-05-27 }",
    "[kinds.k]\ncommand = [\"true\"]\nargs.properties.a = { maximum = inf }",
    "[kinds.k]\ncommand = [\"true\"]\nresult = { \"$ref\" = \"http://127.0.0.1:1/s.json\" }",
    "[kinds.k]\ncommand = [\"true\"]\nargs.type = \"array\"",
    "[kinds.k]\ncommand = [\"true\"]\nargs.\"$schema\" = \"http://json-schema.org/draft-07/schema#\"",
    "[kinds.k]\ncommand = [\"true\"]\nargs.properties.a = { pattern = \"(\" }",
    "[kinds.k]\ncommand = [\"true\"]\nargs = { \"$ref\" = \"#/$defs/none\" }",
    "[kinds.k]\ncommand = [\"echo\", \"{pth}\"]\nargs.properties.path = { type = \"string\" }",
    "[kinds.k]\ncommand = [\"echo\", \"{x}\"]\nargs = { type = \"object\" }",
    // Several at once, with a tab and a letter of two bytes before the place.
    "[server]\n\tlisten = 1\n[kinds.k]\ncommand = [\"é\", \"{\"]\nretries = \"two\"",
];

#[test]
fn each_problem_names_its_place_its_key_and_what_would_be_valid() {
    let told: Vec<_> = ROWS
        .iter()
        .map(|row| {
            // The keys of a kind must stay at the end of their section.
            let source =
                if row.contains("kinds") { (*row).to_owned() } else { format!("{row}\n{KIND}") };
            format!("{row}\n=>\n{}\n", Home::with(&source).error())
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn a_secret_does_not_stand_in_an_error() {
    for row in [
        // One that a variable has, in each wrong shape.
        "env = [\"9TOKEN=hunter2\"]",
        "env = \"KEY=hunter2\"",
        "env = [\"KEY=hunter2\", 7]",
        "env = [7, \"KEY=hunter2\"]",
        "env = [[\"KEY=hunter2\"]]",
        "env = [\n  \"A\", { KEY = \"hunter2\" },\n]",
        "env = [\n  \"\"\"A=\n]\"\"\",\n  \"KEY=hunter2\", 7,\n]",
        "env = { KEY = \"hunter2\" }",
        "env = { deep = { KEY = \"hunter2\" } }",
        "env.KEY = \"hunter2\"",
        "env.KEY = 1337_hunter2",
        "[kinds.k.env]\nKEY = \"hunter2\"",
        "[kinds.k.env]\nKEY = \"hunter2\"\nKEY = \"hunter2\"",
        "[[kinds.k.env]]\nKEY = \"hunter2\"\nKEY = \"hunter2\"",
        // No TOML.
        "env = [\"KEY=hunter2\"",
        "env = [\"KEY=hunter2\" \"B=1\"]",
        "env = [\n  \"A=1\"\n  \"KEY=hunter2\",\n]",
        "env = [\n  KEY = \"hunter2\",\n]",
        "env = [\"KEY=hunter2]",
        "env = KEY=hunter2",
        "env = [\"A\"]\nenv = [\"KEY=hunter2\"]",
        "[kinds.k.env]\nKEY = hunter2",
        // What only stands beside one.
        "[kinds]\nl = { command = 7, env = [\"KEY=hunter2\"] }",
        "[server]\ndatabase = \"mysql://me:hunter2@localhost/longhaul\"",
        "[server]\ndatabase_direct = \"mysql://me:hunter2@localhost/longhaul\"",
        "[server]\ndatabase_direct = [\"postgres://me:hunter2@localhost/longhaul\"]",
        "[server]\ndatabase = [\"postgres://me:hunter2@localhost/longhaul\"]",
        // What no version has had.
        "[server]\ntoken = \"hunter2\"",
        "[server]\ntokens = [{ name = \"me\", token = \"hunter2\" }]",
        "[[server.tokens]]\nvalue = \"hunter2\"\nvalue = \"hunter2\"",
        "[server]\nlisten = { api_token = \"hunter2\" }",
    ] {
        let error = Home::with(&format!("{KIND}{row}")).error();
        assert!(!error.contains("hunter2"), "{row}\n=>\n{error}");
        assert!(error.starts_with("longhaul.toml:"), "{row}\n=>\n{error}");
    }
}

#[test]
fn a_line_beside_a_secret_is_shown() {
    let row = "env = [\n  \"KEY=hunter2\",\n]\nretries = -1\n[worker]\nslots = 0";
    let error = Home::with(&format!("{KIND}{row}")).error();
    assert!(
        error.contains("\n    retries = -1\n") && error.contains("\n    slots = 0\n"),
        "{error}"
    );
}

#[test]
fn a_key_that_stands_twice_in_a_later_table_of_an_array_is_told() {
    let twice = |source: &str| Home::with(&format!("{KIND}{source}")).error();
    let told = "`a` stands here a second time, first in line 6: keep one of them";
    assert!(twice("[[x]]\na = 1\n[[x]]\na = 2\na = 3").contains(told));
    let told = "`a` stands here a second time, first in line 8: keep one of them";
    let below = "[[x]]\n[x.y]\na = 1\n[[x]]\n[x.y]\na = 2\na = 3";
    assert!(twice(below).contains(told), "{}", twice(below));
    let told = "`[x.y]` stands here a second time, first in line 6: keep one of them";
    let table = "[[x]]\n[x.y]\n[[x]]\n[x.y]\n[x.y]";
    assert!(twice(table).contains(told), "{}", twice(table));
}

#[test]
fn what_every_attempt_is_given_cannot_be_set() {
    use longhaul::shim::protocol::variables as own;
    for name in [own::JOB_ID, own::ATTEMPT, own::ATTEMPT_KEY, own::ARGS, own::PROGRESS, own::RESULT]
    {
        let row = format!("[kinds.k]\ncommand = [\"true\"]\nenv = [\"{name}=x\"]");
        assert!(Home::with(&row).error().contains("is set by Longhaul"), "{name}");
    }
}

#[test]
fn a_file_that_was_named_must_be_there() {
    let home = Home::with("");
    std::fs::remove_file(home.path("longhaul.toml")).unwrap();
    assert_eq!(
        home.error(),
        "longhaul.toml: cannot be read: No such file or directory (os error 2)"
    );
}
