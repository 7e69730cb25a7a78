//! What `[kinds.NAME]` says.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;

use regex::Regex;
use serde_json::Value;

use crate::domain::argv::Template;
use crate::domain::attempt::Policy;
use crate::domain::kind::{ArgsSchema, EnvRule, Kind, QueueSpec, SchemaError, Stdin};
use crate::domain::limits::Limits;
use crate::domain::names::{KindName, QueueName};

use super::json_schema;
use super::labels::labels;
use super::paths::Base;
use super::placeholders;
use super::sections::{default_queue, folder};
use super::suggest::nearest;
use super::syntax;
use super::table::{Field, Section};
use super::value;

/// What a command finds in its environment where its kind does not say.
pub(super) const DEFAULT_ENV: [&str; 7] =
    ["PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "USER"];

/// How many retries and how many losses a kind may allow.
pub(super) const MAX_RETRIES: RangeInclusive<i64> = 0..=1_000;

/// The variables that each command gets from Longhaul itself (`shim::protocol::variables`).
pub(super) const OWN_VARIABLES: [&str; 6] = [
    "LONGHAUL_JOB_ID",
    "LONGHAUL_ATTEMPT",
    "LONGHAUL_ATTEMPT_KEY",
    "LONGHAUL_ARGS",
    "LONGHAUL_PROGRESS",
    "LONGHAUL_RESULT",
];

/// What else of the file says what a kind may be.
pub(super) struct Around<'a> {
    pub(super) queues: &'a BTreeMap<QueueName, QueueSpec>,
    pub(super) limits: &'a Limits,
    pub(super) base: &'a Base,
}

/// Reads `[kinds]`. A kind that is not valid is told of and left out.
pub(super) fn kinds(section: Section<'_>, around: &Around<'_>) -> BTreeMap<KindName, Arc<Kind>> {
    let mut kinds = BTreeMap::new();
    for field in section.into_fields() {
        match field.name.parse::<KindName>() {
            Ok(name) => {
                let kind = field.section().and_then(|s| kind(name.clone(), &s, around));
                kinds.extend(kind.map(|kind| (name, Arc::new(kind))));
            }
            Err(error) => field.refuse_key(&error.to_string()),
        }
    }
    kinds
}

fn kind(
    name: KindName,
    section: &Section<'_>,
    &Around { queues, limits, base }: &Around<'_>,
) -> Option<Kind> {
    let take = |key| section.take(key);
    let command = take("command");
    if command.is_none() {
        section.missing("command", "expected an array of strings, the first one a program");
    }
    let template = command.as_ref().and_then(|field| template(field, base));
    let args = take("args");
    let args = template.as_ref().and_then(|t| args_schema(args.as_ref(), command.as_ref(), t));
    let text = |key| take(key).and_then(|f| f.text()).map(str::to_owned);
    let (title, description) = (text("title"), text("description"));
    let queue = take("queue").map_or_else(|| Some(default_queue()), |f| declared(&f, queues));
    let timeout = take("timeout").and_then(|f| f.parsed(value::positive_duration));
    let retries = take("retries").and_then(|f| f.integer(MAX_RETRIES)).unwrap_or(0);
    let policy = policy(section);
    if let Some(field) = take("on_server_exit") {
        on_server_exit(&field);
    }
    let worker_labels = take("worker_labels").and_then(|f| labels(&f, limits));
    let stdin = take("stdin").and_then(|f| f.word(&[("none", Stdin::None), ("args", Stdin::Args)]));
    let cwd: Option<PathBuf> = take("cwd").and_then(|f| folder(&f, base));
    let env = take("env").map_or_else(|| Some(default_env()), |f| env(&f));
    let allow_dash = take("allow_dash").and_then(|f| f.boolean()).unwrap_or(false);
    let progress_pattern = section.section("progress").and_then(|s| progress(&s));
    let result = take("result").and_then(|f| schema(&f, json_schema::check));
    section.finish();
    Some(Kind {
        name,
        title,
        description,
        command: template?,
        queue: queue?,
        timeout,
        retries,
        policy,
        stdin: stdin.unwrap_or_default(),
        cwd,
        env: env?,
        allow_dash,
        worker_labels: worker_labels.unwrap_or_default(),
        progress_pattern,
        args: args?,
        result,
    })
}

fn template(field: &Field<'_>, base: &Base) -> Option<Template> {
    let mut command: Vec<String> =
        field.texts()?.into_iter().map(|(text, _)| text.to_owned()).collect();
    // Judged as it is written; made absolute afterwards, with the braces of the folder escaped.
    let told = Template::parse(&command).map_err(|error| field.refuse(&error.to_string()));
    let program = told.ok()?.program();
    let absolute = base.program(&program).replace('{', "{{").replace('}', "}}");
    command[0] = absolute;
    Template::parse(&command).map_err(|error| field.refuse(&error.to_string())).ok()
}

fn args_schema(
    args: Option<&Field<'_>>,
    command: Option<&Field<'_>>,
    template: &Template,
) -> Option<ArgsSchema> {
    let Some(args) = args else {
        let schema = ArgsSchema::from_placeholders(template);
        return Some(schema.expect("an object of strings is a schema"));
    };
    let schema = schema(args, json_schema::check_args)?;
    let properties = placeholders::properties(schema.source());
    for name in template.placeholders() {
        if properties.can_fill(name) {
            continue;
        }
        let valid = match nearest(name, properties.names()) {
            Some(word) => format!("did you mean `{{{word}}}`?"),
            None => format!("expected a property `{name}` among those of its args"),
        };
        let problem = format!("no argument can fill the placeholder `{{{name}}}`: {valid}");
        command?.refuse(&problem);
    }
    Some(schema)
}

fn schema(
    field: &Field<'_>,
    check: impl FnOnce(&Value) -> Result<(), SchemaError>,
) -> Option<ArgsSchema> {
    field.section()?;
    let source = field.json()?;
    let compiled = check(&source).and_then(|()| ArgsSchema::compile(source));
    compiled.map_err(|error| field.refuse_pointer(&error.pointer, &error.to_string())).ok()
}

fn declared(field: &Field<'_>, queues: &BTreeMap<QueueName, QueueSpec>) -> Option<QueueName> {
    let text = field.text()?;
    let name: QueueName = field.parsed(|text| text.parse().map_err(|_| value::name()))?;
    if queues.contains_key(&name) {
        return Some(name);
    }
    let valid = match nearest(text, queues.keys().map(QueueName::as_str)) {
        Some(word) => format!("did you mean `{word}`?"),
        None => format!(
            "declare it with [{}], or leave this out for `default`",
            syntax::path("queues", text)
        ),
    };
    field.refuse(&format!("no queue `{text}` is declared: {valid}"));
    None
}

fn policy(section: &Section<'_>) -> Policy {
    let default = Policy::default();
    let duration = |key| section.take(key).and_then(|f| f.parsed(value::duration));
    Policy {
        at_most_once: section
            .take("at_most_once")
            .and_then(|f| f.boolean())
            .unwrap_or(default.at_most_once),
        max_lost: section
            .take("max_lost")
            .and_then(|f| f.integer(MAX_RETRIES))
            .unwrap_or(default.max_lost),
        retry_backoff: duration("retry_backoff").unwrap_or(default.retry_backoff),
        success_exit_codes: section
            .take("success_exit_codes")
            .and_then(|f| success_exit_codes(&f))
            .unwrap_or(default.success_exit_codes),
        grace: duration("grace").unwrap_or(default.grace),
    }
}

fn success_exit_codes(field: &Field<'_>) -> Option<Vec<i32>> {
    let codes: Vec<i32> = field.integers(&(0..=255))?;
    if codes.is_empty() {
        field.refuse("it is empty, so no job could succeed: expected exit codes, like [0]");
        return None;
    }
    Some(codes)
}

fn on_server_exit(field: &Field<'_>) {
    match field.text() {
        Some("adopt") => field.refuse(
            "`adopt` is not available in this version: expected `kill`, the job's processes end with the server",
        ),
        Some("kill") | None => {}
        Some(other) => field.refuse(&format!("`{other}` is not valid: expected `kill`")),
    }
}

fn default_env() -> Vec<EnvRule> {
    DEFAULT_ENV.iter().map(|&name| EnvRule::Pass(name.to_owned())).collect()
}

fn env(field: &Field<'_>) -> Option<Vec<EnvRule>> {
    let rule = |(text, span): (&str, std::ops::Range<usize>)| {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        let mut bytes = name.bytes();
        let plain = bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
            && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !plain || value.is_some_and(|value| value.contains('\0')) {
            field.refuse_hidden(&span, "expected the name of a variable, or `NAME=value`");
            return None;
        }
        if OWN_VARIABLES.contains(&name) {
            field.refuse_hidden(
                &span,
                &format!("`{name}` is set by Longhaul for each attempt: leave it out"),
            );
            return None;
        }
        Some(match value {
            Some(value) => EnvRule::Set(name.to_owned(), value.to_owned()),
            None => EnvRule::Pass(name.to_owned()),
        })
    };
    field.texts()?.into_iter().map(rule).collect()
}

fn progress(section: &Section<'_>) -> Option<String> {
    let field = section.take("pattern");
    if field.is_none() {
        section.missing("pattern", "expected a regular expression with a group `percent`");
    }
    section.finish();
    let field = field?;
    let pattern = field.text()?;
    let groups = match Regex::new(pattern) {
        Ok(regex) => regex.capture_names().flatten().map(str::to_owned).collect::<Vec<_>>(),
        Err(error) => {
            let text = error.to_string();
            let cause = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
            field.refuse(&format!("not a regular expression: {cause}"));
            return None;
        }
    };
    let has = |name: &str| groups.iter().any(|group| group == name);
    if !(has("percent") || has("done") && has("total")) {
        field
            .refuse(r"expected a group `percent`, or `done` and `total`, like `(?P<percent>\d+)%`");
        return None;
    }
    Some(pattern.to_owned())
}
