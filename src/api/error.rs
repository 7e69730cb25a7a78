//! The one error that leaves the API: a stable code, a message that says what would be valid, and
//! what a program needs to go on.
//!
//! Nothing foreign converts into it, so a stray `?` cannot publish the text of a store or of a
//! file system; and it has no `Display`, or the library's own conversion would take the place of
//! ours and lose the code.

use async_graphql::{Enum, ErrorExtensionValues, ServerError, Value};
use strum::{EnumIter, EnumString, IntoStaticStr};

use crate::api::input::number;
use crate::domain::text::shortened;

/// What a resolver answers.
pub(crate) type Result<T> = std::result::Result<T, ApiError>;

/// The key of `extensions` that is true where a mutation failed and may have been done all the same.
pub(crate) const OUTCOME_UNKNOWN: &str = "outcomeUnknown";

const RETRY_AFTER_MS: &str = "retryAfterMs";

// Renaming a code breaks clients.
/// Every value that `extensions.code` of an error can take; the words in brackets are further keys of `extensions`. May grow.
/// `extensions.retryAfterMs` stands wherever the same request may work later.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq, EnumIter, EnumString, IntoStaticStr)]
#[graphql(name = "ErrorCode")]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Code {
    /// The document is no GraphQL.
    GraphqlParseFailed,
    /// The document or its variables do not fit this schema.
    GraphqlValidationFailed,
    /// Too deep, too complex, too many aliases, root fields or tokens. (limit, max, found)
    QueryTooLarge,
    /// The body of the request is larger than allowed. (max)
    RequestTooLarge,
    /// An argument's value is not allowed: a page size, a cursor of another list, a time in the past. (argument)
    InvalidInput,
    /// No such kind. (kinds: those that may be started)
    UnknownKind,
    /// `args` does not fit the kind's schema. (problems: as `ArgProblem`)
    InvalidArgs,
    /// The queue holds all that it may. Nothing was stored. (queue, waiting, limit, retryAfterMs)
    QueueFull,
    /// The server is stopping and accepts nothing. (retryAfterMs)
    NotAccepting,
    /// The key was used for another input. (jobId)
    IdempotencyConflict,
    /// It does not exist, or you may not see it.
    NotFound,
    /// The job's state does not allow it. (state)
    InvalidState,
    /// Say the number that would be touched. (count)
    ConfirmationRequired,
    /// No token, or one that is not valid.
    Unauthenticated,
    /// The token may not do it. (scope)
    Forbidden,
    /// Too many requests. (retryAfterMs)
    RateLimited,
    /// It took longer than a request may.
    DeadlineExceeded,
    /// The store or another worker does not answer. (retryAfterMs)
    Unavailable,
    /// A fault of the server. (reference: find it in the server's log)
    Internal,
}

impl Code {
    pub(crate) fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A message has at most so many bytes of what somebody sent: an answer does not grow with its request.
pub(crate) const MAX_MESSAGE: usize = 1_000;

/// What a resolver or the transport answers instead of data.
#[derive(Debug, Clone)]
pub(crate) struct ApiError {
    code: Code,
    message: String,
    details: Vec<(&'static str, Value)>,
}

impl ApiError {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: shortened(message.into(), MAX_MESSAGE), details: Vec::new() }
    }

    /// With a further key of `extensions`.
    pub(crate) fn with(mut self, key: &'static str, value: impl Into<Value>) -> Self {
        self.details.push((key, value.into()));
        self
    }

    /// The same request may work after this time.
    pub(crate) fn retry_after_ms(self, millis: u64) -> Self {
        self.with(RETRY_AFTER_MS, millis)
    }

    /// What was asked for may have been done all the same: only asking, or the same idempotency
    /// key, tells.
    pub(crate) fn outcome_unknown(mut self) -> Self {
        self.message.push_str(
            "; whether it was done is unknown: look, or repeat it with the same idempotency key",
        );
        self.with(OUTCOME_UNKNOWN, true)
    }

    /// An argument whose value is not allowed.
    pub(crate) fn invalid_input(argument: &str, message: impl Into<String>) -> Self {
        Self::new(Code::InvalidInput, message).with("argument", argument)
    }

    /// Something that does not exist.
    pub(crate) fn not_found(what: &str, name: &str) -> Self {
        Self::new(Code::NotFound, format!("no {what} `{name}`"))
    }

    /// A fault of ours: the client gets a reference, the log gets the cause under it.
    pub(crate) fn internal(cause: &(dyn std::error::Error + 'static)) -> Self {
        let mut chain = cause.to_string();
        let mut next = cause.source();
        while let Some(cause) = next {
            chain = format!("{chain}: {cause}");
            next = cause.source();
        }
        Self::internal_text(&chain)
    }

    /// As [`internal`](Self::internal), where the cause is no error.
    pub(crate) fn internal_text(cause: &str) -> Self {
        let reference = hex::encode(rand::random::<[u8; 8]>());
        tracing::error!(%reference, cause, "a request failed through a fault of the server");
        let message = format!("a fault of the server; its log has the cause under `{reference}`");
        Self::new(Code::Internal, message).with("reference", reference)
    }

    /// What it is, for whoever must choose a status.
    pub(crate) fn code(&self) -> Code {
        self.code
    }

    /// What would be valid, for a person.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn into_server_error(self) -> ServerError {
        let mut error = ServerError::new(self.message, None);
        error.extensions = Some(extensions(self.code, self.details));
        error
    }
}

/// After how many milliseconds the same request may work, where an error says so.
pub(crate) fn retry_after_ms(error: &ServerError) -> Option<u64> {
    number(error.extensions.as_ref()?.get(RETRY_AFTER_MS)?)?.as_u64()
}

fn extensions(code: Code, details: Vec<(&'static str, Value)>) -> ErrorExtensionValues {
    let mut values = ErrorExtensionValues::default();
    values.set("code", code.as_str());
    for (key, value) in details {
        values.set(key, value);
    }
    values
}

impl From<ApiError> for async_graphql::Error {
    fn from(error: ApiError) -> Self {
        let mut converted = Self::new(error.message);
        converted.extensions = Some(extensions(error.code, error.details));
        converted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use strum::IntoEnumIterator;

    #[test]
    fn the_codes_are_a_contract() {
        let codes: Vec<_> = Code::iter().map(Code::as_str).collect();
        insta::assert_snapshot!(codes.join("\n"));
    }

    #[test]
    fn an_internal_error_shows_a_reference_and_not_its_cause() {
        let error: async_graphql::Error =
            ApiError::internal(&std::io::Error::other("disk sda1 is on fire")).into();
        assert!(!error.message.contains("sda1"), "{}", error.message);
        let extensions = error.extensions.unwrap();
        assert_eq!(extensions.get("code"), Some(&Value::from("INTERNAL")));
        assert!(extensions.get("reference").is_some());
    }
}
