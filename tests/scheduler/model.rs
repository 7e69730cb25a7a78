//! Random commands against a model of sixty lines: P2, P3, P4, P5 and that no slot stays free
//! while a job could use it.

use std::collections::BTreeSet;

use longhaul::domain::attempt::CancelMode;
use longhaul::domain::id::JobId;
use longhaul::domain::kind::Catalog;
use longhaul::domain::state::{EndReason, JobState};
use proptest::prelude::*;

use super::rig::{Rig, life};
use crate::support::gated::{Gated, Seen, ended, exit};
use crate::support::kinds::{catalog, kind, queue};

const QUEUES: [&str; 2] = ["left", "right"];
const WORKER_SLOTS: u32 = 4;

#[derive(Debug, Clone)]
enum Command {
    Start(usize),
    Succeed(usize),
    Fail(usize),
    Lose(usize),
    Cancel(usize),
    Pause(usize),
    Resume(usize),
    Slots(usize, u32),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Where {
    Waiting,
    Running,
    Ended(JobState),
}

#[derive(Debug)]
struct Job {
    queue: usize,
    at: Where,
    losses: u32,
}

/// What ought to be: jobs in acceptance order, and two queues.
#[derive(Debug)]
struct Model {
    jobs: Vec<Job>,
    slots: [u32; 2],
    paused: [bool; 2],
}

impl Model {
    fn running(&self, queue: usize) -> u32 {
        let running = self.jobs.iter().filter(|j| j.queue == queue && j.at == Where::Running);
        u32::try_from(running.count()).unwrap()
    }

    fn head(&self, queue: usize) -> Option<usize> {
        self.jobs.iter().position(|j| j.queue == queue && j.at == Where::Waiting)
    }

    /// Fills the free slots as the design says; the jobs that start.
    fn dispatch(&mut self) -> BTreeSet<usize> {
        let mut started = BTreeSet::new();
        while self.running(0) + self.running(1) < WORKER_SLOTS {
            let share = |q: usize| f64::from(self.running(q)) / f64::from(self.slots[q].max(1));
            let next = (0..2)
                .filter(|&q| !self.paused[q] && self.running(q) < self.slots[q])
                .filter_map(|q| Some((share(q), self.head(q)?)))
                .min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            let Some((_, job)) = next else { break };
            self.jobs[job].at = Where::Running;
            started.insert(job);
        }
        started
    }

    fn nth(&self, n: usize, at: impl Fn(Where) -> bool) -> Option<usize> {
        let fit: Vec<_> = (0..self.jobs.len()).filter(|&j| at(self.jobs[j].at)).collect();
        (!fit.is_empty()).then(|| fit[n % fit.len()])
    }
}

fn two_queues() -> Catalog {
    let of = |at: usize| {
        let mut kind = kind(&format!("in-{}", QUEUES[at]), &["true"]);
        kind.queue = QUEUES[at].parse().unwrap();
        kind
    };
    catalog(vec![of(0), of(1)], vec![queue("left", 2), queue("right", 3), queue("aside", 1)])
}

struct Pair {
    rig: Rig,
    model: Model,
    ids: Vec<JobId>,
}

impl Pair {
    async fn apply(&mut self, command: &Command) {
        let (rig, model) = (&mut self.rig, &mut self.model);
        match *command {
            Command::Start(queue) => {
                self.ids.push(rig.start_kind(&format!("in-{}", QUEUES[queue])).await);
                model.jobs.push(Job { queue, at: Where::Waiting, losses: 0 });
            }
            Command::Succeed(n) => self.end(n, 0).await,
            Command::Fail(n) => self.end(n, 1).await,
            Command::Lose(n) => {
                let Some(job) = model.nth(n, |at| at == Where::Running) else { return };
                model.jobs[job].losses += 1;
                let gone = model.jobs[job].losses > 3;
                model.jobs[job].at =
                    if gone { Where::Ended(JobState::Failed) } else { Where::Waiting };
                rig.runner.end(self.ids[job], ended(EndReason::Lost)).await;
            }
            Command::Cancel(n) => {
                let open = |at| !matches!(at, Where::Ended(_));
                let Some(job) = model.nth(n, open) else { return };
                let id = self.ids[job];
                rig.handle.cancel_job(id, CancelMode::Graceful, None).await.unwrap();
                if model.jobs[job].at == Where::Running {
                    assert!(matches!(rig.next().await, Seen::Ordered(told, _) if told == id));
                    rig.runner.end(id, exit(0)).await;
                }
                model.jobs[job].at = Where::Ended(JobState::Canceled);
            }
            Command::Pause(queue) => {
                model.paused[queue] = true;
                rig.handle.pause_queue(QUEUES[queue].parse().unwrap(), None).await.unwrap();
            }
            Command::Resume(queue) => {
                model.paused[queue] = false;
                rig.handle.resume_queue(QUEUES[queue].parse().unwrap()).await.unwrap();
            }
            Command::Slots(queue, slots) => {
                model.slots[queue] = slots;
                let name = QUEUES[queue].parse().unwrap();
                rig.handle.set_queue_slots(name, slots).await.unwrap();
            }
        }
    }

    async fn end(&mut self, n: usize, code: i32) {
        let Some(job) = self.model.nth(n, |at| at == Where::Running) else { return };
        let state = if code == 0 { JobState::Succeeded } else { JobState::Failed };
        self.model.jobs[job].at = Where::Ended(state);
        self.rig.runner.end(self.ids[job], exit(code)).await;
    }

    /// What must start has started, in order, and nothing else; all places are right.
    async fn compare(&mut self) {
        let expected = self.model.dispatch();
        let mut started = Vec::new();
        for _ in &expected {
            let id = self.rig.spawned().await;
            started.push(self.ids.iter().position(|&known| known == id).unwrap());
        }
        assert_eq!(started.iter().copied().collect::<BTreeSet<_>>(), expected);
        for queue in 0..2 {
            let of_queue: Vec<_> =
                started.iter().filter(|&&job| self.model.jobs[job].queue == queue).collect();
            assert!(of_queue.is_sorted(), "P2: {of_queue:?}");
            let fits = self.model.running(queue) <= self.model.slots[queue];
            assert!(of_queue.is_empty() || fits, "P3");
        }
        self.rig.is_quiet().await;
        let mut places = [0_u64; 2];
        for (job, id) in self.model.jobs.iter().zip(&self.ids) {
            let row = self.rig.job(*id).await;
            match job.at {
                Where::Waiting => {
                    places[job.queue] += 1;
                    let wait = self.rig.handle.wait(&row).unwrap();
                    assert_eq!(wait.position, Some(places[job.queue]), "{wait:?}");
                }
                Where::Running => assert!(row.open.is_some(), "{row:?}"),
                // The last end may still be on its way into the store.
                Where::Ended(state) => {
                    assert_eq!(self.rig.reaches(*id, state).await.state, state, "P5");
                }
            }
        }
    }
}

fn command() -> impl Strategy<Value = Command> {
    let queue = 0..2_usize;
    prop_oneof![
        6 => queue.clone().prop_map(Command::Start),
        3 => (0..8_usize).prop_map(Command::Succeed),
        1 => (0..8_usize).prop_map(Command::Fail),
        1 => (0..8_usize).prop_map(Command::Lose),
        2 => (0..20_usize).prop_map(Command::Cancel),
        1 => queue.clone().prop_map(Command::Pause),
        2 => queue.clone().prop_map(Command::Resume),
        1 => (queue, 0..4_u32).prop_map(|(queue, slots)| Command::Slots(queue, slots)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]
    #[test]
    fn the_scheduler_does_what_the_model_says(commands in prop::collection::vec(command(), 1..40)) {
        let folder = tempfile::tempdir().unwrap();
        life(async {
            let rig = Rig::with(folder.path(), two_queues(), WORKER_SLOTS, Gated::new()).await;
            let model = Model { jobs: Vec::new(), slots: [2, 3], paused: [false; 2] };
            let mut pair = Pair { rig, model, ids: Vec::new() };
            for command in &commands {
                pair.apply(command).await;
                pair.compare().await;
            }
        });
    }
}
