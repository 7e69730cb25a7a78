//! A ledger that commands keep of themselves: when each begins and ends, in the order in which the kernel
//! took it down. So what ran is known from those who ran, whatever the store says of it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io::{BufRead, BufReader};

use tempfile::TempDir;
use uuid::Uuid;

/// One file, to which each line is appended by one write.
pub(crate) struct Ledger(TempDir);

/// What commands did. A claim comes before a command's first line and its end after its last one, so
/// whatever overlaps here truly did.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Ran {
    /// Jobs that ran.
    pub(crate) jobs: usize,
    /// Runs of a job after its first one.
    pub(crate) again: usize,
    /// Those that began before the earlier run of the same job had ended.
    pub(crate) at_once: usize,
    /// Those that never came to their end.
    pub(crate) unended: usize,
    /// The most that ran at once, by queue.
    pub(crate) most: BTreeMap<String, usize>,
}

impl Ledger {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// The command line of a kind of this queue, as the configuration writes it: a shell that takes down its
    /// beginning, does the work, and takes down its end. The work has neither quotes nor braces.
    pub(crate) fn command(&self, queue: &str, work: &str, arguments: &[&str]) -> String {
        let file = self.0.path().join("ledger");
        let note = |sign| {
            let file = file.display();
            format!("echo {sign} {queue} $LONGHAUL_JOB_ID $LONGHAUL_ATTEMPT >>{file}")
        };
        let script = format!("{}; {work}; {}", note("+"), note("-"));
        let words = ["sh", "-c", &script, "sh"];
        format!("{:?}", words.iter().chain(arguments).collect::<Vec<_>>())
    }

    /// Reads it from its beginning. It takes memory for the ids of jobs, and no more.
    pub(crate) fn read(&self) -> Ran {
        let mut ran = Ran::default();
        let (mut begun, mut open) = (HashSet::<Uuid>::new(), HashMap::<Uuid, String>::new());
        let mut running = HashMap::<String, usize>::new();
        for line in BufReader::new(File::open(self.0.path().join("ledger")).unwrap()).lines() {
            let line = line.unwrap();
            let words: Vec<&str> = line.split(' ').collect();
            let [sign, queue, job, attempt] = words[..] else { panic!("not one write: {line}") };
            let job: Uuid = job.parse().unwrap();
            let now = running.entry(queue.to_owned()).or_default();
            if sign == "+" {
                ran.again += usize::from(!begun.insert(job));
                ran.at_once += usize::from(open.insert(job, attempt.to_owned()).is_some());
                *now += 1;
                let most = ran.most.entry(queue.to_owned()).or_default();
                *most = (*most).max(*now);
            } else {
                if open.get(&job).is_some_and(|open| open == attempt) {
                    open.remove(&job);
                }
                *now -= 1;
            }
        }
        (ran.jobs, ran.unended) = (begun.len(), open.len());
        ran
    }
}
