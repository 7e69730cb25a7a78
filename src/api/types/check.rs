//! What `startJob` would say.

use async_graphql::SimpleObject;

use super::estimate::Estimate;
use super::int;
use crate::api::error::{Code, Result};
use crate::api::refusal;
use crate::domain;
use crate::scheduler::handle::{Placed, StartRefusal};
use crate::store::StartError;

/// What `startJob` would say.
#[derive(SimpleObject, Debug, Clone)]
pub(crate) struct JobCheck {
    /// It would be accepted.
    ok: bool,
    /// What does not fit in `args`.
    problems: Vec<ArgProblem>,
    /// The code that `startJob` would fail with.
    code: Option<Code>,
    /// The message that it would fail with.
    message: Option<String>,
    /// The place that the job would get, 1 = next in its queue; null when it would not be in line. Where the key made a job before: the place of that one.
    position: Option<i32>,
    /// When it would probably start and end; null where its kind has no history or its queue stands still.
    estimate: Option<Estimate>,
}

/// One thing in `args` that does not fit.
#[derive(SimpleObject, Debug, Clone)]
pub(crate) struct ArgProblem {
    /// JSON Pointer into `args`; empty: `args` itself.
    pointer: String,
    /// The keyword of JSON Schema that it breaks.
    keyword: String,
    /// What would be valid, for a person.
    message: String,
}

impl From<&domain::kind::ArgProblem> for ArgProblem {
    fn from(problem: &domain::kind::ArgProblem) -> Self {
        let domain::kind::ArgProblem { pointer, keyword, message } = problem.clone();
        Self { pointer, keyword, message }
    }
}

impl JobCheck {
    /// What was found. A store that cannot answer has found nothing: that is an error.
    pub(crate) fn new(found: std::result::Result<Placed, StartRefusal>) -> Result<Self> {
        let refusal = match found {
            Ok(Placed { position, estimate }) => {
                return Ok(Self {
                    ok: true,
                    problems: Vec::new(),
                    code: None,
                    message: None,
                    position: position.map(int),
                    estimate: estimate.map(Estimate::from),
                });
            }
            Err(StartRefusal::Store(StartError::Store(error))) => {
                return Err(refusal::store(error));
            }
            Err(refusal) => refusal,
        };
        let problems = match &refusal {
            StartRefusal::InvalidArgs { problems, .. } => problems.iter().map(Into::into).collect(),
            StartRefusal::UnknownKind { .. }
            | StartRefusal::InvalidInput { .. }
            | StartRefusal::NotAccepting
            | StartRefusal::Store(_) => Vec::new(),
        };
        let error = refusal::start(refusal);
        let (code, message) = (Some(error.code()), Some(error.message().to_owned()));
        Ok(Self { ok: false, problems, code, message, position: None, estimate: None })
    }
}
