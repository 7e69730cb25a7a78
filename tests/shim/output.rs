//! What commands print: how it is read back, and commands that print unkindly (P12).

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use longhaul::shim::protocol::{
    ExitRecord, FRAME_HEADER_BYTES, FrameHeader, LOG_HEAD, LOG_TAIL_SEGMENTS, LifelineByte,
    STREAM_STDERR, STREAM_STDOUT, STREAM_SYSTEM, StatusByte, log_tail,
};

use super::driver::{Shim, shell};

/// A log as its files hold it, by offset.
pub(super) struct Log {
    /// Each frame with its bytes, in the order of offsets.
    pub(super) frames: Vec<(FrameHeader, Vec<u8>)>,
}

impl Log {
    /// Reads the files of a folder. A last frame that is still being written is left out.
    pub(super) fn read(folder: &Path) -> Self {
        let names =
            std::iter::once(LOG_HEAD.to_owned()).chain((0..LOG_TAIL_SEGMENTS).map(log_tail));
        let mut frames = BTreeMap::new();
        for name in names {
            let bytes = fs::read(folder.join(name)).unwrap_or_default();
            let mut rest = bytes.as_slice();
            while let Some((header, after)) = rest.split_first_chunk::<FRAME_HEADER_BYTES>() {
                let header = FrameHeader::decode(header);
                let Some(piece) = after.get(..header.length as usize) else { break };
                assert!(frames.insert(header.offset, (header, piece.to_vec())).is_none());
                rest = &after[piece.len()..];
            }
        }
        Self { frames: frames.into_values().collect() }
    }

    /// The bytes of a stream, those that are kept.
    pub(super) fn bytes(&self, stream: impl Fn(u8) -> bool) -> Vec<u8> {
        let frames = self.frames.iter().filter(|(header, _)| stream(header.stream));
        frames.flat_map(|(_, piece)| piece).copied().collect()
    }

    /// The text of a stream.
    pub(super) fn of(&self, stream: u8) -> String {
        String::from_utf8(self.bytes(|of| of == stream)).unwrap()
    }

    /// What the command printed on both streams.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes(|of| of != STREAM_SYSTEM)).into_owned()
    }

    /// The bytes that the command printed as the frames tell it: kept and missing ones. The end of
    /// a log is always kept, unless nothing is.
    pub(super) fn printed(&self, exit: &ExitRecord) -> u64 {
        let Some((last, _)) = self.frames.iter().rev().find(|(h, _)| h.stream != STREAM_SYSTEM)
        else {
            return exit.log_bytes;
        };
        let system = self.frames.iter().filter(|(header, _)| header.stream == STREAM_SYSTEM);
        let before = system.filter(|(header, _)| header.offset < last.offset);
        last.offset + u64::from(last.length) - before.map(|(h, _)| u64::from(h.length)).sum::<u64>()
    }

    /// The stretches of offsets that are missing.
    fn gaps(&self) -> Vec<(u64, u64)> {
        let mut expected = 0;
        let mut gaps = Vec::new();
        for (header, _) in &self.frames {
            if header.offset != expected {
                gaps.push((expected, header.offset));
            }
            expected = header.offset + u64::from(header.length);
        }
        gaps
    }
}

fn files_of(folder: &Path, prefix: &str) -> u64 {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let named = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix));
    named.map(|entry| entry.metadata().unwrap().len()).sum()
}

/// The most memory that a shim took so far, in KiB; `None` where it has ended.
fn peak(shim: &Shim) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{}/status", shim.pid().as_raw_nonzero())).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

#[test]
fn a_flood_keeps_its_beginning_and_its_end_in_bounded_files_and_memory() {
    let bytes: u64 = std::env::var("LONGHAUL_TEST_FLOOD_BYTES")
        .map_or(300_000_000, |text| text.parse().unwrap());
    let mut attempt = shell(&format!("yes 0123456789 | head -c {bytes}"));
    attempt.spec.log_head_bytes = 16 << 20;
    attempt.spec.log_tail_bytes = 16 << 20;
    attempt.deadline += Duration::from_secs(bytes / 10_000_000);
    let mut shim = attempt.start();
    let mut most = 0;
    while shim.next_news() {
        most = most.max(peak(&shim).unwrap_or(0));
    }
    let ended = shim.end();
    assert_eq!((ended.exit().exit_code, ended.exit().log_bytes), (Some(0), bytes));
    // What the binary itself takes is no matter of the flood.
    let quiet = shell("echo quiet; read go < $LONGHAUL_PROGRESS.gate");
    let mut gate = quiet.gate();
    let mut quiet = quiet.start();
    quiet.until_printed("quiet");
    let own = peak(&quiet).unwrap();
    gate.open();
    quiet.end();
    assert!((1..own + 2_048).contains(&most), "P12: the shim took {most} KiB, a quiet one {own}");

    let folder = ended.attempt.path("");
    let (head, tail) = (files_of(&folder, "log.head"), files_of(&folder, "log.tail."));
    assert!((15 << 20..=16 << 20).contains(&head), "{head}");
    assert!((14 << 20..=16 << 20).contains(&tail), "{tail}");
    assert_eq!(ended.log.gaps().len(), 1, "a beginning and an end: {:?}", ended.log.gaps());

    let notice = ended.system_lines();
    assert_eq!(notice, "the log is full: of what follows only the last 16777216 bytes are kept\n");
    // Each byte that is kept is the one that was printed there, in the line that it belongs to.
    let (mut behind_notice, cycle) = (0, b"0123456789\n");
    for (header, piece) in &ended.log.frames {
        if header.stream == STREAM_SYSTEM {
            behind_notice = u64::from(header.length);
            continue;
        }
        let (line, column) =
            ((header.offset - behind_notice) / 11, (header.offset - behind_notice) % 11);
        let expected = cycle.iter().cycle().skip(usize::try_from(column).unwrap());
        assert!(piece.iter().eq(expected.take(piece.len())), "{header:?}");
        assert_eq!(header.first_line, line + 1 + u64::from(behind_notice > 0), "{header:?}");
        assert_eq!(header.continues, column > 0, "{header:?}");
    }
}

#[test]
fn what_is_left_in_the_pipe_at_the_end_is_not_lost() {
    // More than one read takes, in the instant of the end.
    let shims: Vec<_> = (0..16)
        .map(|_| shell("head -c 40000 /dev/zero; head -c 60000 /dev/zero").start())
        .collect();
    for shim in shims {
        assert_eq!(shim.end().log.bytes(|_| true).len(), 100_000);
    }
}

#[test]
fn streams_that_are_printed_at_once_are_not_mixed() {
    let script = "i=0; while [ $i -lt 500 ]; do echo o; echo e >&2; i=$((i+1)); done";
    let ended = shell(script).run();
    assert_eq!(ended.log.of(STREAM_STDOUT), "o\n".repeat(500));
    assert_eq!(ended.log.of(STREAM_STDERR), "e\n".repeat(500));
}

#[test]
fn small_caps_hold_and_no_caps_keep_nothing() {
    let mut attempt = shell("i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done");
    attempt.spec.log_head_bytes = 2_000;
    attempt.spec.log_tail_bytes = 16 * 500;
    let ended = attempt.run();
    let folder = ended.attempt.path("");
    assert!(files_of(&folder, "log.head") <= 2_000);
    assert!(files_of(&folder, "log.tail.") <= 16 * 500);
    assert!(ended.log.text().starts_with("line 0\nline 1\n"));
    assert!(ended.log.text().ends_with("line 2998\nline 2999\n"));
    let (last, _) = ended.log.frames.last().unwrap();
    assert!(last.next_line <= 3_002, "3,000 lines and a notice: {last:?}");

    let mut attempt = shell("echo lost; exit 3");
    (attempt.spec.log_head_bytes, attempt.spec.log_tail_bytes) = (0, 0);
    let ended = attempt.run();
    assert_eq!((ended.exit().exit_code, ended.exit().log_bytes), (Some(3), 5));
    assert!(ended.log.frames.is_empty());
}

#[test]
fn a_line_without_an_end_stays_one_line() {
    let mut attempt = shell("head -c 30000000 /dev/zero | tr '\\0' x");
    attempt.spec.log_head_bytes = 64 << 20;
    let ended = attempt.run();
    assert_eq!(ended.exit().log_bytes, 30_000_000);
    assert_eq!(ended.log.bytes(|_| true).len(), 30_000_000);
    for (at, (header, _)) in ended.log.frames.iter().enumerate() {
        assert_eq!((header.first_line, header.next_line, header.continues), (1, 2, at > 0));
    }
}

#[test]
fn bytes_stay_as_they_are_and_both_ends_of_line_count() {
    let ended = shell(r"printf '\377\376\000\200\r\n10%%\r20%%\rdone'; exit 0").run();
    assert_eq!(ended.log.bytes(|_| true), b"\xff\xfe\0\x80\r\n10%\r20%\rdone");
    // Five lines: the first, the empty one of `\r\n`, 10%, 20%, done.
    let (header, piece) = ended.log.frames.last().unwrap();
    let ends = piece.iter().filter(|&&byte| matches!(byte, b'\n' | b'\r')).count() as u64;
    assert_eq!(header.next_line + ends, 6);
}

#[test]
fn streams_stay_apart_and_their_lines_are_numbered_together() {
    let attempt = shell(
        "printf one; read go < $LONGHAUL_PROGRESS.gate; echo two >&2; \
         read go < $LONGHAUL_PROGRESS.gate; echo ' still one'; exec sleep 600",
    );
    let mut gate = attempt.gate();
    let mut shim = attempt.start();
    shim.until_printed("one");
    gate.open();
    shim.until_printed("two");
    gate.open();
    shim.until_printed("still");
    shim.order(LifelineByte::CancelNow);
    let ended = shim.end();
    let seen = ended.log.frames.iter().map(|(h, piece)| {
        (h.stream, h.first_line, h.continues, String::from_utf8_lossy(piece).into_owned())
    });
    let seen: Vec<_> = seen.collect();
    let expected = [
        (STREAM_STDOUT, 1, false, "one"),
        (STREAM_STDERR, 2, false, "two\n"),
        (STREAM_STDOUT, 1, true, " still one\n"),
        (STREAM_SYSTEM, 3, false, "canceled: KILL\n"),
    ];
    assert_eq!(seen, expected.map(|(s, n, c, text)| (s, n, c, text.to_owned())));
}

#[test]
fn a_log_that_cannot_be_written_costs_the_log_alone() {
    let attempt = shell("echo lost; exit 3");
    fs::create_dir_all(attempt.path(LOG_HEAD).join("in the way")).unwrap();
    let ended = attempt.run();
    assert_eq!((ended.exit().exit_code, ended.exit().log_bytes), (Some(3), 5));
    assert!(ended.complaints.starts_with("a part of the log is lost:"), "{}", ended.complaints);
    assert!(ended.news.contains(&(StatusByte::Exited as u8)));
}
