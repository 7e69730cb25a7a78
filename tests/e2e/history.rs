//! What the database says happened, judged by the order of its commits: who was claimed before
//! whom (P2), how many attempts were open at once (P3), and that each job ended once (P5).
//!
//! # What counts as an inversion
//!
//! A claim of a job while another job of its queue, accepted earlier, was runnable and not claimed
//! with it. Events are numbered in the order of their commits and, within one, of their happening,
//! so they say when a job is runnable:
//!
//! - from the event that accepted it, or that gave it back after a stop, until the event of its
//!   next claim;
//! - after a failure with attempts left, only from `eligibleAt`: a claim brings into line whatever
//!   is delayed until its own instant, which stands in `attempts.started_at`. So a delayed job is
//!   runnable at a claim whose instant is not before its `eligibleAt`. The database forgets that
//!   moment when it has passed; it is given by whoever saw it. A delay that nobody saw makes the
//!   job runnable at its own next claim only, and is counted as `unseen`;
//! - never after it ended or was asked to stop.
//!
//! A paused queue claims nothing at all, so a pause adds nothing.

use std::collections::{BTreeMap, HashMap};

use rusqlite::Connection;

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct History {
    /// Jobs that were accepted.
    pub(super) jobs: usize,
    /// Jobs in each state.
    pub(super) states: BTreeMap<String, i64>,
    /// Claims.
    pub(super) claims: usize,
    /// Claims that overtook a runnable job; the first ones in words.
    pub(super) inversions: Vec<String>,
    /// The most attempts that were open at once.
    pub(super) most_open: usize,
    /// Failures after which another attempt came.
    pub(super) retries: usize,
    /// Those whose `eligibleAt` nobody saw.
    pub(super) unseen: usize,
    /// Attempts that a stop gave back.
    pub(super) given_back: usize,
    /// Events of jobs that had ended before.
    pub(super) after_the_end: usize,
}

/// When a delayed job comes into line: by the job's id and the attempt that failed, in
/// milliseconds since 1970.
pub(super) type Eligible = HashMap<(String, i64), i64>;

struct Event {
    job: i64,
    id: String,
    queue: String,
    change: String,
    attempt: i64,
    fence: Option<i64>,
    claimed_at: Option<i64>,
}

/// Since when a job waits.
enum Since {
    Now,
    Instant(i64),
    Unknown,
}

const EVENTS: &str = "
SELECT e.job, hex(j.id), j.queue, e.change, coalesce(e.attempt, 0), a.fence, a.started_at
FROM job_events AS e
JOIN jobs AS j ON j.accept_no = e.job
LEFT JOIN attempts AS a ON a.job = e.job AND a.number = e.attempt
ORDER BY e.no";

fn events(database: &Connection) -> Vec<Event> {
    let mut select = database.prepare(EVENTS).unwrap();
    let rows = select.query_map([], |row| {
        Ok(Event {
            job: row.get(0)?,
            id: row.get(1)?,
            queue: row.get(2)?,
            change: row.get(3)?,
            attempt: row.get(4)?,
            fence: row.get(5)?,
            claimed_at: row.get(6)?,
        })
    });
    rows.unwrap().map(Result::unwrap).collect()
}

impl History {
    /// Reads and judges the whole history of a database.
    pub(super) fn read(database: &Connection, eligible: &Eligible) -> Self {
        let mut found = Self::default();
        let mut select = database.prepare("SELECT state, count(*) FROM jobs GROUP BY 1").unwrap();
        let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        found.states = rows.map(Result::unwrap).collect();
        found.jobs = usize::try_from(found.states.values().sum::<i64>()).unwrap();
        let mut replay = Replay::new(eligible);
        for event in events(database) {
            replay.step(&event, &mut found);
        }
        found
    }
}

/// The state of all queues as the events go by.
struct Replay<'a> {
    eligible: &'a Eligible,
    /// Of each queue, the jobs without an open attempt by acceptance.
    waiting: HashMap<String, BTreeMap<i64, Since>>,
    open: BTreeMap<i64, i64>,
    ended: std::collections::HashSet<i64>,
    last_fence: i64,
}

impl<'a> Replay<'a> {
    fn new(eligible: &'a Eligible) -> Self {
        let (waiting, open) = (HashMap::new(), BTreeMap::new());
        Self { eligible, waiting, open, ended: std::collections::HashSet::new(), last_fence: 0 }
    }

    fn step(&mut self, event: &Event, found: &mut History) {
        if self.ended.contains(&event.job) {
            found.after_the_end += 1;
        }
        let line = self.waiting.entry(event.queue.clone()).or_default();
        match event.change.as_str() {
            "QUEUED" => {
                line.insert(event.job, Since::Now);
                found.given_back += usize::from(self.open.remove(&event.job).is_some());
            }
            "RETRYING" => {
                let key = (event.id.clone(), event.attempt);
                let since =
                    self.eligible.get(&key).map_or(Since::Unknown, |&at| Since::Instant(at));
                found.retries += 1;
                found.unseen += usize::from(matches!(since, Since::Unknown));
                line.insert(event.job, since);
                self.open.remove(&event.job);
            }
            "UPDATED" if event.fence.is_some_and(|fence| fence > self.last_fence) => {
                self.claim(event, found);
            }
            "CANCELING" => {
                line.remove(&event.job);
            }
            "ENDED" => {
                line.remove(&event.job);
                self.open.remove(&event.job);
                self.ended.insert(event.job);
            }
            _ => {}
        }
    }

    fn claim(&mut self, event: &Event, found: &mut History) {
        let (fence, at) = (event.fence.unwrap(), event.claimed_at.unwrap());
        self.last_fence = fence;
        let line = self.waiting.get_mut(&event.queue).unwrap();
        line.remove(&event.job);
        let overtaken = line.range(..event.job).find(|(_, since)| match since {
            Since::Now => true,
            Since::Instant(from) => *from <= at,
            Since::Unknown => false,
        });
        if let Some((other, _)) = overtaken {
            let text = format!("claim {fence} of job {} overtook job {other}", event.job);
            found.inversions.push(text);
        }
        let twice = self.open.insert(event.job, fence);
        assert!(twice.is_none(), "P4: job {} was claimed while it was open", event.job);
        found.claims += 1;
        found.most_open = found.most_open.max(self.open.len());
    }
}
