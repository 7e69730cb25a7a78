//! All sources of a plan together, in the order of the list, one entry at a time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::ControlFlow;

use rusqlite::types::ToSql;
use rusqlite::{Connection, Rows};

use crate::domain::id::AcceptNo;
use crate::store::listing::{Plan, Source, Way, from_on};
use crate::store::query::Position;
use crate::store::sqlite::failure::Failure;

/// Is shown each position; says whether to go on.
pub(super) type Visit<'a> = dyn FnMut(Position) -> Result<ControlFlow<()>, Failure> + 'a;

/// What one source still has.
enum Rest<'a> {
    Rows(Rows<'a>),
    List(Box<dyn Iterator<Item = Position> + 'a>),
}

impl Rest<'_> {
    fn next(&mut self) -> Result<Option<Position>, Failure> {
        match self {
            Self::List(list) => Ok(list.next()),
            Self::Rows(rows) => match rows.next()? {
                None => Ok(None),
                Some(row) => {
                    Ok(Some(Position { rank: row.get(0)?, accepted: AcceptNo(row.get(1)?) }))
                }
            },
        }
    }
}

/// Shows `visit` each position of the plan once, from `from` on, which belongs to it. Entries are
/// read as they are shown: who stops early has not paid for the rest.
pub(super) fn walk(
    conn: &Connection,
    plan: &Plan,
    way: Way,
    from: Position,
    visit: &mut Visit<'_>,
) -> Result<(), Failure> {
    let from = plan.clip.enter(way, from);
    let mut statements = Vec::new();
    for source in &plan.sources {
        if let Source::Index(range) = source
            && let Some(parameters) = range.parameters(way, from)
        {
            statements.push((conn.prepare_cached(&range.sql(way))?, parameters));
        }
    }
    let mut rests = Vec::new();
    for (statement, parameters) in &mut statements {
        let named: Vec<(&str, &dyn ToSql)> =
            parameters.iter().map(|(name, value)| (*name, value.as_ref())).collect();
        rests.push(Rest::Rows(statement.query(named.as_slice())?));
    }
    rests.extend(plan.sources.iter().filter_map(|source| match source {
        Source::List(list) => Some(Rest::List(from_on(list, way, from))),
        Source::Index(_) => None,
    }));
    merge(rests, way, &mut |at| {
        if plan.clip.is_left(way, at) { Ok(ControlFlow::Break(())) } else { visit(at) }
    })
}

fn merge(mut rests: Vec<Rest<'_>>, way: Way, visit: &mut Visit<'_>) -> Result<(), Failure> {
    // Complements turn the order round without leaving the numbers.
    let key = |at: Position| match way {
        Way::Up => (at.rank, at.accepted.0),
        Way::Down => (!at.rank, !at.accepted.0),
    };
    let mut heads = BinaryHeap::new();
    for (index, rest) in rests.iter_mut().enumerate() {
        heads.extend(rest.next()?.map(|at| Reverse((key(at), at, index))));
    }
    let mut last = None;
    while let Some(Reverse((_, at, index))) = heads.pop() {
        heads.extend(rests[index].next()?.map(|at| Reverse((key(at), at, index))));
        // A job may lie in more than one of them.
        if last.replace(at) == Some(at) {
            continue;
        }
        if visit(at)?.is_break() {
            break;
        }
    }
    Ok(())
}

/// How many entries the sources have together, counted up to one more than `most`.
pub(super) fn entries(
    conn: &Connection,
    sources: &[Source],
    most: usize,
) -> Result<usize, Failure> {
    let mut total = 0;
    for source in sources {
        let limit = most.saturating_sub(total).saturating_add(1);
        total += match source {
            Source::List(list) => list.len(),
            Source::Index(range) => {
                let way = Way::Up;
                let Some(parameters) = range.parameters(way, way.start()) else { continue };
                let named: Vec<(&str, &dyn ToSql)> =
                    parameters.iter().map(|(name, value)| (*name, value.as_ref())).collect();
                let mut statement = conn.prepare_cached(&range.sql(way))?;
                let mut rows = statement.query(named.as_slice())?;
                let mut count = 0;
                while count < limit && rows.next()?.is_some() {
                    count += 1;
                }
                count
            }
        };
        if total > most {
            break;
        }
    }
    Ok(total)
}
