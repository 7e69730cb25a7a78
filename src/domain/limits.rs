//! What is refused beyond: every bound that a caller or a command can run into (P12).

use std::time::Duration;

/// The limits in force. Each field is a key of `[limits]` in the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The most requests and operations of one caller in a second.
    pub requests_per_second: u32,
    /// The most requests and operations of one caller that are under way at once; what is followed
    /// does not count.
    pub requests_at_once: usize,
    /// The most bytes of a request's head: its line and its headers.
    pub request_head: usize,
    /// The most bytes of a request's body.
    pub request_body: usize,
    /// The deepest that a query may nest its fields.
    pub query_depth: usize,
    /// The most that a query may cost: see `api::transport::gate`.
    pub query_cost: u64,
    /// The most aliases in one operation.
    pub query_aliases: usize,
    /// The most root fields of a query; a subscription has one.
    pub query_root_fields: usize,
    /// The most root fields of a mutation; they run one after another.
    pub mutation_root_fields: usize,
    /// The most tokens of a document.
    pub query_tokens: usize,
    /// The deepest that brackets and braces of a document may nest.
    pub query_nesting: usize,
    /// The most bytes of what may be large in one answer, or in one message of a subscription:
    /// args, results, schemas, lines of logs. One job by itself always fits.
    pub response_bytes: usize,
    /// The most values that one condition of a filter may list.
    pub filter_values: usize,
    /// The most jobs of a page.
    pub page_size: u32,
    /// The most lines of a page of a log.
    pub log_page_lines: u32,
    /// The most bytes of a page of a log.
    pub log_page_bytes: usize,
    /// The most bytes of a job's arguments as JSON text.
    pub args_bytes: usize,
    /// The most bytes of a result.
    pub result_bytes: u64,
    /// The most bytes of the arguments of all jobs that wait.
    pub waiting_args_bytes: u64,
    /// The most bytes of an idempotency key.
    pub idempotency_key_bytes: usize,
    /// The most labels of a job.
    pub labels: usize,
    /// The most bytes of a label's key.
    pub label_key_bytes: usize,
    /// The most bytes of a label's value.
    pub label_value_bytes: usize,
    /// The most bytes of a note.
    pub note_bytes: usize,
    /// The most bytes of a line of a log; longer ones are cut and marked.
    pub log_line_bytes: usize,
    /// The bytes kept of the beginning of an attempt's log.
    pub log_head_bytes: u64,
    /// The bytes kept of the end of an attempt's log.
    pub log_tail_bytes: u64,
    /// The bytes read of a progress file.
    pub progress_bytes: u64,
    /// The bytes that a `work/` folder may keep after the end.
    pub work_bytes: u64,
    /// The most subscriptions of one socket.
    pub subscriptions_per_socket: usize,
    /// The most tokens that are live, without shares.
    pub tokens: u64,
    /// The most shares of one token that are live.
    pub shares_per_token: u64,
    /// The most connections, sockets included.
    pub connections: usize,
    /// The most sockets.
    pub sockets: usize,
    /// The longest that `waitJob` waits, in milliseconds.
    pub wait_ms: u32,
    /// The most bytes of a message that a socket takes.
    pub websocket_message: usize,
    /// How long a client may take to send the head of a request, and then its body. It may leave a
    /// connection idle for so long, too.
    pub read_timeout: Duration,
    /// How long a new socket has to begin its session.
    pub init_timeout: Duration,
    /// How often a socket is asked whether its client is there, and how long that may take.
    pub ping: Duration,
    /// How long a socket may leave a message untaken.
    pub slow_reader: Duration,
    /// The longest that a share of a job may last.
    pub share_time: Duration,
    /// The longest that a request may take, beside a wait that it asks for.
    pub request_timeout: Duration,
}

const KIB: usize = 1024;
const MIB: u64 = 1024 * 1024;

impl Default for Limits {
    fn default() -> Self {
        Self {
            requests_per_second: 10_000,
            requests_at_once: 1_000,
            request_head: 64 * KIB,
            request_body: 256 * KIB,
            query_depth: 16,
            query_cost: 2_000,
            query_aliases: 30,
            query_root_fields: 20,
            mutation_root_fields: 1,
            query_tokens: 2_000,
            query_nesting: 64,
            response_bytes: 16 * 1024 * KIB,
            filter_values: 100,
            page_size: 100,
            log_page_lines: 5_000,
            log_page_bytes: 1024 * KIB,
            args_bytes: 64 * KIB,
            result_bytes: MIB,
            waiting_args_bytes: 1024 * MIB,
            idempotency_key_bytes: 255,
            labels: 20,
            label_key_bytes: 63,
            label_value_bytes: 255,
            note_bytes: KIB,
            log_line_bytes: 64 * KIB,
            log_head_bytes: 16 * MIB,
            log_tail_bytes: 16 * MIB,
            progress_bytes: MIB,
            work_bytes: 1024 * MIB,
            subscriptions_per_socket: 100,
            tokens: 1_000,
            shares_per_token: 1_000,
            connections: 20_000,
            sockets: 10_000,
            wait_ms: 60_000,
            websocket_message: 256 * KIB,
            read_timeout: Duration::from_secs(30),
            init_timeout: Duration::from_secs(3),
            ping: Duration::from_secs(15),
            slow_reader: Duration::from_secs(10),
            share_time: Duration::from_secs(7 * 24 * 60 * 60),
            request_timeout: Duration::from_secs(30),
        }
    }
}
