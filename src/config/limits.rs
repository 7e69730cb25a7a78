//! `[limits]`: each limit with its range and what it is for. Reader, schema and `config show` are
//! made of this one table.

use std::ops::RangeInclusive;

use serde_json::Value;

use crate::domain::limits::Limits;

use super::table::Section;
use super::value::{self, duration_text};

const KIB: i64 = 1024;
const MIB: i64 = 1024 * KIB;
const GIB: i64 = 1024 * MIB;

/// A limit as the schema of the file describes it.
pub(super) struct LimitKey {
    pub(super) name: &'static str,
    /// The whole numbers that it may be; `None`: it is a duration.
    pub(super) range: Option<RangeInclusive<i64>>,
    /// What it limits, and in which unit.
    pub(super) about: &'static str,
}

/// Makes everything of the table; a limit of the domain without a key here does not compile.
macro_rules! limits {
    (
        numbers { $($name:ident: $range:expr, $about:literal;)* }
        durations { $($duration:ident: $what:literal;)* }
    ) => {
        /// Reads `[limits]`.
        pub(super) fn read(section: &Section<'_>) -> Limits {
            let mut limits = Limits::default();
            $(
                if let Some(limit) = section.take(stringify!($name)).and_then(|f| f.integer($range)) {
                    limits.$name = limit;
                }
            )*
            $(
                if let Some(limit) = section
                    .take(stringify!($duration))
                    .and_then(|f| f.parsed(value::positive_duration))
                {
                    limits.$duration = limit;
                }
            )*
            section.finish();
            limits
        }

        /// Every key of `[limits]`.
        pub(super) fn keys() -> Vec<LimitKey> {
            vec![
                $(LimitKey { name: stringify!($name), range: Some($range), about: $about },)*
                $(LimitKey { name: stringify!($duration), range: None, about: $what },)*
            ]
        }

        /// Every limit with its value in force, in the order of [`keys`].
        pub(super) fn values(limits: &Limits) -> Vec<(&'static str, Value)> {
            let Limits { $($name,)* $($duration,)* } = limits;
            vec![
                $((stringify!($name), Value::from(*$name)),)*
                $((stringify!($duration), Value::from(duration_text(*$duration))),)*
            ]
        }
    };
}

limits! {
    numbers {
        requests_per_second: 1..=1_000_000, "Requests and operations of one caller in a second.";
        requests_at_once: 1..=1_000_000, "Requests and operations of one caller that are under way at once; subscriptions do not count.";
        request_head: 8 * KIB..=MIB, "Bytes of a request's line and headers.";
        request_body: KIB..=64 * MIB, "Bytes of a request's body.";
        query_depth: 1..=1_000, "How deep a query may nest its fields.";
        query_cost: 1..=1_000_000_000, "What a query may cost: one for each field with a selection, times the size of its page.";
        query_aliases: 0..=100_000, "Aliases in one operation.";
        query_root_fields: 1..=1_000, "Root fields of a query.";
        mutation_root_fields: 1..=1_000, "Root fields of a mutation; they run one after another.";
        query_tokens: 100..=1_000_000, "Tokens of a document.";
        // Deeper brackets could end the process by a stack overflow in the parser; arguments that
        // nest more than 127 deep could be stored and never be read again.
        query_nesting: 8..=100, "How deep brackets and braces of a document may nest.";
        response_bytes: MIB..=GIB, "Bytes of args, results, schemas and log lines in one answer or message.";
        filter_values: 1..=10_000, "Values that one condition of a filter may list.";
        page_size: 1..=1_000, "Jobs of a page.";
        log_page_lines: 1..=100_000, "Lines of a page of a log.";
        log_page_bytes: KIB..=64 * MIB, "Bytes of a page of a log.";
        args_bytes: 2..=64 * MIB, "Bytes of a job's arguments as JSON.";
        result_bytes: 2..=GIB, "Bytes of a result.";
        waiting_args_bytes: KIB..=1024 * GIB, "Bytes of the arguments of all jobs that wait.";
        idempotency_key_bytes: 1..=4 * KIB, "Bytes of an idempotency key.";
        labels: 0..=100, "Labels of a job.";
        label_key_bytes: 1..=KIB, "Bytes of a label's key.";
        label_value_bytes: 0..=4 * KIB, "Bytes of a label's value.";
        note_bytes: 0..=64 * KIB, "Bytes of the note of a cancel or a pause.";
        log_line_bytes: 80..=MIB, "Bytes of a line of a log; a longer one is cut and marked.";
        log_head_bytes: 64 * KIB..=1024 * GIB, "Bytes kept of the beginning of an attempt's log.";
        // Sixteen segments, each with room for a frame.
        log_tail_bytes: 2 * MIB..=1024 * GIB, "Bytes kept of the end of an attempt's log.";
        progress_bytes: KIB..=GIB, "Bytes that are read of a progress file.";
        work_bytes: 0..=1024 * 1024 * GIB, "Bytes that a command's own folder may keep after the end.";
        subscriptions_per_socket: 1..=100_000, "Subscriptions of one WebSocket.";
        tokens: 1..=100_000, "Tokens that are live at once, without shares.";
        shares_per_token: 0..=100_000, "Shares of one token that are live at once.";
        connections: 1..=1_000_000, "Connections open at once, WebSockets included; others wait to be accepted.";
        sockets: 1..=1_000_000, "WebSockets open at once.";
        wait_ms: 0..=3_600_000, "Milliseconds that `waitJob` waits at most.";
        websocket_message: KIB..=64 * MIB, "Bytes of a message on a WebSocket.";
    }
    durations {
        read_timeout: "How long a client may take to send the head of a request, and then its body; an idle connection is closed after it, too.";
        init_timeout: "How long a new WebSocket has for its `connection_init`.";
        ping: "How often a WebSocket's client is asked whether it is there, and how long it has to answer.";
        slow_reader: "How long a client of a WebSocket may leave a message untaken.";
        share_time: "How long a share of a job may last.";
        request_timeout: "How long a query or a mutation may take.";
    }
}
