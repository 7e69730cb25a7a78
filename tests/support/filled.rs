//! A database with many jobs that ended, as a server would have left them, without the hours that it
//! would take one.

use std::path::Path;

use longhaul::domain::attempt::Policy;
use rusqlite::Connection;

/// Adds `count` jobs of the kind `work` in the queue `default` to a database that has its schema. They
/// ended one after another, `apart_ms` milliseconds apart, the last one before the instant `until_ms`.
pub(crate) fn add_ended(database: &Path, count: u32, until_ms: i64, apart_ms: i64) {
    let conn = Connection::open(database).unwrap();
    conn.execute_batch("PRAGMA synchronous = OFF; PRAGMA cache_size = -262144; BEGIN").unwrap();
    let first: i64 = conn
        .query_row("SELECT ifnull(max(accept_no), 0) + 1 FROM jobs", [], |row| row.get(0))
        .unwrap();
    conn.execute(JOBS, (count, until_ms, apart_ms, rand::random::<u16>())).unwrap();
    for sql in [ARGS, LOGS, EVENTS] {
        conn.execute(sql, [first]).unwrap();
    }
    let policy = serde_json::to_string(&Policy::default()).unwrap();
    conn.execute(ATTEMPTS, (first, policy)).unwrap();
    conn.execute_batch("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
}

/// Of twenty jobs one is canceled and two fail.
const JOBS: &str = "
WITH RECURSIVE made (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM made WHERE n < ?1),
     ended (n, at, state) AS (
         SELECT n, ?2 - (?1 - n + 1) * ?3,
                CASE n % 20 WHEN 0 THEN 'CANCELED' WHEN 1 THEN 'FAILED' WHEN 2 THEN 'FAILED'
                            ELSE 'SUCCEEDED' END
         FROM made)
INSERT INTO jobs (id, kind, queue, state, seq, created_at, started_at, cancel_requested_at, ended_at,
                  reason, reason_text, exit_code, attempt, max_attempts, args_bytes, cpu_ms, log_bytes,
                  kept_log_bytes, has_folder)
SELECT unhex(printf('%012x7%03x8%03x%012x', at - 300, n & 4095, ?4 & 4095, n)),
       'work', 'default', state, 4, at - 300, at - 200,
       iif(state = 'CANCELED', at - 10, NULL), at,
       CASE state WHEN 'CANCELED' THEN 'CANCEL_REQUESTED' WHEN 'FAILED' THEN 'EXIT_CODE' ELSE 'OK' END,
       'it ended', iif(state = 'FAILED', 1, 0), 1, 1, 20, 5, 40, 80, 0
FROM ended";

const ARGS: &str =
    "INSERT INTO job_args (job, args) SELECT accept_no, '{\"path\":\"/some/file\"}' FROM jobs
     WHERE accept_no >= ?1";

const LOGS: &str =
    "INSERT INTO job_logs (job, number, frames) SELECT accept_no, 1, zeroblob(80) FROM jobs
     WHERE accept_no >= ?1";

const EVENTS: &str = "
INSERT INTO job_events (job, seq, at, change, state, state_before, attempt)
SELECT accept_no, seqs.column1, created_at, seqs.column2, ifnull(seqs.column3, state), seqs.column4,
       iif(seqs.column1 = 1, NULL, 1)
FROM jobs CROSS JOIN (VALUES (1, 'QUEUED', 'QUEUED', NULL), (2, 'UPDATED', 'QUEUED', 'QUEUED'),
                             (3, 'STARTED', 'RUNNING', 'QUEUED'), (4, 'ENDED', NULL, 'RUNNING')) AS seqs
WHERE accept_no >= ?1";

const ATTEMPTS: &str = "
INSERT INTO attempts (job, number, key, boot_id, argv, policy, started_at, spawned, ended_at, reason,
                      reason_text, exit_code, cpu_ms, log_bytes)
SELECT accept_no, 1, lower(hex(id)), 'boot', '[\"true\"]', ?2, started_at, 1, ended_at, reason, 'it ended',
       exit_code, 5, 40
FROM jobs
WHERE accept_no >= ?1";
