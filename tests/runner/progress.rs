//! Progress by the file and by a pattern in what is printed.

use longhaul::domain::job::Progress;
use longhaul::domain::kind::Kind;
use longhaul::domain::state::EndReason;
use longhaul::runner::{AttemptSpec, Report};

use super::rig::{Rig, gate, kind, of_kind, open_gate, shell};

/// Waits for progress, opens the gate that the script waits at, and returns the last one reported.
async fn first_and_last(mut spec: AttemptSpec) -> (Progress, Progress) {
    let rig = Rig::new();
    let gate = gate(rig.folder.path());
    spec.argv.push(gate.to_str().unwrap().to_owned());
    let mut attended = rig.start(&spec).await;
    let first = attended.reports.until(|report| matches!(report, Report::Progress(_))).await;
    tokio::task::spawn_blocking(move || open_gate(&gate)).await.unwrap();
    let ended = attended.reports.until(|report| matches!(report, Report::Ended(_))).await;
    assert!(matches!(ended, Report::Ended(end) if end.reason == EndReason::Ok));
    let progress = |report: &Report| match report {
        Report::Progress(progress) => Some(progress.clone()),
        Report::Started | Report::LogGrew | Report::Ended(_) | Report::Gone => None,
    };
    let last = attended.reports.seen().iter().rev().find_map(progress);
    (progress(&first).unwrap(), last.unwrap())
}

process_test! {
    async fn the_last_line_of_the_file_counts_to_the_very_end() {
        let spec = shell(
            "echo '{\"percent\": 41}\n{\"percent\": 42, \"message\": \"half\"}' >> $LONGHAUL_PROGRESS; \
             read go < $0; echo '{\"current\": 7, \"total\": 7}' >> $LONGHAUL_PROGRESS",
        );
        let (first, last) = first_and_last(spec).await;
        assert_eq!((first.percent, first.message.as_deref()), (Some(42.0), Some("half")));
        assert_eq!((last.percent, last.current, last.total), (None, Some(7), Some(7)));
    }
}

process_test! {
    async fn a_pattern_is_matched_on_what_is_printed_to_the_very_end() {
        let script = "printf 'at 10%%\rat 20%%\r' >&2; read go < $0; echo done 100%";
        let pattern = Some(r"(?P<percent>\d+)%".to_owned());
        let argv = ["sh", "-c", script];
        let spec = of_kind(Kind { progress_pattern: pattern, ..kind(&argv) });
        let (first, last) = first_and_last(spec).await;
        assert_eq!((first.percent, last.percent), (Some(20.0), Some(100.0)));
    }
}
