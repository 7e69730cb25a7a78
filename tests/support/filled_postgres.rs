//! A schema of PostgreSQL with many jobs that ended, as a server would have left them.

use longhaul::domain::attempt::Policy;
use tokio_postgres::Client;

/// Fills a schema that no job was in yet with `count` jobs of the kind `work` in the queue `default`, the
/// last of which ended at the instant `until_ms`, ten milliseconds after the one before; of nine one
/// failed.
pub(crate) async fn add_ended(client: &Client, count: i64, until_ms: i64) {
    add_ended_behind(client, 0, count, until_ms).await;
    client.batch_execute("ANALYZE").await.unwrap();
}

/// The same where jobs, attempts and events are numbered up to `last`; the planner is not told of it.
pub(crate) async fn add_ended_behind(client: &Client, last: i64, count: i64, until_ms: i64) {
    let policy = serde_json::to_string(&Policy::default()).unwrap();
    let sql = format!(
        "INSERT INTO jobs (accept_no, id, kind, queue, state, seq, created_at, started_at, ended_at, reason,
             reason_text, exit_code, attempt, max_attempts, args_bytes, cpu_ms, log_bytes, kept_log_bytes,
             has_folder)
         SELECT n, gen_random_uuid(), 'work', 'default', CASE WHEN n % 9 = 0 THEN 'FAILED' ELSE 'SUCCEEDED' END,
             4, at - 5, at - 5, at, CASE WHEN n % 9 = 0 THEN 'EXIT_CODE' ELSE 'OK' END, 'it ended', n % 9, 1, 1, 2,
             1, 1, 1, false
         FROM (SELECT {last} + n AS n, {until_ms} - ({count} - n) * 10 AS at FROM generate_series(1, {count}) AS n) AS made;
         INSERT INTO job_args SELECT accept_no, '{{}}' FROM jobs WHERE accept_no > {last};
         INSERT INTO job_labels SELECT 'n', accept_no::text, accept_no FROM jobs WHERE accept_no > {last};
         INSERT INTO attempts (fence, job, number, key, boot_id, argv, policy, started_at, spawned, ended_at,
             reason, reason_text, cpu_ms, log_bytes)
         SELECT accept_no, accept_no, 1, id::text, 'boot', '[]', '{policy}', started_at, true, ended_at, reason,
             'it ended', 1, 1
         FROM jobs WHERE accept_no > {last};
         INSERT INTO job_events (no, job, seq, at, change, state, state_before, attempt)
         SELECT accept_no * 2 - 2 + n, accept_no, n, ended_at, 'UPDATED', state,
             CASE WHEN n > 1 THEN 'RUNNING' END, 1
         FROM jobs CROSS JOIN (VALUES (1), (2)) AS seqs (n) WHERE accept_no > {last};
         SELECT setval('accept_numbers', {last} + {count}), setval('fence_numbers', {last} + {count}),
             setval('event_numbers', 2 * ({last} + {count}))"
    );
    client.batch_execute(&sql).await.unwrap();
}
