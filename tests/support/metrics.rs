//! Reads what `/metrics` shows, by the rules of Prometheus's text format and not one word more.

use std::collections::{BTreeMap, BTreeSet};

/// A page of numbers.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// Each name with its type.
    pub(crate) types: BTreeMap<String, String>,
    /// Each series and its number, both as they are written.
    pub(crate) series: BTreeMap<String, String>,
}

impl Page {
    /// Fails at the first line that is not allowed.
    pub(crate) fn read(text: &str) -> Self {
        assert!(text.ends_with('\n'), "the last line has an end");
        let mut page = Self::default();
        let (mut helped, mut current) = (BTreeSet::new(), String::new());
        for line in text.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, words) = help.split_once(' ').expect(line);
                assert!(!words.is_empty() && helped.insert(name.to_owned()), "{line}");
            } else if let Some(ty) = line.strip_prefix("# TYPE ") {
                let (name, ty) = ty.split_once(' ').expect(line);
                assert!(["counter", "gauge", "histogram"].contains(&ty), "{line}");
                assert!(helped.contains(name) && is_name(name), "{line}");
                assert_eq!(name.ends_with("_total"), ty == "counter", "{line}");
                assert_eq!(page.types.insert(name.to_owned(), ty.to_owned()), None, "{line}");
                name.clone_into(&mut current);
            } else {
                page.sample(line, &current);
            }
        }
        page.check_histograms();
        page
    }

    fn sample(&mut self, line: &str, current: &str) {
        let (series, value) = line.rsplit_once(' ').expect(line);
        let number: f64 = value.parse().expect(line);
        let (name, labels) = match series.split_once('{') {
            Some((name, labels)) => (name, labels.strip_suffix('}').expect(line)),
            None => (series, ""),
        };
        let of_histogram =
            || ["_bucket", "_sum", "_count"].map(|ending| format!("{current}{ending}"));
        match self.types.get(current).expect(line).as_str() {
            "histogram" => assert!(of_histogram().iter().any(|own| own == name), "{line}"),
            ty => assert!(name == current && (ty != "counter" || number >= 0.0), "{line}"),
        }
        let mut names = BTreeSet::new();
        for label in labels.split(',').filter(|label| !label.is_empty()) {
            let (name, value) = label.split_once('=').expect(line);
            let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
            // None of ours has a character that must be escaped.
            assert!(!value.expect(line).contains(['"', '\\']), "{line}");
            assert!(is_name(name) && names.insert(name), "{line}");
        }
        assert_eq!(self.series.insert(series.to_owned(), value.to_owned()), None, "{line}");
    }

    fn check_histograms(&self) {
        for (name, _) in self.types.iter().filter(|(_, ty)| *ty == "histogram") {
            let mut last: BTreeMap<String, Vec<(f64, &str)>> = BTreeMap::new();
            for (series, count) in &self.series {
                let Some(labels) = series.strip_prefix(&format!("{name}_bucket{{")) else {
                    continue;
                };
                let (others, bound) =
                    labels.strip_suffix("\"}").unwrap().split_once("le=\"").unwrap();
                let bound = bound.replace("+Inf", "inf").parse().unwrap();
                last.entry(others.trim_end_matches(',').to_owned())
                    .or_default()
                    .push((bound, count));
            }
            assert!(!last.is_empty(), "{name}");
            for (labels, mut buckets) in last {
                buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
                let counts: Vec<u64> =
                    buckets.iter().map(|(_, count)| count.parse().unwrap()).collect();
                assert!(counts.is_sorted(), "{name} {buckets:?}");
                let labels = if labels.is_empty() { labels } else { format!("{{{labels}}}") };
                let (bound, all) = *buckets.last().unwrap();
                assert!(bound.is_infinite(), "{name}{labels}");
                assert_eq!(self.of(&format!("{name}_count{labels}")), all, "{name}{labels}");
                assert!(self.number(&format!("{name}_sum{labels}")) >= 0.0, "{name}{labels}");
            }
        }
    }

    /// The number of a series, which must be there, as it is written.
    pub(crate) fn of(&self, series: &str) -> &str {
        self.series.get(series).unwrap_or_else(|| panic!("no {series}: {:#?}", self.series))
    }

    /// The same as a number.
    pub(crate) fn number(&self, series: &str) -> f64 {
        self.of(series).parse().unwrap()
    }
}

fn is_name(name: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_lowercase() || c == '_';
    name.starts_with(is_letter) && name.chars().all(|c| is_letter(c) || c.is_ascii_digit())
}
