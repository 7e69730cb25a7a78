//! What the commands read of the server's answers. Enums stay text: most of them may grow, and a
//! command that meets a word it does not know shows it.

use serde::Deserialize;

use super::estimate::Estimate;

/// Something with a name.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
pub(super) struct Named {
    /// The name.
    pub(super) name: String,
}

/// A label of a job, a worker or a kind.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
pub(super) struct Label {
    /// Its name.
    pub(super) key: String,
    /// Its value.
    pub(super) value: String,
}

/// Labels on one line.
pub(super) fn labels(labels: &[Label]) -> String {
    let labels = labels.iter().map(|label| format!("{}={}", label.key, label.value));
    labels.collect::<Vec<_>>().join(" ")
}

/// A job, as little of it as names it.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
pub(super) struct JobId {
    /// Its id.
    pub(super) id: String,
    /// Where it is.
    pub(super) state: String,
    /// Its kind.
    pub(super) kind: Named,
}

/// A job, as the fragment `JobRow` selects it.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "camelCase")]
pub(super) struct Job {
    /// Its id.
    pub(super) id: String,
    /// Its kind.
    pub(super) kind: Named,
    /// Its queue.
    pub(super) queue: Named,
    /// Where it is.
    pub(super) state: String,
    /// It ended.
    pub(super) terminal: bool,
    /// How it ended.
    pub(super) reason: Option<String>,
    /// The same as a sentence.
    pub(super) reason_text: Option<String>,
    /// When it was accepted.
    pub(super) created_at: String,
    /// When its latest attempt began.
    pub(super) started_at: Option<String>,
    /// When it ended.
    pub(super) ended_at: Option<String>,
    /// Why it waits.
    pub(super) wait: Option<Wait>,
    /// What it says of itself.
    pub(super) progress: Option<Progress>,
    /// When it will start and end, where that was asked for.
    #[cfg_attr(test, serde(skip_serializing_if = "Option::is_none"))]
    pub(super) estimate: Option<Estimate>,
    /// What it returned, where that was asked for.
    #[cfg_attr(test, serde(skip_serializing_if = "Option::is_none"))]
    pub(super) result: Option<serde_json::Value>,
    /// The exit code of its latest attempt.
    pub(super) exit_code: Option<i64>,
    /// The signal that ended its latest attempt.
    pub(super) signal: Option<String>,
    /// The number of its latest attempt.
    pub(super) attempt: u32,
    /// How many attempts its failures may cost.
    pub(super) max_attempts: u32,
    /// Why it was canceled.
    pub(super) cancel_note: Option<String>,
    /// What the caller attached to it.
    #[serde(default)]
    pub(super) labels: Vec<Label>,
}

/// A part of a list.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "camelCase")]
pub(super) struct Page {
    /// Its entries.
    pub(super) nodes: Vec<serde_json::Value>,
    /// What follows; not asked for where one page is all that is wanted.
    #[serde(default)]
    #[cfg_attr(test, serde(skip_serializing_if = "Option::is_none"))]
    page_info: Option<PageInfo>,
}

#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "camelCase")]
struct PageInfo {
    has_next_page: bool,
    end_cursor: Option<String>,
}

impl Page {
    /// Where the next page begins; `None` where nothing more follows.
    pub(super) fn next(&self) -> Option<&str> {
        self.page_info.as_ref().filter(|info| info.has_next_page)?.end_cursor.as_deref()
    }
}

/// Why a job waits.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "camelCase")]
pub(super) struct Wait {
    /// The reason.
    pub(super) reason: String,
    /// The same as a sentence.
    pub(super) reason_text: String,
    /// Its place, from 1.
    pub(super) position: Option<u64>,
}

/// What a command says of itself.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
pub(super) struct Progress {
    /// Usually 0 to 100.
    pub(super) percent: Option<f64>,
    /// Units done.
    pub(super) current: Option<i64>,
    /// Units in all.
    pub(super) total: Option<i64>,
    /// A few words.
    pub(super) message: Option<String>,
}

/// An event of `jobStatus`.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "camelCase")]
pub(super) struct Status {
    /// Where the job is.
    pub(super) state: String,
    /// The last event.
    pub(super) terminal: bool,
    /// The reason it ended, as a sentence.
    pub(super) reason_text: Option<String>,
    /// Why it waits.
    pub(super) wait: Option<Wait>,
    /// What it says of itself.
    pub(super) progress: Option<Progress>,
    /// When it will start and end, as of this event.
    estimate: Option<Estimate>,
    /// What else there is of it.
    pub(super) job: StatusJob,
}

/// The job of an event.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
pub(super) struct StatusJob {
    /// The number of its latest attempt.
    pub(super) attempt: u32,
}

/// A message of `jobLog`, or a page of a log.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "camelCase")]
pub(super) struct LogChunk {
    /// Oldest first.
    pub(super) lines: Vec<serde_json::Value>,
    /// Where to resume.
    pub(super) cursor: String,
    /// Bytes left out so far.
    pub(super) dropped_bytes: u64,
    /// No more lines can come.
    pub(super) complete: bool,
}

/// A line of a log.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
pub(super) struct LogLine {
    /// STDOUT, STDERR or SYSTEM.
    pub(super) stream: String,
    /// Without its end of line.
    pub(super) text: String,
    /// It was longer than the limit.
    pub(super) cut: bool,
}

impl Wait {
    /// As a line shows it.
    pub(super) fn told(&self) -> String {
        match self.position {
            Some(position) => format!("queued, position {position} ({})", self.reason_text),
            None => format!("queued ({})", self.reason_text),
        }
    }
}

impl Progress {
    /// As a line shows it; `None` where nothing was said.
    pub(super) fn told(&self) -> Option<String> {
        let amount = match (self.percent, self.current, self.total) {
            (Some(percent), _, _) => Some(format!("{percent:.0} %")),
            (None, Some(current), Some(total)) => Some(format!("{current} of {total}")),
            (None, Some(current), None) => Some(current.to_string()),
            (None, None, _) => None,
        };
        let parts: Vec<String> = amount.into_iter().chain(self.message.clone()).collect();
        (!parts.is_empty()).then(|| parts.join(": "))
    }
}

impl Job {
    /// How long its latest attempt took.
    pub(super) fn took(&self) -> Option<std::time::Duration> {
        let at = |text: &Option<String>| chrono::DateTime::parse_from_rfc3339(text.as_ref()?).ok();
        (at(&self.ended_at)? - at(&self.started_at)?).to_std().ok()
    }

    /// Its labels on one line.
    pub(super) fn labels(&self) -> String {
        labels(&self.labels)
    }

    /// What is there to say beside its state, as a list shows it.
    pub(super) fn detail(&self) -> String {
        if let Some(wait) = &self.wait {
            return match wait.position {
                Some(position) => format!("position {position}"),
                None => wait.reason_text.clone(),
            };
        }
        if self.state == "SUCCEEDED" {
            return String::new();
        }
        if self.terminal {
            return self.reason_text.clone().or(self.reason.clone()).unwrap_or_default();
        }
        self.progress.as_ref().and_then(Progress::told).unwrap_or_default()
    }
}

impl Status {
    /// When it will start and end; `None` where nobody knows.
    pub(super) fn estimate(&self) -> Option<&Estimate> {
        self.estimate.as_ref()
    }

    /// As a line shows it.
    pub(super) fn told(&self) -> String {
        let state = self.state.to_lowercase();
        let again = if self.job.attempt > 1 {
            format!(" (attempt {})", self.job.attempt)
        } else {
            String::new()
        };
        if let Some(wait) = &self.wait {
            return wait.told();
        }
        match (self.state.as_str(), &self.reason_text, &self.progress) {
            ("RUNNING", _, Some(progress)) => match progress.told() {
                Some(progress) => format!("running{again}, {progress}"),
                None => format!("running{again}"),
            },
            ("FAILED" | "CANCELED", Some(reason), _) => format!("{state}: {reason}"),
            ("RUNNING", _, None) => format!("running{again}"),
            _ => state,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::operations::{self, selected};
    use super::*;

    #[test]
    fn what_is_read_of_an_answer_is_what_its_document_selects() {
        selected::<Job>(operations::JOB, "/job");
        selected::<Estimate>(operations::JOB, "/job/estimate");
        selected::<Job>(operations::CANCEL_JOB, "/cancelJob/job");
        selected::<Job>(operations::JOBS, "/jobs/nodes/0");
        selected::<Page>(operations::JOBS, "/jobs");
        selected::<Page>(operations::JOB_IDS, "/jobs");
        selected::<Page>(operations::JOB_LOG_PAGE, "/job/log");
        selected::<Page>(operations::QUEUED_JOBS, "/jobs");
        selected::<Job>(operations::JOB_FEED, "/jobFeed/events/0/job");
        selected::<Job>(operations::QUEUED_JOBS, "/jobs/nodes/0");
        selected::<Estimate>(operations::QUEUED_JOBS, "/jobs/nodes/0/estimate");
        selected::<Job>(operations::RETRY_JOB, "/retryJob/job");
        selected::<Job>(operations::START_JOB, "/startJob/job");
        selected::<JobId>(operations::JOB_IDS, "/jobs/nodes/0");
        selected::<LogChunk>(operations::JOB_LOG, "/jobLog");
        selected::<LogLine>(operations::JOB_LOG, "/jobLog/lines/0");
        selected::<LogLine>(operations::JOB_LOG_PAGE, "/job/log/nodes/0");
        selected::<Named>(operations::KIND, "/kinds/0");
        selected::<Status>(operations::JOB_STATUS, "/jobStatus");
    }

    fn told(mut status: Value) -> String {
        let map = status.as_object_mut().unwrap();
        map.entry("terminal").or_insert(json!(false));
        map.entry("job").or_insert(json!({"attempt": 1}));
        serde_json::from_value::<Status>(status).unwrap().told()
    }

    #[test]
    fn a_state_is_told_with_what_matters_in_it() {
        let wait =
            json!({"reason": "SLOTS_BUSY", "reasonText": "2 slots are taken", "position": 3});
        assert_eq!(
            told(json!({"state": "QUEUED", "wait": wait})),
            "queued, position 3 (2 slots are taken)"
        );
        let wait = json!({"reason": "NOT_BEFORE", "reasonText": "until noon"});
        assert_eq!(told(json!({"state": "QUEUED", "wait": wait})), "queued (until noon)");
        assert_eq!(
            told(json!({"state": "RUNNING", "job": {"attempt": 2},
                "progress": {"percent": 36.6, "message": "half"}})),
            "running (attempt 2), 37 %: half"
        );
        assert_eq!(
            told(json!({"state": "RUNNING", "progress": {"current": 1, "total": 3}})),
            "running, 1 of 3"
        );
        assert_eq!(told(json!({"state": "RUNNING", "progress": {}})), "running");
        assert_eq!(
            told(json!({"state": "FAILED", "reasonText": "exit code 3"})),
            "failed: exit code 3"
        );
        assert_eq!(told(json!({"state": "SUCCEEDED", "reasonText": "it ended well"})), "succeeded");
    }
}
