//! What resolvers reach: the parts that the schema was built with.

use std::sync::Arc;

use async_graphql::{Context, ServerError};

use crate::api::access::Access;
use crate::api::budget::Budget;
use crate::api::error::{ApiError, Result};
use crate::api::types::scalar::Cursor;
use crate::domain::clock::Clock;
use crate::domain::id::{JobId, ParseIdError};
use crate::scheduler::Handle;

/// Facts about this process.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) version: String,
    pub(crate) started_at: crate::domain::clock::Timestamp,
    pub(crate) store: &'static str,
    pub(crate) schema_hash: String,
}

/// The position at which a client was cut off, by a header that it cannot put into its query. Lies in
/// the data of the request.
#[derive(Debug)]
pub(crate) struct Resume(pub(crate) String);

/// The clock as it lies in the schema's data.
pub(crate) struct SharedClock(pub(crate) Arc<dyn Clock>);

/// Short ways to the parts. They are put in by the one function that builds the schema.
pub(crate) trait Parts {
    fn handle(&self) -> &Handle;

    /// The jobs, as far as they exist for whoever asks. The door gives one to each request.
    fn access(&self) -> &Access;
    fn clock(&self) -> &Arc<dyn Clock>;
    fn facts(&self) -> &Facts;

    /// Where a stream that was cut goes on, whatever its arguments say.
    fn resume(&self) -> Option<Cursor>;

    /// What the answer may still hold of what is large. The door gives one to each request.
    fn budget(&self) -> &Arc<Budget>;

    /// The value of a nullable field that can fail by itself: null and an error with its path. (The
    /// library would take the parent too.)
    fn nullable<T>(&self, result: Result<Option<T>>) -> Option<T>;
}

impl Parts for Context<'_> {
    fn handle(&self) -> &Handle {
        self.data_unchecked::<Handle>()
    }

    fn access(&self) -> &Access {
        self.data_unchecked::<Access>()
    }

    fn clock(&self) -> &Arc<dyn Clock> {
        &self.data_unchecked::<SharedClock>().0
    }

    fn facts(&self) -> &Facts {
        self.data_unchecked::<Facts>()
    }

    fn resume(&self) -> Option<Cursor> {
        self.data_opt::<Resume>().map(|Resume(cursor)| Cursor(cursor.clone()))
    }

    fn budget(&self) -> &Arc<Budget> {
        self.data_unchecked::<Arc<Budget>>()
    }

    fn nullable<T>(&self, result: Result<Option<T>>) -> Option<T> {
        result.unwrap_or_else(|error| {
            let error = ServerError { locations: vec![self.item.pos], ..error.into_server_error() };
            self.add_error(self.set_error_path(error));
            None
        })
    }
}

/// What is said of an `id` that is none.
#[expect(clippy::needless_pass_by_value, reason = "an error is answered once: it ends here")]
pub(crate) fn unreadable(error: ParseIdError) -> ApiError {
    ApiError::invalid_input("id", error.to_string())
}

/// Reads an id of a job.
pub(crate) fn job_id(text: &str) -> Result<JobId> {
    text.parse().map_err(unreadable)
}
