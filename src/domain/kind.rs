//! Kinds and queues as the configuration declares them, and the check of a job's arguments.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::argv::{ExpandError, Template};
use super::attempt::Policy;
use super::json::{canonical, push_pointer};
use super::label::Labels;
use super::names::{KindName, QueueName};
use super::text::shortened;

/// What a command reads on its standard input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stdin {
    /// Nothing: `/dev/null`.
    #[default]
    None,
    /// Its arguments as JSON.
    Args,
}

/// One rule of the environment that a command gets.
#[derive(Clone, PartialEq, Eq)]
pub enum EnvRule {
    /// The server's own variable of this name, where it has one.
    Pass(String),
    /// This value.
    Set(String, String),
}

impl std::fmt::Debug for EnvRule {
    /// Without values: they may be secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Pass(name) => write!(f, "Pass({name})"),
            Self::Set(name, _) => write!(f, "Set({name}, …)"),
        }
    }
}

/// A sort of work that the configuration declares.
#[derive(Debug, Clone)]
pub struct Kind {
    /// As `startJob` takes it.
    pub name: KindName,
    /// A short title for a page.
    pub title: Option<String>,
    /// What it does.
    pub description: Option<String>,
    /// Its command line.
    pub command: Template,
    /// Where its jobs wait.
    pub queue: QueueName,
    /// How long an attempt may run; `None`: for ever.
    pub timeout: Option<Duration>,
    /// How many further attempts failures may cost.
    pub retries: u32,
    /// What the end of an attempt means.
    pub policy: Policy,
    /// What the command reads.
    pub stdin: Stdin,
    /// Where it works; `None`: in a fresh, empty folder.
    pub cwd: Option<PathBuf>,
    /// What it finds in its environment.
    pub env: Vec<EnvRule>,
    /// Its values may begin with `-`.
    pub allow_dash: bool,
    /// What a worker must have to run its jobs: each of these labels, with this value.
    pub worker_labels: Labels,
    /// A regular expression with the group `percent`, or `done` and `total`, matched on each line
    /// that it prints.
    pub progress_pattern: Option<String>,
    /// The rules for its arguments.
    pub args: ArgsSchema,
    /// The rules for its result, where one is promised.
    pub result: Option<ArgsSchema>,
}

/// A JSON Schema (draft 2020-12), compiled.
#[derive(Debug, Clone)]
pub struct ArgsSchema {
    source: Arc<Value>,
    validator: Arc<jsonschema::Validator>,
}

/// What was given is no JSON Schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no usable JSON Schema (draft 2020-12){}: {message}", at(pointer))]
pub struct SchemaError {
    /// JSON Pointer into the schema.
    pub pointer: String,
    /// What is wrong there.
    pub message: String,
}

fn at(pointer: &str) -> String {
    if pointer.is_empty() { String::new() } else { format!(", at `{pointer}`") }
}

/// One thing in the arguments that does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArgProblem {
    /// JSON Pointer into `args`; empty: `args` itself.
    pub pointer: String,
    /// The keyword of JSON Schema that it breaks, or `command` where the value cannot stand on the
    /// command line.
    pub keyword: String,
    /// What would be valid.
    pub message: String,
}

/// At most so many problems are told of one set of arguments.
pub const MAX_PROBLEMS: usize = 50;

/// At most so many bytes are said of one.
const MAX_MESSAGE: usize = 500;

impl ArgsSchema {
    /// Compiles a schema. It may refer to itself, never to a file or an address.
    pub fn compile(source: Value) -> Result<Self, SchemaError> {
        let validator = jsonschema::draft202012::new(&source).map_err(|error| SchemaError {
            pointer: error.instance_path().to_string(),
            message: error.to_string(),
        })?;
        Ok(Self { source: Arc::new(source), validator: Arc::new(validator) })
    }

    /// The schema of a kind that declares none: each placeholder a required string.
    pub fn from_placeholders(template: &Template) -> Result<Self, SchemaError> {
        let names = template.placeholders();
        let properties: Map<String, Value> =
            names.iter().map(|&name| (name.to_owned(), json!({"type": "string"}))).collect();
        Self::compile(json!({
            "type": "object",
            "required": names,
            "additionalProperties": false,
            "properties": properties,
        }))
    }

    /// The schema as it was given.
    pub fn source(&self) -> &Value {
        &self.source
    }

    /// What does not fit; empty where all does. At most [`MAX_PROBLEMS`].
    pub fn problems(&self, value: &Value) -> Vec<ArgProblem> {
        let errors = self.validator.iter_errors(value).take(MAX_PROBLEMS);
        let problem = |error: jsonschema::ValidationError<'_>| ArgProblem {
            pointer: error.instance_path().to_string(),
            keyword: error.kind().keyword().to_owned(),
            // It quotes the value that does not fit.
            message: shortened(error.to_string(), MAX_MESSAGE),
        };
        errors.map(problem).collect()
    }
}

impl Kind {
    /// What does not fit in `args`: by the schema, then by the command line. Empty: they fit.
    pub fn problems(&self, args: &Value) -> Vec<ArgProblem> {
        let Value::Object(map) = args else {
            return vec![ArgProblem {
                pointer: String::new(),
                keyword: "type".to_owned(),
                message: "`args` must be an object".to_owned(),
            }];
        };
        let problems = self.args.problems(args);
        if !problems.is_empty() {
            return problems;
        }
        match self.argv(map) {
            Ok(_) => Vec::new(),
            Err(error) => {
                let mut pointer = String::new();
                push_pointer(&mut pointer, &error.name);
                let keyword = "command".to_owned();
                vec![ArgProblem { pointer, keyword, message: error.message }]
            }
        }
    }

    /// The command line for these arguments.
    pub fn argv(&self, args: &Map<String, Value>) -> Result<Vec<String>, ExpandError> {
        self.command.expand(args, self.allow_dash)
    }

    /// What its jobs are and where they run, as one text: the same wherever the same is declared. Without
    /// what is there for readers, and what it sets in the environment, which may be a secret.
    pub fn declaration(&self) -> String {
        let name = |rule: &EnvRule| match rule {
            EnvRule::Pass(name) => json!(["pass", name]),
            EnvRule::Set(name, _) => json!(["set", name]),
        };
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        canonical(&json!({
            "command": self.command.texts(),
            "queue": self.queue.as_str(),
            "timeout": self.timeout.map(millis),
            "retries": self.retries,
            "policy": self.policy,
            "stdin": self.stdin == Stdin::Args,
            "cwd": self.cwd.as_ref().map(|folder| folder.to_string_lossy()),
            "env": self.env.iter().map(name).collect::<Vec<_>>(),
            "allow_dash": self.allow_dash,
            "worker_labels": self.worker_labels.as_slice(),
            "progress": self.progress_pattern,
            "args": self.args.source(),
            "result": self.result.as_ref().map(ArgsSchema::source),
        }))
    }

    /// How many attempts the failures of its jobs may cost.
    pub fn max_attempts(&self) -> u32 {
        self.retries.saturating_add(1)
    }
}

/// A queue that the configuration declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueSpec {
    /// As arguments take it.
    pub name: QueueName,
    /// How many of its jobs may run at once, as the file says; a mutation may override it.
    pub slots: u32,
    /// How many jobs may wait in it.
    pub max_waiting: u64,
}

/// Everything that is declared. Every kind's queue is among the queues.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    /// The kinds by name.
    pub kinds: BTreeMap<KindName, Arc<Kind>>,
    /// The queues by name.
    pub queues: BTreeMap<QueueName, QueueSpec>,
}

impl Catalog {
    /// The kinds that a worker with these labels may run, by name.
    pub fn runnable_with(&self, labels: &Labels) -> impl Iterator<Item = &KindName> {
        let fitting = |(_, kind): &(_, &Arc<Kind>)| labels.contain_all(&kind.worker_labels);
        self.kinds.iter().filter(fitting).map(|(name, _)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(command: &[&str]) -> Kind {
        let command: Vec<_> = command.iter().map(|&s| s.to_owned()).collect();
        let command = Template::parse(&command).unwrap();
        Kind {
            name: "k".parse().unwrap(),
            title: None,
            description: None,
            args: ArgsSchema::from_placeholders(&command).unwrap(),
            command,
            queue: "default".parse().unwrap(),
            timeout: None,
            retries: 0,
            policy: Policy::default(),
            stdin: Stdin::None,
            cwd: None,
            env: Vec::new(),
            allow_dash: false,
            worker_labels: Labels::default(),
            progress_pattern: None,
            result: None,
        }
    }

    #[test]
    fn a_kind_without_a_schema_wants_each_placeholder_as_a_string() {
        let kind = kind(&["cp", "{from}", "{to}"]);
        let problems = kind.problems(&json!({"from": 1, "extra": true}));
        let mut told: Vec<_> =
            problems.iter().map(|p| (p.pointer.as_str(), p.keyword.as_str())).collect();
        told.sort_unstable();
        assert_eq!(told, [("", "additionalProperties"), ("", "required"), ("/from", "type")]);
        assert!(kind.problems(&json!({"from": "a", "to": "b"})).is_empty());
        assert_eq!(kind.problems(&json!([]))[0].keyword, "type");
    }

    #[test]
    fn a_value_that_fits_the_schema_but_not_the_command_line_is_a_problem() {
        let problems = kind(&["rm", "{path}"]).problems(&json!({"path": "-rf"}));
        assert_eq!(
            (problems[0].pointer.as_str(), problems[0].keyword.as_str()),
            ("/path", "command")
        );
    }

    #[test]
    fn a_problem_quotes_little_of_a_long_value() {
        // P12
        let problems = kind(&["cp", "{from}"]).problems(&json!({"from": ["x".repeat(10_000)]}));
        let message = &problems[0].message;
        assert!(message.len() <= MAX_MESSAGE + '…'.len_utf8() && message.ends_with('…'));
    }

    #[test]
    fn a_declaration_tells_apart_what_jobs_would_feel() {
        let plain = || kind(&["cp", "{from}"]);
        let title = Kind { title: Some("Copy".to_owned()), ..plain() };
        assert_eq!(title.declaration(), plain().declaration());
        let set = |value: &str| {
            let env = vec![EnvRule::Set("KEY".to_owned(), value.to_owned())];
            Kind { env, ..plain() }.declaration()
        };
        assert_eq!(set("hunter2"), set("other"));
        assert!(!set("hunter2").contains("hunter2"));
        let label = super::super::label::Label { key: "gpu".to_owned(), value: "a".to_owned() };
        let others = [
            kind(&["cp", "-a", "{from}"]),
            Kind { retries: 1, ..plain() },
            Kind { timeout: Some(Duration::from_secs(1)), ..plain() },
            Kind { policy: Policy { at_most_once: true, ..Policy::default() }, ..plain() },
            Kind { worker_labels: Labels::new(vec![label]).unwrap(), ..plain() },
        ];
        for other in others {
            assert_ne!(other.declaration(), plain().declaration());
        }
    }

    #[test]
    fn a_schema_that_is_none_is_refused() {
        let error =
            ArgsSchema::compile(json!({"properties": {"a": {"type": "strin"}}})).unwrap_err();
        assert_eq!(error.pointer, "/properties/a/type");
        assert!(ArgsSchema::compile(json!({"$ref": "http://127.0.0.1:1/s.json"})).is_err());
    }
}
