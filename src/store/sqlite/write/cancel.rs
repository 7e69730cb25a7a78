//! Making the wish to stop a job durable.

use std::sync::Arc;

use super::{Happened, Operation, Tx};
use crate::domain::event::JobChange;
use crate::domain::job::Job;
use crate::domain::state::{EndReason, JobEvent, JobState};
use crate::store::sqlite::failure::Failure;
use crate::store::{Cancel, CancelAnswer, CancelError};

impl Operation for Cancel {
    type Answer = CancelAnswer;
    type Refusal = CancelError;

    fn apply(&self, tx: &mut Tx<'_>) -> Result<Result<CancelAnswer, CancelError>, Failure> {
        let Some(before) = tx.job(self.job)? else {
            return Ok(Err(CancelError::NotFound(self.job)));
        };
        match before.state {
            JobState::Succeeded | JobState::Failed => Ok(Err(CancelError::Ended(before.state))),
            // The first wish and its note stay.
            JobState::Canceling | JobState::Canceled => {
                Ok(Ok(CancelAnswer { job: Arc::new(before), changed: false }))
            }
            JobState::Queued | JobState::Running => {
                let (job, what) = self.moved(&before)?;
                let job = tx.save(&before, job, what)?;
                Ok(Ok(CancelAnswer { job, changed: true }))
            }
        }
    }
}

impl Cancel {
    /// CANCELED needs that no process is left, so an open attempt must end first (P10).
    fn moved(&self, before: &Job) -> Result<(Job, Happened), Failure> {
        let mut job = Job {
            cancel_requested_at: Some(self.at),
            cancel_note: self.note.clone(),
            canceled_by: self.by.clone(),
            ..before.clone()
        };
        if before.open.is_some() {
            job.state = before.state.after(JobEvent::CancelRequested)?;
            let attempt = Some(job.attempt);
            return Ok((job, Happened { change: JobChange::Canceling, at: self.at, attempt }));
        }
        job.state = before.state.after(JobEvent::CanceledWaiting)?;
        job.delayed = None;
        job.ended_at = Some(self.at);
        job.reason = Some(EndReason::CancelRequested);
        job.reason_text = Some("canceled while it waited".to_owned());
        Ok((job, Happened { change: JobChange::Ended, at: self.at, attempt: None }))
    }
}
