//! Numbers the lines of several streams in one count, however they are cut into pieces.

use memchr::memchr_iter;

/// Streams that are told apart.
const STREAMS: usize = 3;

/// The count so far. See [`FrameHeader`](super::FrameHeader) for the law.
#[derive(Debug)]
pub(super) struct Lines {
    /// The number that the next line of any stream gets.
    next: u64,
    /// The line of each stream that has begun and not ended.
    open: [Option<u64>; STREAMS],
}

/// What a frame's header says of its lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Numbers {
    pub(super) first: u64,
    pub(super) continues: bool,
    pub(super) next: u64,
}

impl Lines {
    pub(super) fn new() -> Self {
        Self { next: 1, open: [None; STREAMS] }
    }

    /// Counts a piece of a stream, of at least one byte.
    pub(super) fn count(&mut self, stream: u8, piece: &[u8]) -> Numbers {
        let open = &mut self.open[usize::from(stream)];
        let continues = open.is_some();
        let first = open.unwrap_or_else(|| {
            self.next += 1;
            self.next - 1
        });
        let numbers = Numbers { first, continues, next: self.next };
        let ends = memchr_iter(b'\n', piece).count() + memchr_iter(b'\r', piece).count();
        let ended = matches!(piece.last(), Some(b'\n' | b'\r'));
        let begun = (ends - usize::from(ended)) as u64;
        self.next += begun;
        *open = match (ended, begun) {
            (true, _) => None,
            (false, 0) => Some(first),
            (false, _) => Some(self.next - 1),
        };
        numbers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(first: u64, continues: bool, next: u64) -> Numbers {
        Numbers { first, continues, next }
    }

    #[test]
    fn a_line_keeps_its_number_while_another_stream_goes_on() {
        let mut lines = Lines::new();
        assert_eq!(lines.count(0, b"one\ntwo"), numbers(1, false, 2));
        assert_eq!(lines.count(1, b"three\nfour\n"), numbers(3, false, 4));
        assert_eq!(lines.count(0, b" still two\nfive\nsix"), numbers(2, true, 5));
        assert_eq!(lines.count(0, b" still six"), numbers(6, true, 7));
        assert_eq!(lines.count(0, b"\n"), numbers(6, true, 7));
        assert_eq!(lines.count(1, b"seven\n"), numbers(7, false, 8));
    }

    #[test]
    fn a_carriage_return_ends_a_line_and_so_does_the_newline_behind_it() {
        let mut lines = Lines::new();
        assert_eq!(lines.count(0, b"10%\r20%\r"), numbers(1, false, 2));
        assert_eq!(lines.count(0, b"three\r\n"), numbers(3, false, 4));
        assert_eq!(lines.count(0, b"five"), numbers(5, false, 6));
    }

    #[test]
    fn cutting_a_stream_elsewhere_numbers_its_lines_alike() {
        let text = b"a\nbc\r\rdef\n\n\ng";
        for cut in 1..text.len() - 1 {
            let mut lines = Lines::new();
            let _ = (lines.count(0, &text[..cut]), lines.count(0, &text[cut..]));
            assert_eq!(lines.count(1, b"x"), numbers(8, false, 9), "cut at {cut}");
        }
    }
}
