//! Random commands, against a model of one queue that knows nothing of SQL.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use longhaul::domain::attempt::CancelMode;
use longhaul::domain::id::{Fence, JobId};
use longhaul::domain::job::NewJob;
use longhaul::domain::kind::QueueSpec;
use longhaul::domain::names::QueueName;
use longhaul::domain::state::{EndReason, JobState};
use longhaul::store::{Cancel, Finish, Guarded, Store};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokio::runtime::Handle;

use super::bed::{Bed, WIDE, at, job, queue, request, unrecorded};

#[derive(Debug, Clone)]
enum Command {
    Start { delay: i64, max_attempts: u32 },
    Claim(u32),
    Started(usize),
    Finish(usize, EndReason),
    Cancel(usize),
    Pass(i64),
}

fn command() -> impl Strategy<Value = Command> {
    let reason = prop_oneof![
        Just(EndReason::Ok),
        Just(EndReason::ExitCode),
        Just(EndReason::Lost),
        Just(EndReason::NotStarted),
        Just(EndReason::Unkillable),
    ];
    prop_oneof![
        3 => (prop_oneof![Just(0), 1..9000i64], 1..3u32)
            .prop_map(|(delay, max_attempts)| Command::Start { delay, max_attempts }),
        3 => (0..4u32).prop_map(Command::Claim),
        2 => any::<usize>().prop_map(Command::Started),
        4 => (any::<usize>(), reason).prop_map(|(n, reason)| Command::Finish(n, reason)),
        1 => any::<usize>().prop_map(Command::Cancel),
        1 => (1..6000i64).prop_map(Command::Pass),
    ]
}

#[derive(Debug)]
struct ModelJob {
    id: JobId,
    state: JobState,
    open: Option<Fence>,
    /// Not in line before.
    due: i64,
    failures: u32,
    losses: u32,
    max_attempts: u32,
}

impl ModelJob {
    fn end(&mut self, reason: EndReason, now: i64) {
        self.open = None;
        self.state = match (reason, self.state) {
            (EndReason::Unkillable, _) => JobState::Failed,
            (_, JobState::Canceling) => JobState::Canceled,
            (EndReason::Ok, _) => JobState::Succeeded,
            (EndReason::ExitCode, _) if self.failures + 1 >= self.max_attempts => JobState::Failed,
            (EndReason::Lost, _) if self.losses == 3 => JobState::Failed,
            _ => JobState::Queued,
        };
        self.losses += u32::from(reason == EndReason::Lost);
        if reason == EndReason::ExitCode && self.state == JobState::Queued {
            self.failures += 1;
            self.due = now + 2500 * (1 << (self.failures - 1));
        }
    }
}

struct Run {
    store: Arc<dyn Store>,
    queue: QueueName,
    jobs: Vec<ModelJob>,
    now: i64,
}

impl Run {
    async fn new(store: Arc<dyn Store>) -> Self {
        // Each case has a queue of its own in the one store.
        static CASE: AtomicU32 = AtomicU32::new(0);
        let queue = queue(&format!("case-{}", CASE.fetch_add(1, Ordering::Relaxed)));
        let spec = QueueSpec { name: queue.clone(), slots: 1, max_waiting: 1 };
        store.declare_queues(vec![spec]).await.unwrap();
        Self { store, queue, jobs: Vec::new(), now: 0 }
    }

    async fn step(&mut self, command: Command) {
        match command {
            Command::Start { delay, max_attempts } => self.start(delay, max_attempts).await,
            Command::Claim(limit) => self.claim(limit).await,
            Command::Pass(millis) => self.now += millis,
            Command::Started(n) => self.started(n).await,
            Command::Finish(n, reason) => self.finish(n, reason).await,
            Command::Cancel(n) => self.cancel(n).await,
        }
    }

    fn pick(&mut self, n: usize) -> Option<&mut ModelJob> {
        let count = self.jobs.len();
        if count == 0 { None } else { self.jobs.get_mut(n % count) }
    }

    async fn start(&mut self, delay: i64, max_attempts: u32) {
        let due = self.now + delay;
        let new = NewJob {
            queue: self.queue.clone(),
            created_at: at(self.now),
            not_before: Some(at(due)),
            max_attempts,
            ..job()
        };
        let id = self.store.start(new, WIDE).await.unwrap().job.id;
        let (state, open) = (JobState::Queued, None);
        self.jobs.push(ModelJob { id, state, open, due, failures: 0, losses: 0, max_attempts });
    }

    /// P2, P4
    async fn claim(&mut self, limit: u32) {
        let asked = request(&[(self.queue.as_str(), limit)], at(self.now));
        let claims = self.store.claim(asked).await.unwrap();
        let now = self.now;
        let in_line = |job: &&mut ModelJob| {
            job.state == JobState::Queued && job.open.is_none() && job.due <= now
        };
        let next = self.jobs.iter_mut().filter(in_line).take(limit.try_into().unwrap());
        let mut claimed = claims.iter();
        for job in next {
            let claim = claimed.next().expect("a job in line is claimed");
            assert_eq!(claim.job.id, job.id, "another job came first");
            job.open = Some(claim.fence);
        }
        assert!(claimed.next().is_none(), "a job was claimed that is not in line");
    }

    async fn started(&mut self, n: usize) {
        let (store, now) = (Arc::clone(&self.store), self.now);
        let Some(job) = self.pick(n) else { return };
        let fence = job.open.unwrap_or(Fence(0));
        let answer = store.started(job.id, fence, at(now)).await.unwrap();
        assert_eq!(answer == Guarded::Stale, job.open.is_none());
        if job.open.is_some() && job.state == JobState::Queued {
            job.state = JobState::Running;
        }
    }

    async fn finish(&mut self, n: usize, reason: EndReason) {
        let (store, now) = (Arc::clone(&self.store), self.now);
        let Some(job) = self.pick(n) else { return };
        let (id, fence) = (job.id, job.open.unwrap_or(Fence(0)));
        let finish = Finish { job: id, fence, end: unrecorded(reason), at: at(now), chance: 0.5 };
        let answer = store.finish(finish).await.unwrap();
        assert_eq!(answer == Guarded::Stale, job.open.is_none());
        if job.open.is_some() {
            job.end(reason, now);
        }
    }

    /// P10
    async fn cancel(&mut self, n: usize) {
        let (store, now) = (Arc::clone(&self.store), self.now);
        let Some(job) = self.pick(n) else { return };
        let answer = store
            .cancel(Cancel {
                job: job.id,
                mode: CancelMode::Graceful,
                note: None,
                by: None,
                at: at(now),
            })
            .await;
        let ended = matches!(job.state, JobState::Succeeded | JobState::Failed);
        assert_eq!(answer.is_err(), ended);
        if matches!(job.state, JobState::Queued | JobState::Running) {
            let open = job.open.is_some();
            job.state = if open { JobState::Canceling } else { JobState::Canceled };
        }
    }

    async fn compare(&self) {
        for model in &self.jobs {
            let job = self.store.job(model.id).await.unwrap().unwrap();
            assert_eq!((job.state, job.open), (model.state, model.open), "{model:?}");
        }
    }
}

/// P2, P4, P5, P10 hold along every history.
pub(crate) async fn random_commands_do_what_the_model_does(bed: Bed) {
    let config = Config { cases: 48, failure_persistence: None, ..Config::default() };
    let runtime = Handle::current();
    tokio::task::block_in_place(|| {
        let cases = proptest::collection::vec(command(), 1..40);
        let outcome = TestRunner::new(config).run(&cases, |commands| {
            runtime.block_on(async {
                let mut run = Run::new(Arc::clone(&bed.store)).await;
                for command in commands {
                    run.step(command).await;
                }
                run.compare().await;
            });
            Ok(())
        });
        outcome.unwrap();
    });
}
