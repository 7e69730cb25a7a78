//! Cursors: opaque to the client, and each good for its own list only.
//!
//! A letter for the list, then numbers, all in hexadecimal. A log's cursor carries a part of the
//! job's id too, so that one job's place is not taken for another's.

use crate::api::error::{ApiError, Result};
use crate::api::types::scalar::Cursor;
use crate::domain::id::{AcceptNo, EventNo, JobId};
use crate::domain::job::Job;
use crate::domain::log::{LogCursor, LogFrom};
use crate::store::query::{JobOrder, Position};

const ACCEPTED: u8 = b'j';
const LINE: u8 = b'q';
const ENDED: u8 = b't';
const EVENT: u8 = b'e';
const LOG: u8 = b'l';
const TIMELINE: u8 = b'h';

/// The position of a job in a list of jobs.
pub(crate) fn of_job(order: JobOrder, job: &Job) -> Cursor {
    of_position(order, order.position(job))
}

/// A position in a list of jobs. Both orders by acceptance share theirs.
pub(crate) fn of_position(order: JobOrder, Position { rank, accepted }: Position) -> Cursor {
    let accepted = accepted.0.to_be_bytes();
    match ranked(order) {
        None => encode(ACCEPTED, &[&accepted]),
        Some(list) => encode(list, &[&rank.to_be_bytes(), &accepted]),
    }
}

/// The letter of an order that goes by something else before it goes by acceptance.
fn ranked(order: JobOrder) -> Option<u8> {
    match order {
        JobOrder::Newest | JobOrder::Oldest => None,
        JobOrder::QueueOrder => Some(LINE),
        JobOrder::RecentlyEnded => Some(ENDED),
    }
}

/// The position of an event in the feed.
pub(crate) fn of_event(no: EventNo) -> Cursor {
    encode(EVENT, &[&no.0.to_be_bytes()])
}

/// The position of a line in the log of `job`; `None`: before the first.
pub(crate) fn of_line(job: JobId, line: Option<LogCursor>) -> Cursor {
    let line = line.unwrap_or(LogCursor { attempt: 0, offset: 0 });
    encode(LOG, &[job_part(&job), &line.attempt.to_be_bytes(), &line.offset.to_be_bytes()])
}

/// Reads a position in a list of jobs.
pub(crate) fn job(order: JobOrder, argument: &str, cursor: &Cursor) -> Result<Position> {
    let (rank, accepted) = match ranked(order) {
        None => (0, i64::from_be_bytes(decode(ACCEPTED, argument, cursor)?)),
        Some(list) => {
            let both = i128::from_be_bytes(decode(list, argument, cursor)?);
            #[expect(clippy::cast_possible_truncation, reason = "the two halves, one by one")]
            let halves = ((both >> 64) as i64, both as i64);
            halves
        }
    };
    Ok(Position { rank, accepted: AcceptNo(accepted) })
}

/// Reads a position in the feed.
pub(crate) fn event(argument: &str, cursor: &Cursor) -> Result<EventNo> {
    let bytes: [u8; 8] = decode(EVENT, argument, cursor)?;
    Ok(EventNo(i64::from_be_bytes(bytes)))
}

/// Reads a position in the log of `job`; `None`: before the first line.
pub(crate) fn line(argument: &str, job: JobId, cursor: &Cursor) -> Result<Option<LogCursor>> {
    let bytes: [u8; 16] = decode(LOG, argument, cursor)?;
    let (part, rest) = bytes.split_at(4);
    if part != job_part(&job) {
        return Err(foreign(argument));
    }
    let number = |bytes: &[u8]| bytes.iter().fold(0_u64, |n, &b| (n << 8) | u64::from(b));
    let attempt = u32::try_from(number(&rest[..4])).map_err(|_| foreign(argument))?;
    let offset = number(&rest[4..]);
    Ok((attempt > 0).then_some(LogCursor { attempt, offset }))
}

/// The position of an event in the timeline of `job`.
pub(crate) fn of_timeline(job: JobId, no: EventNo) -> Cursor {
    encode(TIMELINE, &[job_part(&job), &no.0.to_be_bytes()])
}

/// Reads a position in the timeline of `job`.
pub(crate) fn timeline(argument: &str, job: JobId, cursor: &Cursor) -> Result<EventNo> {
    let bytes: [u8; 12] = decode(TIMELINE, argument, cursor)?;
    match bytes.split_first_chunk::<4>() {
        Some((part, no)) if part == job_part(&job) => {
            Ok(EventNo(i64::from_be_bytes(no.try_into().map_err(|_| foreign(argument))?)))
        }
        _ => Err(foreign(argument)),
    }
}

/// Where a log is read on from.
pub(crate) fn after(line: Option<LogCursor>) -> LogFrom {
    line.map_or(LogFrom::Start, LogFrom::After)
}

fn job_part(job: &JobId) -> &[u8] {
    // The random end: the beginning is the time, which neighbours share.
    &job.as_bytes()[12..]
}

fn encode(list: u8, parts: &[&[u8]]) -> Cursor {
    Cursor(format!("{}{}", char::from(list), hex::encode(parts.concat())))
}

fn decode<const N: usize>(list: u8, argument: &str, cursor: &Cursor) -> Result<[u8; N]> {
    let mut bytes = [0; N];
    let read = cursor
        .0
        .strip_prefix(char::from(list))
        .is_some_and(|digits| hex::decode_to_slice(digits, &mut bytes).is_ok());
    if read { Ok(bytes) } else { Err(foreign(argument)) }
}

fn foreign(argument: &str) -> ApiError {
    let message = format!("`{argument}` is no cursor of this list: give one that it gave");
    ApiError::invalid_input(argument, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::from_unix_millis;

    #[test]
    fn a_cursor_is_read_by_its_own_list_only() {
        let of = |n| JobId::new(from_unix_millis(0), [n; 10]);
        let place = LogCursor { attempt: 2, offset: u64::from(u32::MAX) + 7 };
        let log = of_line(of(1), Some(place));
        assert_eq!(line("after", of(1), &log).unwrap(), Some(place));
        assert_eq!(line("after", of(1), &of_line(of(1), None)).unwrap(), None);
        assert!(line("after", of(2), &log).is_err(), "another job's log");
        let timeline_of = of_timeline(of(1), EventNo(7));
        assert_eq!(timeline("after", of(1), &timeline_of).unwrap(), EventNo(7));
        assert!(timeline("after", of(2), &timeline_of).is_err(), "another job's timeline");
        let feed = of_event(EventNo(42));
        assert_eq!(event("after", &feed).unwrap(), EventNo(42));
        for foreign in
            [&feed, &log, &Cursor(String::new()), &Cursor("j12".into()), &Cursor("jé".into())]
        {
            assert!(job(JobOrder::Newest, "after", foreign).is_err(), "{foreign:?}");
        }
    }

    #[test]
    fn a_place_in_one_order_is_none_in_another() {
        let orders =
            [JobOrder::Newest, JobOrder::Oldest, JobOrder::QueueOrder, JobOrder::RecentlyEnded];
        for order in orders {
            let rank = if ranked(order).is_some() { -7 } else { 0 };
            let place = Position { rank, accepted: AcceptNo(i64::MAX - 3) };
            let cursor = of_position(order, place);
            for reader in orders {
                let read = job(reader, "after", &cursor).ok();
                let same = ranked(reader) == ranked(order);
                assert_eq!(read, same.then_some(place), "{order:?} by {reader:?}");
            }
        }
    }
}
