//! What may become a job: the check of a request before the store is asked.

use std::time::Duration;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::core::Core;
use super::handle::{StartRefusal, StartRequest};
use crate::domain::clock::{Timestamp, ahead, to_millis};
use crate::domain::id::JobId;
use crate::domain::job::{Idempotency, Job, NewJob};
use crate::domain::json::canonical;
use crate::domain::kind::{ArgProblem, Kind};
use crate::domain::label::{Label, Labels};
use crate::domain::limits::Limits;
use crate::domain::names::{CallerName, KindName, QueueName};

impl Core {
    /// The job that a request asks for, or everything that is wrong with it.
    pub(super) fn admit(
        &self,
        request: StartRequest,
        by: Option<CallerName>,
    ) -> Result<NewJob, StartRefusal> {
        let kind = self.declared(&request.kind)?;
        let args = checked_args(kind, request.args, &self.limits)?;
        let timeout = checked_timeout(kind, request.timeout_ms)?;
        let labels = checked_labels(request.labels, &self.limits)?;
        check_key(request.idempotency_key.as_deref(), &self.limits)?;
        let now = self.clock.now();
        let not_before = request.not_before.map(|at| ahead("notBefore", to_millis(at), now));
        let not_before = not_before
            .transpose()
            .map_err(|message| StartRefusal::InvalidInput { argument: "notBefore", message })?;
        let asked = Asked {
            key: request.idempotency_key,
            labels,
            not_before,
            timeout_ms: request.timeout_ms,
            retry_of: None,
            by,
        };
        Ok(new_job(&Target::of(kind), args, timeout, asked, now))
    }

    /// What the same request asked for before, whatever would be said of it today: its time may have
    /// passed, and its kind may have changed (P14). Checked by nothing but its key, so it must not make
    /// a job. `None`: no job has its key.
    pub(super) async fn repeated(
        &self,
        request: StartRequest,
        by: Option<CallerName>,
    ) -> Result<Option<NewJob>, StartRefusal> {
        let Some(key) = &request.idempotency_key else { return Ok(None) };
        let Some(old) = self.store.job_by_key(by.as_ref(), key).await? else { return Ok(None) };
        let (Ok(kind), Ok(labels)) = (request.kind.parse(), Labels::new(request.labels)) else {
            return Ok(None);
        };
        let asked = Asked {
            key: request.idempotency_key,
            labels,
            not_before: request.not_before.map(to_millis),
            timeout_ms: request.timeout_ms,
            retry_of: None,
            by,
        };
        let target = Target { kind: &kind, queue: &old.queue, max_attempts: old.max_attempts };
        let args = or_empty(request.args);
        Ok(Some(new_job(&target, args, old.timeout, asked, self.clock.now())))
    }

    /// The job that repeats an old one.
    pub(super) fn admit_again(
        &self,
        old: &Job,
        args: Value,
        idempotency_key: Option<String>,
        by: Option<CallerName>,
    ) -> Result<NewJob, StartRefusal> {
        let kind = self.declared(old.kind.as_str())?;
        let args = checked_args(kind, Some(args), &self.limits)?;
        check_key(idempotency_key.as_deref(), &self.limits)?;
        let timeout = match (old.timeout, kind.timeout) {
            (Some(old), Some(kind)) => Some(old.min(kind)),
            (old, kind) => old.or(kind),
        };
        let asked = Asked::again(old, idempotency_key, by);
        Ok(new_job(&Target::of(kind), args, timeout, asked, self.clock.now()))
    }

    /// As [`repeated`](Self::repeated), for a job that repeats an old one. `None`: it has no key.
    pub(super) fn repeated_again(
        &self,
        old: &Job,
        args: Value,
        idempotency_key: Option<String>,
        by: Option<CallerName>,
    ) -> Option<NewJob> {
        let asked = Asked::again(old, Some(idempotency_key?), by);
        let target = Target { kind: &old.kind, queue: &old.queue, max_attempts: old.max_attempts };
        Some(new_job(&target, or_empty(Some(args)), old.timeout, asked, self.clock.now()))
    }

    fn declared(&self, name: &str) -> Result<&Kind, StartRefusal> {
        let kind = self.catalog.kinds.get(name).map(std::convert::AsRef::as_ref);
        kind.ok_or_else(|| StartRefusal::UnknownKind {
            name: shortened(name),
            known: self.catalog.kinds.keys().cloned().collect(),
        })
    }
}

/// What a caller asked for, as far as it is not the kind and its arguments.
struct Asked {
    key: Option<String>,
    labels: Labels,
    not_before: Option<Timestamp>,
    timeout_ms: Option<i64>,
    retry_of: Option<JobId>,
    by: Option<CallerName>,
}

impl Asked {
    /// What is asked for by who repeats an old job.
    fn again(old: &Job, key: Option<String>, by: Option<CallerName>) -> Self {
        let (labels, retry_of) = (old.labels.clone(), Some(old.id));
        Self { key, labels, not_before: None, timeout_ms: None, retry_of, by }
    }
}

/// What a job is accepted for.
struct Target<'a> {
    kind: &'a KindName,
    queue: &'a QueueName,
    max_attempts: u32,
}

impl<'a> Target<'a> {
    fn of(kind: &'a Kind) -> Self {
        Self { kind: &kind.name, queue: &kind.queue, max_attempts: kind.max_attempts() }
    }
}

fn new_job(
    target: &Target<'_>,
    args: Value,
    timeout: Option<Duration>,
    asked: Asked,
    now: Timestamp,
) -> NewJob {
    let fingerprint = asked.key.is_some().then(|| fingerprint(target.kind, &args, &asked));
    let idempotency =
        asked.key.zip(fingerprint).map(|(key, fingerprint)| Idempotency { key, fingerprint });
    NewJob {
        id: JobId::new(now, rand::random()),
        kind: target.kind.clone(),
        queue: target.queue.clone(),
        args,
        labels: asked.labels,
        created_at: now,
        not_before: asked.not_before,
        timeout,
        max_attempts: target.max_attempts,
        idempotency,
        retry_of: asked.retry_of,
        started_by: asked.by,
    }
}

/// Everything that must be the same when a key comes again (P14).
fn fingerprint(kind: &KindName, args: &Value, asked: &Asked) -> [u8; 32] {
    let labels = asked.labels.as_slice().iter().map(|label| json!([label.key, label.value]));
    let content = json!({
        "kind": kind.as_str(),
        "args": args,
        "labels": labels.collect::<Value>(),
        "notBefore": asked.not_before.map(|at| at.timestamp_millis()),
        "timeoutMs": asked.timeout_ms,
        "retryOf": asked.retry_of.map(|id| id.to_string()),
    });
    Sha256::digest(canonical(&content)).into()
}

/// No arguments are none.
fn or_empty(args: Option<Value>) -> Value {
    args.filter(|args| !args.is_null()).unwrap_or_else(|| Value::Object(Map::new()))
}

fn checked_args(kind: &Kind, args: Option<Value>, limits: &Limits) -> Result<Value, StartRefusal> {
    let args = or_empty(args);
    let refuse = |problems| Err(StartRefusal::InvalidArgs { kind: kind.name.clone(), problems });
    let bytes = args.to_string().len();
    if bytes > limits.args_bytes {
        return refuse(vec![ArgProblem {
            pointer: String::new(),
            keyword: "maxBytes".to_owned(),
            message: format!(
                "`args` is {bytes} bytes of JSON, {} may be: put large input in a file and pass its path",
                limits.args_bytes
            ),
        }]);
    }
    let problems = kind.problems(&args);
    if problems.is_empty() { Ok(args) } else { refuse(problems) }
}

fn checked_labels(labels: Vec<Label>, limits: &Limits) -> Result<Labels, StartRefusal> {
    let refuse = |message| Err(StartRefusal::InvalidInput { argument: "labels", message });
    if labels.len() > limits.labels {
        let most = limits.labels;
        return refuse(format!("`labels` are {}: a job may have at most {most}", labels.len()));
    }
    for Label { key, value } in &labels {
        if key.is_empty() || key.len() > limits.label_key_bytes {
            let (begin, most) = (shortened(key), limits.label_key_bytes);
            return refuse(format!(
                "the key `{begin}` of a label is {} bytes: expected 1 to {most}",
                key.len()
            ));
        }
        if value.len() > limits.label_value_bytes {
            return refuse(format!(
                "the value of the label `{key}` is {} bytes: expected at most {}",
                value.len(),
                limits.label_value_bytes
            ));
        }
    }
    Labels::new(labels).or_else(|error| refuse(format!("`labels` do not fit: {error}")))
}

/// What a message quotes of a text of any length.
fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

fn checked_timeout(kind: &Kind, asked: Option<i64>) -> Result<Option<Duration>, StartRefusal> {
    let Some(asked) = asked else { return Ok(kind.timeout) };
    let refuse = |message| Err(StartRefusal::InvalidInput { argument: "timeoutMs", message });
    let timeout = match u64::try_from(asked) {
        Ok(millis) if millis > 0 => Duration::from_millis(millis),
        _ => return refuse(format!("`timeoutMs` is {asked}: expected 1 or more")),
    };
    match kind.timeout {
        Some(most) if timeout > most => refuse(format!(
            "`timeoutMs` is {asked}: the kind `{}` allows at most {}",
            kind.name,
            most.as_millis()
        )),
        _ => Ok(Some(timeout)),
    }
}

fn check_key(key: Option<&str>, limits: &Limits) -> Result<(), StartRefusal> {
    match key.map(str::len) {
        Some(bytes) if bytes == 0 || bytes > limits.idempotency_key_bytes => {
            Err(StartRefusal::InvalidInput {
                argument: "idempotencyKey",
                message: format!(
                    "`idempotencyKey` is {bytes} bytes: expected 1 to {}",
                    limits.idempotency_key_bytes
                ),
            })
        }
        _ => Ok(()),
    }
}
