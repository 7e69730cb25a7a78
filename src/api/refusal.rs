//! What the scheduler and the store refuse, in the words of the API: one function for each error
//! that they return, so that a new variant does not compile until somebody decides what a client
//! may read of it.

use async_graphql::{Name, Value};

use crate::api::error::{ApiError, Code};
use crate::domain::kind::ArgProblem;
use crate::domain::state::JobState;
use crate::scheduler::LogError;
use crate::scheduler::handle::{RetryRefusal, StartRefusal};
use crate::store::{CancelError, QueueError, StartError, StoreError, TokenError};

/// When a full queue may have room again. Jobs take seconds to hours: sooner is of no use.
const QUEUE_FULL_RETRY_MS: u64 = 5_000;
/// When another server may have taken over, or this one be back.
const STOPPING_RETRY_MS: u64 = 5_000;
/// When a store that refuses for now tries again itself.
const STORE_RETRY_MS: u64 = 1_000;

#[expect(clippy::needless_pass_by_value, reason = "an error is answered once: it ends here")]
pub(crate) fn store(error: StoreError) -> ApiError {
    match &error {
        StoreError::Unavailable(_) => {
            tracing::warn!(%error, "a request was refused because the store is unavailable");
            ApiError::new(Code::Unavailable, "the store refuses for now: try again")
                .retry_after_ms(STORE_RETRY_MS)
        }
        StoreError::OutcomeUnknown(_) => {
            tracing::error!(%error, "the outcome of a write is unknown");
            ApiError::new(Code::Unavailable, "the store failed while it wrote")
                .outcome_unknown()
                .retry_after_ms(STORE_RETRY_MS)
        }
        StoreError::Internal { .. } => ApiError::internal(&error),
    }
}

pub(crate) fn start(error: StartRefusal) -> ApiError {
    match error {
        StartRefusal::UnknownKind { ref name, ref known } => {
            let kinds = known.iter().map(|kind| Value::from(kind.as_str())).collect();
            let name: String = name.chars().take(80).collect();
            ApiError::new(Code::UnknownKind, format!("no kind has the name `{name}`"))
                .with("kinds", Value::List(kinds))
        }
        StartRefusal::InvalidArgs { ref problems, .. } => {
            let first = problems.first().map_or_else(String::new, |problem| {
                format!(": at `{}`, {}", problem.pointer, problem.message)
            });
            ApiError::new(Code::InvalidArgs, format!("{error}{first}"))
                .with("problems", Value::List(problems.iter().map(problem).collect()))
        }
        StartRefusal::InvalidInput { argument, message } => {
            ApiError::invalid_input(argument, message)
        }
        StartRefusal::NotAccepting => {
            ApiError::new(Code::NotAccepting, error.to_string()).retry_after_ms(STOPPING_RETRY_MS)
        }
        StartRefusal::Store(error) => accept(error),
    }
}

fn accept(error: StartError) -> ApiError {
    let full =
        |text: String| ApiError::new(Code::QueueFull, text).retry_after_ms(QUEUE_FULL_RETRY_MS);
    match error {
        StartError::QueueFull { ref queue, waiting, limit } => full(error.to_string())
            .with("queue", queue.as_str())
            .with("waiting", waiting)
            .with("limit", limit),
        StartError::WaitingBytesFull { ref queue, bytes, limit } => full(error.to_string())
            .with("queue", queue.as_str())
            .with("waitingBytes", bytes)
            .with("limitBytes", limit),
        StartError::IdempotencyConflict(job) => {
            ApiError::new(Code::IdempotencyConflict, error.to_string())
                .with("jobId", job.to_string())
        }
        StartError::Store(error) => store(error),
    }
}

fn problem(problem: &ArgProblem) -> Value {
    let entry = |key: &str, text: &str| (Name::new(key), Value::from(text));
    Value::Object(
        [
            entry("pointer", &problem.pointer),
            entry("keyword", &problem.keyword),
            entry("message", &problem.message),
        ]
        .into_iter()
        .collect(),
    )
}

pub(crate) fn retry(error: RetryRefusal) -> ApiError {
    match error {
        RetryRefusal::NotFound(id) => ApiError::not_found("job has the id", &id.to_string()),
        RetryRefusal::NotEnded(state) => invalid_state(
            state,
            "only a job that ended can be started again: cancel it, or wait for its end",
        ),
        RetryRefusal::Start(error) => start(error),
    }
}

pub(crate) fn cancel(error: CancelError) -> ApiError {
    match error {
        CancelError::NotFound(id) => ApiError::not_found("job has the id", &id.to_string()),
        CancelError::Ended(state) => {
            invalid_state(state, "it ended before, and an end never changes")
        }
        CancelError::Store(error) => store(error),
    }
}

pub(crate) fn queue(error: QueueError) -> ApiError {
    match error {
        QueueError::NotFound(name) => ApiError::not_found("queue has the name", name.as_str()),
        QueueError::Store(error) => store(error),
    }
}

pub(crate) fn token(error: TokenError) -> ApiError {
    match error {
        TokenError::NotFound(id) => ApiError::not_found("token has the id", &id.to_string()),
        TokenError::AdminFirst => ApiError::invalid_input("scopes", error.to_string()),
        TokenError::MakerGone => ApiError::new(Code::Unauthenticated, error.to_string()),
        TokenError::TooMany { .. } => ApiError::new(Code::RateLimited, error.to_string()),
        TokenError::Store(error) => store(error),
    }
}

pub(crate) fn log(error: LogError) -> ApiError {
    match error {
        LogError::Store(error) => store(error),
        LogError::Io(error) => ApiError::internal(&error),
        LogError::NotFound(id) => ApiError::not_found("job has the id", &id.to_string()),
        // Once the job has ended, what is small comes into the store, where every server reads it.
        LogError::Elsewhere(_) => {
            ApiError::new(Code::Unavailable, error.to_string()).retry_after_ms(2_000)
        }
        LogError::NoObjects => ApiError::new(Code::Unavailable, error.to_string()),
        // What the object store said is for our own log.
        LogError::Object(why) => {
            tracing::warn!(error = %why, "a log cannot be read");
            let told = LogError::Object(why).to_string();
            ApiError::new(Code::Unavailable, told).retry_after_ms(2_000)
        }
    }
}

fn invalid_state(state: JobState, why: &str) -> ApiError {
    let state: &'static str = state.into();
    ApiError::new(Code::InvalidState, format!("the job is {state}: {why}")).with("state", state)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_of_the_store_reaches_a_client() {
        for error in [
            StoreError::Unavailable("/var/lib/secret is full".into()),
            StoreError::OutcomeUnknown("/var/lib/secret broke".into()),
            StoreError::Internal { message: "near SELECT secret".into(), source: None },
        ] {
            let told = store(error).into_server_error();
            assert!(!told.message.contains("secret"), "{}", told.message);
        }
    }

    #[test]
    fn an_unknown_outcome_says_how_to_find_out() {
        // P13, P14
        let told = store(StoreError::OutcomeUnknown(String::new())).into_server_error();
        assert!(told.message.contains("same idempotency key"));
        let extensions = told.extensions.unwrap();
        assert_eq!(extensions.get("code"), Some(&Value::from("UNAVAILABLE")));
        assert_eq!(extensions.get("outcomeUnknown"), Some(&Value::from(true)));
        assert!(extensions.get("retryAfterMs").is_some());
        // The same code where it is known: nothing was stored.
        let told = store(StoreError::Unavailable(String::new())).into_server_error();
        let extensions = told.extensions.unwrap();
        assert_eq!(extensions.get("code"), Some(&Value::from("UNAVAILABLE")));
        assert!(extensions.get("outcomeUnknown").is_none());
    }
}
