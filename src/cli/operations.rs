//! The GraphQL documents that the commands send, each in a file of its own beside this one; a test
//! holds them against `schema.graphql`.

/// A document with one operation.
#[derive(Debug, Clone, Copy)]
pub struct Operation {
    /// The name of its operation.
    pub name: &'static str,
    /// Its text.
    pub text: &'static str,
}

macro_rules! operations {
    ($($constant:ident = $name:literal in $file:literal $(with $fragment:literal)?;)*) => {
        $(
            #[doc = concat!("`", $file, "`")]
            pub const $constant: Operation = Operation {
                name: $name,
                text: concat!(
                    include_str!(concat!("operations/", $file)),
                    $("\n", include_str!(concat!("operations/fragments/", $fragment)))?
                ),
            };
        )*

        /// All of them.
        pub const ALL: &[Operation] = &[$($constant),*];
    };
}

operations! {
    CANCEL_JOB = "CancelJob" in "cancel_job.graphql" with "job_row.graphql";
    CREATE_TOKEN = "CreateToken" in "create_token.graphql" with "token_fields.graphql";
    JOB = "Job" in "job.graphql" with "job_row.graphql";
    JOBS = "Jobs" in "jobs.graphql" with "job_row.graphql";
    JOB_FEED = "JobFeed" in "job_feed.graphql" with "job_row.graphql";
    JOB_IDS = "JobIds" in "job_ids.graphql";
    JOB_LOG = "JobLog" in "job_log.graphql";
    JOB_LOG_PAGE = "JobLogPage" in "job_log_page.graphql";
    JOB_STATUS = "JobStatus" in "job_status.graphql";
    KIND = "Kind" in "kind.graphql";
    KINDS = "Kinds" in "kinds.graphql";
    PAUSE_QUEUE = "PauseQueue" in "pause_queue.graphql";
    QUEUES = "Queues" in "queues.graphql";
    RESUME_QUEUE = "ResumeQueue" in "resume_queue.graphql";
    RETRY_JOB = "RetryJob" in "retry_job.graphql" with "job_row.graphql";
    REVOKE_TOKEN = "RevokeToken" in "revoke_token.graphql" with "token_fields.graphql";
    SERVER = "Server" in "server.graphql";
    SHARE_JOB = "ShareJob" in "share_job.graphql" with "token_fields.graphql";
    START_JOB = "StartJob" in "start_job.graphql" with "job_row.graphql";
    TOKENS = "Tokens" in "tokens.graphql" with "token_fields.graphql";
    WORKERS = "Workers" in "workers.graphql";
}
