//! The reader on logs written by hand.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::*;
use crate::domain::id::JobId;
use crate::domain::log::{LogCursor, LogFrom, LogLine};
use crate::shim::protocol::{FrameHeader, LOG_HEAD, log_tail};

/// Writes a log as the shim does: offsets over all streams, a number for each beginning line.
struct Log {
    folder: tempfile::TempDir,
    job: JobId,
    offset: u64,
    number: u64,
    /// The number of the line that the stream has open.
    open: [Option<u64>; 3],
}

impl Log {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder, job: JobId::from_bytes([1; 16]), offset: 0, number: 1, open: [None; 3] }
    }

    fn folder(&self, attempt: u32) -> PathBuf {
        self.folder.path().join(self.job.to_string()).join(attempt.to_string())
    }

    fn frame(&mut self, stream: u8, bytes: &[u8]) -> Vec<u8> {
        let s = usize::from(stream);
        let continues = self.open[s].is_some();
        let mut next = || {
            self.number += 1;
            self.number - 1
        };
        let first_line = self.open[s].take().unwrap_or_else(&mut next);
        let next_line = self.number;
        let mut current = Some(first_line);
        for &byte in bytes {
            let number = *current.get_or_insert_with(|| {
                self.number += 1;
                self.number - 1
            });
            current = (!matches!(byte, b'\n' | b'\r')).then_some(number);
        }
        self.open[s] = current;
        let length = u32::try_from(bytes.len()).unwrap();
        let offset = self.offset;
        self.offset += u64::from(length);
        let header =
            FrameHeader { stream, continues, length, at_ms: 1_000, offset, first_line, next_line };
        [&header.encode()[..], bytes].concat()
    }

    /// Prints into a file of attempt 1.
    fn print_to(&mut self, file: &str, stream: u8, bytes: &[u8]) {
        let frame = self.frame(stream, bytes);
        append(&self.folder(1), file, &frame);
    }

    fn print(&mut self, stream: u8, text: &str) {
        self.print_to(LOG_HEAD, stream, text.as_bytes());
    }

    fn files(&self) -> LogFiles {
        LogFiles::new(self.folder.path().to_owned()).with_line_bytes(8)
    }
}

fn append(folder: &Path, file: &str, bytes: &[u8]) {
    fs::create_dir_all(folder).unwrap();
    let path = folder.join(file);
    OpenOptions::new().create(true).append(true).open(path).unwrap().write_all(bytes).unwrap();
}

fn query(from: LogFrom, lines: u32) -> LogQuery {
    LogQuery { from, lines, bytes: 1 << 20, stream: None, attempt: None }
}

fn texts(page: &LogPage) -> Vec<&str> {
    page.lines.iter().map(|line| line.text.as_str()).collect()
}

fn places(lines: &[LogLine]) -> Vec<(u64, u64)> {
    lines.iter().map(|line| (line.cursor.offset, line.number)).collect()
}

#[test]
fn lines_end_at_newline_carriage_return_and_both() {
    let mut log = Log::new();
    log.print(0, "a\r\n\nb\rc\r");
    log.print(0, "\nd");
    let page = log.files().page(log.job, 1, true, &query(LogFrom::Start, 9)).unwrap();
    assert_eq!(texts(&page), ["a", "", "b", "c", "d"]);
    assert_eq!(page.lines.iter().map(|l| l.cursor.offset).collect::<Vec<_>>(), [0, 3, 4, 6, 9]);
}

#[test]
fn a_stream_with_an_open_line_holds_up_nothing_of_the_other() {
    let mut log = Log::new();
    let files = log.files();
    log.print(0, "ha");
    log.print(1, "err\n");
    let page = files.page(log.job, 1, false, &query(LogFrom::Start, 9)).unwrap();
    assert_eq!(texts(&page), ["err"]);
    assert!(!page.complete);
    let after = page.lines[0].cursor;
    log.print(0, "lf\nun");
    for files in [files, log.files()] {
        // The first remembers where the page ended, the second must parse: both see the same.
        let page = files.page(log.job, 1, false, &query(LogFrom::After(after), 9)).unwrap();
        assert_eq!((texts(&page), places(&page.lines)), (vec!["half"], vec![(0, 1)]));
        let after = page.lines[0].cursor;
        let page = files.page(log.job, 1, true, &query(LogFrom::After(after), 9)).unwrap();
        assert_eq!(texts(&page), ["un"], "an unfinished line is shown once the attempt has ended");
        assert!(page.complete && page.has_previous);
    }
}

#[test]
fn text_that_is_no_utf8_is_replaced_and_split_characters_are_joined() {
    let mut log = Log::new();
    log.print_to(LOG_HEAD, 0, b"\xc3");
    log.print(1, "x\n");
    log.print_to(LOG_HEAD, 0, b"\xa9\xff\n");
    let page = log.files().page(log.job, 1, true, &query(LogFrom::Start, 9)).unwrap();
    assert_eq!(texts(&page), ["x", "\u{e9}\u{fffd}"]);
}

#[test]
fn a_long_line_is_cut_at_the_limit_and_at_no_half_character() {
    let mut log = Log::new();
    log.print(0, "12345678\n1234567");
    log.print(0, "\u{e9}90\nend\n");
    let page = log.files().page(log.job, 1, true, &query(LogFrom::Start, 9)).unwrap();
    assert_eq!(texts(&page), ["12345678", "1234567", "end"]);
    assert_eq!(page.lines.iter().map(|l| l.cut).collect::<Vec<_>>(), [false, true, false]);
}

#[test]
fn pages_join_without_gap_or_repeat_in_both_directions() {
    let mut log = Log::new();
    for at in 0..40 {
        // Lines that span frames, some of them longer than the limit.
        log.print(at % 2, &format!("{at}\n{at}b\nrest-{at}"));
    }
    let (files, job) = (log.files(), log.job);
    let all = files.page(job, 1, true, &query(LogFrom::Start, 5_000)).unwrap().lines;
    for stream in [None, Some(LogStream::Stderr)] {
        let wanted: Vec<_> =
            all.iter().filter(|l| stream.is_none_or(|s| s == l.stream)).cloned().collect();
        let ask = |from| LogQuery { stream, ..query(from, 7) };
        let mut ahead = files.page(job, 1, true, &ask(LogFrom::Start)).unwrap();
        let mut forward = ahead.lines.clone();
        while ahead.has_next {
            let last = forward.last().unwrap().cursor;
            ahead = files.page(job, 1, true, &ask(LogFrom::After(last))).unwrap();
            assert!(ahead.lines.len() <= 7);
            forward.extend(ahead.lines.clone());
        }
        assert!(ahead.complete && wanted.iter().any(|line| line.cut));
        assert_eq!(forward, wanted);
        let mut back = files.page(job, 1, true, &ask(LogFrom::End)).unwrap();
        let mut backward = back.lines.clone();
        while back.has_previous {
            back = files.page(job, 1, true, &ask(LogFrom::Before(backward[0].cursor))).unwrap();
            assert!(back.has_next && back.lines.len() <= 7);
            backward.splice(0..0, back.lines.clone());
        }
        assert_eq!(backward, wanted);
    }
}

#[test]
fn a_page_is_bounded_by_its_bytes_but_has_at_least_one_line() {
    let mut log = Log::new();
    log.print(0, "1234\n12\n12\n");
    let ask = |from, bytes| LogQuery { bytes, ..query(from, 9) };
    let page = |q| log.files().page(log.job, 1, true, &q).unwrap();
    let first = page(ask(LogFrom::Start, 1));
    assert_eq!((texts(&first), first.has_next), (vec!["1234"], true));
    let last = page(ask(LogFrom::End, 4));
    assert_eq!((texts(&last), last.has_previous), (vec!["12", "12"], true));
}

#[test]
fn attempts_follow_each_other_and_can_be_asked_for_alone() {
    let mut log = Log::new();
    log.print(0, "one\n");
    let second = Log { offset: 0, number: 1, open: [None; 3], ..Log::new() }.frame(0, b"two\n");
    append(&log.folder(2), LOG_HEAD, &second);
    let page = |q: &LogQuery| log.files().page(log.job, 2, false, q).unwrap();
    assert_eq!(texts(&page(&query(LogFrom::Start, 9))), ["one", "two"]);
    assert_eq!(texts(&page(&query(LogFrom::End, 9))), ["one", "two"]);
    let end = page(&query(LogFrom::End, 1));
    assert_eq!((texts(&end), end.has_previous), (vec!["two"], true));
    let cursor = LogCursor { attempt: 1, offset: 0 };
    assert_eq!(texts(&page(&query(LogFrom::After(cursor), 9))), ["two"]);
    let before = page(&query(LogFrom::Before(end.lines[0].cursor), 9));
    assert_eq!((texts(&before), before.has_next), (vec!["one"], true));
    let alone = LogQuery { attempt: Some(1), ..query(LogFrom::Start, 9) };
    assert_eq!(texts(&page(&alone)), ["one"]);
}

/// A head, a cut of 7 bytes, and a tail whose segments are not in the order of their names.
fn cut_log() -> Log {
    let mut log = Log::new();
    log.print(0, "a\nhead");
    log.offset += 7;
    log.print_to(&log_tail(15), 0, b"tail\nb\n");
    log.print_to(&log_tail(0), 1, b"c\n");
    log
}

#[test]
fn a_cut_is_counted_and_both_sides_of_it_are_marked() {
    let log = cut_log();
    let page = log.files().page(log.job, 1, true, &query(LogFrom::Start, 9)).unwrap();
    assert_eq!(texts(&page), ["a", "head", "tail", "b", "c"]);
    assert_eq!(
        page.lines.iter().map(|l| l.cut).collect::<Vec<_>>(),
        [false, true, true, false, false]
    );
    assert_eq!(page.dropped_bytes, 7);
    assert_eq!(page.lines[2].cursor.offset, 13, "it goes on at the first kept byte");
}

#[test]
fn a_cursor_that_fell_into_the_cut_goes_on_behind_it() {
    let log = cut_log();
    let gone = LogCursor { attempt: 1, offset: 8 };
    let page = log.files().page(log.job, 1, true, &query(LogFrom::After(gone), 9)).unwrap();
    assert_eq!(texts(&page), ["tail", "b", "c"]);
    let page = log.files().page(log.job, 1, true, &query(LogFrom::Before(gone), 9)).unwrap();
    assert_eq!(texts(&page), ["a", "head"]);
    assert!(page.has_next);
}

#[test]
fn a_frame_that_is_still_being_written_is_not_there_yet() {
    let mut log = Log::new();
    log.print(0, "a\n");
    let next = log.frame(0, b"b\n");
    let files = log.files();
    let page = |from| files.page(log.job, 1, false, &query(from, 9)).unwrap();
    for split in 0..next.len() {
        append(&log.folder(1), LOG_HEAD, &next[split..=split]);
        let whole = split + 1 == next.len();
        let expected = if whole { vec!["a", "b"] } else { vec!["a"] };
        assert_eq!(texts(&page(LogFrom::End)), expected, "{split}");
        let after = LogCursor { attempt: 1, offset: 0 };
        assert_eq!(texts(&page(LogFrom::After(after))), expected[1..], "{split}");
    }
}

#[test]
fn raw_bytes_have_ranges_over_one_stream_or_both() {
    let mut log = Log::new();
    log.print(0, "out\n");
    log.print(2, "cut\n");
    log.print(1, "err\n");
    log.print(0, "more");
    let read = |stream, range| {
        let raw = log.files().raw(log.job, 1, stream).unwrap();
        let length = raw.length();
        let bytes: Vec<u8> = raw.read(range).flat_map(Result::unwrap).collect();
        (length, String::from_utf8(bytes).unwrap())
    };
    assert_eq!(read(None, 0..99), (12, "out\nerr\nmore".to_owned()));
    assert_eq!(read(Some(LogStream::Stdout), 2..6), (8, "t\nmo".to_owned()));
    assert_eq!(read(Some(LogStream::System), 0..2), (4, "cu".to_owned()));
    assert_eq!(read(None, 50..99), (12, String::new()));
}

#[test]
fn a_follower_sees_each_line_once_and_samples_a_flood() {
    let mut log = Log::new();
    let mut follower = Follower::new(log.folder(1), 64);
    let read = |follower: &mut Follower| {
        let mut lines = Vec::new();
        follower.read(|line| lines.push(line.to_owned())).unwrap();
        lines
    };
    log.print(0, "10%\r20");
    assert_eq!(read(&mut follower), ["10%"]);
    log.print(0, "%\r");
    assert_eq!(read(&mut follower), ["20%"]);
    for _ in 0..100 {
        log.print(0, &"0123456\n".repeat(1_000));
    }
    log.print(0, "30%\r");
    let lines = read(&mut follower);
    assert!(lines.len() < 100_000, "{}", lines.len());
    assert_eq!(lines.last().map(String::as_str), Some("30%"));
    assert!(read(&mut follower).is_empty());
}
