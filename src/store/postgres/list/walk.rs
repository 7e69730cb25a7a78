//! All sources of a plan together, in the order of the list, a piece at a time.

use super::source::Parameters;
use crate::domain::id::AcceptNo;
use crate::store::listing::{Plan, Source, Way, from_on};
use crate::store::postgres::failure::Failure;
use crate::store::postgres::readers::Moment;
use crate::store::postgres::row::get;
use crate::store::query::Position;

/// The most positions that are read at once.
const MOST: usize = 2_000;

/// A walk over a plan. Who stops early has paid for one piece too much at most.
pub(super) struct Walk<'a> {
    moment: &'a Moment<'a>,
    plan: &'a Plan,
    way: Way,
    /// Where the next piece begins; `None`: there is no more.
    from: Option<Position>,
}

impl<'a> Walk<'a> {
    /// From `from` on, which belongs to it.
    pub(super) fn new(moment: &'a Moment<'a>, plan: &'a Plan, way: Way, from: Position) -> Self {
        Self { moment, plan, way, from: Some(plan.clip.enter(way, from)) }
    }

    /// About the next `count` positions, each once; empty at the end.
    pub(super) async fn next(&mut self, count: usize) -> Result<Vec<Position>, Failure> {
        // A piece may hold nothing but what was shown before.
        while let Some(from) = self.from {
            let piece = self.piece(from, count.clamp(1, MOST)).await?;
            if !piece.is_empty() {
                return Ok(piece);
            }
        }
        Ok(Vec::new())
    }

    async fn piece(&mut self, from: Position, count: usize) -> Result<Vec<Position>, Failure> {
        let way = self.way;
        let mut piece = self.indexed(from, count).await?;
        let last = piece.last().copied().filter(|_| piece.len() == count);
        self.from = last.map(|last| way.past(last));
        for source in &self.plan.sources {
            if let Source::List(list) = source {
                piece.extend(from_on(list, way, from));
            }
        }
        piece.sort_unstable();
        // A job may lie in more than one of them.
        piece.dedup();
        if way == Way::Down {
            piece.reverse();
        }
        if let Some(last) = last {
            // What lists have beyond it comes with the next piece.
            piece.retain(|at| if way == Way::Up { *at <= last } else { *at >= last });
        }
        if let Some(end) = piece.iter().position(|at| self.plan.clip.is_left(way, *at)) {
            piece.truncate(end);
            self.from = None;
        }
        Ok(piece)
    }

    async fn indexed(&self, from: Position, count: usize) -> Result<Vec<Position>, Failure> {
        let mut parameters = Parameters::default();
        let Some(all) = union(&self.plan.sources, (self.way, from), count, &mut parameters) else {
            return Ok(Vec::new());
        };
        let order = if self.way == Way::Up { "ASC" } else { "DESC" };
        let sql = format!(
            "SELECT rank, no FROM ({all}) AS found ORDER BY rank {order}, no {order} LIMIT {count}"
        );
        let rows = self.moment.rows_of(&sql, &parameters.typed()).await?;
        let position = |row| Ok(Position { rank: get(row, 0)?, accepted: AcceptNo(get(row, 1)?) });
        rows.iter().map(position).collect()
    }
}

/// The pieces of indexes among the sources as one query; `None` where there are none.
fn union(
    sources: &[Source],
    (way, from): (Way, Position),
    limit: usize,
    parameters: &mut Parameters,
) -> Option<String> {
    let branches: Vec<_> = sources
        .iter()
        .filter_map(|source| match source {
            Source::Index(range) => range.branch(way, from, limit, parameters),
            Source::List(_) => None,
        })
        .map(|branch| format!("({branch})"))
        .collect();
    (!branches.is_empty()).then(|| branches.join(" UNION ALL "))
}

/// How many entries the sources have together, counted up to one more than `most`.
pub(super) async fn entries(
    moment: &Moment<'_>,
    sources: &[Source],
    most: usize,
) -> Result<usize, Failure> {
    let limit = most.saturating_add(1);
    let lists = sources.iter().map(|source| match source {
        Source::List(list) => list.len(),
        Source::Index(_) => 0,
    });
    let listed: usize = lists.sum();
    let (way, mut parameters) = (Way::Up, Parameters::default());
    let Some(all) = union(sources, (way, way.start()), limit, &mut parameters) else {
        return Ok(listed);
    };
    let sql = format!("SELECT count(*) FROM (SELECT FROM ({all}) AS found LIMIT {limit}) AS few");
    let rows = moment.rows_of(&sql, &parameters.typed()).await?;
    let found = rows.first().map(|row| get::<i64>(row, 0)).transpose()?.unwrap_or_default();
    Ok(listed + usize::try_from(found).unwrap_or(usize::MAX))
}
