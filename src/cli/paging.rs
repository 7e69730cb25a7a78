//! Lists of jobs, read page by page: as many at once as the server allows.

use serde_json::{Map, Value, json};

use super::client::{Client, read};
use super::exit::Failure;
use super::model::Page;
use super::operations::Operation;

/// The most jobs of a page, unless the server allows fewer.
pub(super) const LARGE: u32 = 100;

/// A list that is read on.
#[derive(Debug)]
pub(super) struct Paging<'a> {
    client: &'a Client,
    operation: Operation,
    variables: Map<String, Value>,
    /// The server refused to give more at once.
    most: u32,
    /// Where the next page begins, `null` for the first; `None` after the last.
    after: Option<Value>,
    /// Where the feed stood when the first page was read, where that was asked for.
    feed: Value,
}

/// What was found of a list.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) rows: Vec<Value>,
    /// There are more.
    pub(super) more: bool,
    /// Where the feed stood when the first page was read, where that was asked for.
    pub(super) feed: Value,
}

impl<'a> Paging<'a> {
    /// The jobs of a document that lists them.
    pub(super) fn new(
        client: &'a Client,
        operation: Operation,
        variables: Map<String, Value>,
    ) -> Self {
        let after = Some(Value::Null);
        Self { client, operation, variables, most: u32::MAX, after, feed: Value::Null }
    }

    /// The next page, of up to so many rows (at least one); `None` after the last. It may be short although more
    /// follows, where no index serves the filter.
    pub(super) async fn next(&mut self, rows: u32) -> Result<Option<Page>, Failure> {
        let Some(after) = self.after.clone() else { return Ok(None) };
        let is_first = after.is_null();
        self.variables.insert("after".to_owned(), after);
        loop {
            let first = rows.min(self.most);
            self.variables.insert("first".to_owned(), json!(first));
            let asked = Value::Object(self.variables.clone());
            match self.client.field(self.operation, &asked, "jobs").await {
                Ok(answer) => {
                    let page: Page = read(self.operation, &answer)?;
                    if is_first {
                        self.feed = answer["feedCursor"].clone();
                    }
                    self.after = page.next().map(Value::from);
                    return Ok(Some(page));
                }
                Err(error) => {
                    let fewer = error.most("first").filter(|&fewer| fewer > 0 && fewer < first);
                    self.most = fewer.ok_or(error)?;
                }
            }
        }
    }

    /// The first rows, up to `limit`.
    pub(super) async fn up_to(mut self, limit: u32) -> Result<Found, Failure> {
        let (mut rows, mut left) = (Vec::new(), limit);
        while left > 0
            && let Some(page) = self.next(left.min(LARGE)).await?
        {
            left = left.saturating_sub(u32::try_from(page.nodes.len()).unwrap_or(u32::MAX));
            rows.extend(page.nodes);
        }
        Ok(Found { rows, more: self.after.is_some(), feed: self.feed })
    }
}
