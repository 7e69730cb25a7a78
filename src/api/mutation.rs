//! What can be done; one action a request.

use async_graphql::{Context, ID, Object};

use crate::api::context::{Parts, job_id};
use crate::api::error::{ApiError, Result};
use crate::api::input::StartJobInput;
use crate::api::refusal;
use crate::api::tokens;
use crate::api::types::enums::CancelMode;
use crate::api::types::job::Job;
use crate::api::types::payload::{JobPayload, QueuePayload, StartJobPayload, WorkerPayload};
use crate::api::types::queue::Queue;
use crate::api::types::scalar::DateTime;
use crate::api::types::token::{CreateTokenInput, CreateTokenPayload, TokenPayload};
use crate::api::workers;
use crate::domain::limits::Limits;
use crate::domain::names::QueueName;
use crate::store::{QueueError, QueueRow};

/// The root of all mutations.
pub(crate) struct Mutation;

/// A note within its limit.
fn note(note: Option<String>, limits: &Limits) -> Result<Option<String>> {
    let most = limits.note_bytes;
    match note {
        Some(note) if note.len() > most => {
            let message = format!("`note` may have at most {most} bytes, and has {}", note.len());
            Err(ApiError::invalid_input("note", message))
        }
        note => Ok(note),
    }
}

fn queue_name(name: Option<String>) -> Result<QueueName> {
    let name = name.unwrap_or_else(|| "default".to_owned());
    name.parse().map_err(|error: crate::domain::names::ParseNameError| {
        ApiError::invalid_input("name", error.to_string())
    })
}

fn payload(answer: std::result::Result<(QueueRow, bool), QueueError>) -> Result<QueuePayload> {
    let (row, changed) = answer.map_err(refusal::queue)?;
    Ok(QueuePayload { queue: Queue::named(row.name), changed })
}

/// Actions; one a request. What fails is an error with a code, and nothing was stored, unless the error has `extensions.outcomeUnknown: true`: then it may have been done all the same, and looking, or repeating it with the same idempotency key, tells.
#[Object]
impl Mutation {
    /// Accepts a job durably and returns it at once, before anything runs.
    async fn start_job(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to start.")] input: StartJobInput,
    ) -> Result<StartJobPayload> {
        Ok(ctx.access().start(input.into()).await?.into())
    }

    /// The intent is durable before the reply; CANCELED follows when no process is left. SUCCEEDED or FAILED already: error `INVALID_STATE`.
    async fn cancel_job(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The job's id.")] id: ID,
        #[graphql(
            desc = "How; FORCE may follow GRACEFUL.",
            default_with = "Some(CancelMode::Graceful)"
        )]
        mode: Option<CancelMode>,
        #[graphql(desc = "Why, for a person; stands in `cancelNote`. At most 1 KiB.")] note: Option<
            String,
        >,
    ) -> Result<JobPayload> {
        let id = job_id(&id)?;
        let mode = mode.unwrap_or(CancelMode::Graceful).into();
        let note = self::note(note, ctx.handle().limits())?;
        let answer = ctx.access().cancel(id, mode, note).await?;
        Ok(JobPayload { job: Job::new(answer.job), changed: answer.changed })
    }

    /// A new job with the same kind, args and labels; `retryOf` names the old one. Not ended yet: error `INVALID_STATE`.
    async fn retry_job(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The old job's id.")] id: ID,
        #[graphql(desc = "As for `startJob`.")] idempotency_key: Option<String>,
    ) -> Result<StartJobPayload> {
        let id = job_id(&id)?;
        Ok(ctx.access().retry(id, idempotency_key).await?.into())
    }

    /// Running jobs finish; no other starts.
    async fn pause_queue(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The queue.", default_with = "Some(\"default\".to_owned())")] name: Option<
            String,
        >,
        #[graphql(desc = "Why, for a person; stands in `pausedNote`. At most 1 KiB.")] note: Option<
            String,
        >,
    ) -> Result<QueuePayload> {
        let note = self::note(note, ctx.handle().limits())?;
        payload(ctx.access().handle().pause_queue(queue_name(name)?, note).await)
    }

    /// Starts again.
    async fn resume_queue(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The queue.", default_with = "Some(\"default\".to_owned())")] name: Option<
            String,
        >,
    ) -> Result<QueuePayload> {
        payload(ctx.access().handle().resume_queue(queue_name(name)?).await)
    }

    /// Kept over a restart. Fewer than run now: none is stopped, none starts until there is room.
    async fn set_queue_slots(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The queue.", default_with = "Some(\"default\".to_owned())")] name: Option<
            String,
        >,
        #[graphql(desc = "0 or more.")] slots: i32,
    ) -> Result<QueuePayload> {
        let slots = u32::try_from(slots).map_err(|_| {
            ApiError::invalid_input("slots", format!("`slots` must be 0 or more, and is {slots}"))
        })?;
        payload(ctx.access().handle().set_queue_slots(queue_name(name)?, slots).await)
    }

    /// What it runs goes on; it takes nothing more until `resumeWorker`, or the end of its process.
    async fn drain_worker(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The worker's id. No live one has it: error `NOT_FOUND`.")] id: ID,
    ) -> Result<WorkerPayload> {
        workers::drain(ctx, &id, true).await
    }

    /// It takes jobs again.
    async fn resume_worker(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The worker's id. No live one has it: error `NOT_FOUND`.")] id: ID,
    ) -> Result<WorkerPayload> {
        workers::drain(ctx, &id, false).await
    }

    /// A new token; its secret is shown this once. The first token of a server makes it ask everybody for one, for good. Needs the scope `admin`.
    async fn create_token(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose, and for what.")] input: CreateTokenInput,
    ) -> Result<CreateTokenPayload> {
        tokens::create(ctx, input).await
    }

    /// Makes a token worth nothing, and every share that was made with it; what its holder follows ends at once, sockets with 4403. Needs the scope `admin`.
    async fn revoke_token(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The token's id.")] id: ID,
    ) -> Result<TokenPayload> {
        tokens::revoke(ctx, &id).await
    }

    /// A token that sees this job and nothing else, and changes nothing: for a link. It ends with the token that shares.
    async fn share_job(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The job's id.")] id: ID,
        #[graphql(
            desc = "From then on it is worth nothing; null: in a day. No later than `limits.share_time` of the configuration allows, which is 7 days from now unless it says otherwise."
        )]
        expires_at: Option<DateTime>,
    ) -> Result<CreateTokenPayload> {
        tokens::share(ctx, &id, expires_at).await
    }
}
