//! Parsed documents by their text: clients send the same few again and again, and parsing is most
//! of what a small request costs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_graphql::parser::types::ExecutableDocument;

/// How many documents one generation holds; two are kept.
const GENERATION: usize = 256;
/// Longer texts are not kept: they are rare, and would make the bound a large one.
const MAX_TEXT: usize = 16 * 1024;

/// A bounded map. When the young generation is full it becomes the old one, and what was not asked
/// for since falls away: as good as least-recently-used here, without a list to keep.
#[derive(Default)]
pub(super) struct Cache(Mutex<Generations>);

#[derive(Default)]
struct Generations {
    young: HashMap<Arc<str>, Arc<ExecutableDocument>>,
    old: HashMap<Arc<str>, Arc<ExecutableDocument>>,
}

impl Cache {
    pub(super) fn get(&self, text: &str) -> Option<Arc<ExecutableDocument>> {
        let mut generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(document) = generations.young.get(text) {
            return Some(Arc::clone(document));
        }
        let (text, document) = generations.old.remove_entry(text)?;
        generations.insert(text, Arc::clone(&document));
        Some(document)
    }

    pub(super) fn insert(&self, text: &str, document: Arc<ExecutableDocument>) {
        if text.len() <= MAX_TEXT {
            let mut generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            generations.insert(text.into(), document);
        }
    }
}

impl Generations {
    fn insert(&mut self, text: Arc<str>, document: Arc<ExecutableDocument>) {
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(text, document);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_graphql::parser::parse_query;

    #[test]
    fn it_never_holds_more_than_two_generations_and_keeps_what_is_asked_for() {
        // P12
        let cache = Cache::default();
        let document = Arc::new(parse_query("{ a }").unwrap());
        for n in 0..GENERATION * 5 {
            cache.insert(&format!("{{ a{n} }}"), Arc::clone(&document));
            assert!(cache.get("{ a0 }").is_some(), "asked for every time, gone after {n}");
        }
        let generations = cache.0.lock().unwrap();
        assert!(generations.young.len() + generations.old.len() <= 2 * GENERATION);
        drop(generations);
        cache.insert(&" ".repeat(MAX_TEXT + 1), document);
        assert!(cache.get(&" ".repeat(MAX_TEXT + 1)).is_none());
    }
}
