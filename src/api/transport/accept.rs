//! What a client takes for an answer: the one reader of `Accept` (RFC 9110, section 12.5.1).

use axum::http::HeaderMap;
use axum::http::header::ACCEPT;

/// The ranges of a header, each with what it weighs in thousandths.
pub(super) struct Accept(Vec<(String, u16)>);

/// How much a client wants one type, and where it says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wish {
    /// Thousandths.
    pub(super) weight: u16,
    /// The number of the range that says it: of two that weigh the same the first is meant.
    pub(super) range: usize,
}

impl Accept {
    /// `None`: the client wishes nothing.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let ranges = values.flat_map(|value| value.split(',')).map(range);
        headers.contains_key(ACCEPT).then(|| Self(ranges.collect()))
    }

    /// How much the type `application/…` is wanted. What names it closest counts alone: a type that
    /// is refused by name is not taken since everything is.
    pub(super) fn application(&self, subtype: &str) -> Option<Wish> {
        let named = format!("application/{subtype}");
        let closest = [&named, "application/*", "*/*"].into_iter().find_map(|name| self.said(name));
        closest.filter(|wish| wish.weight > 0)
    }

    /// Whether this type is wanted by its name; no `*` stands for it.
    pub(super) fn names(&self, media: &str) -> bool {
        self.said(media).is_some_and(|wish| wish.weight > 0)
    }

    /// What the first range of this name says, be it that nothing of it is wanted.
    fn said(&self, name: &str) -> Option<Wish> {
        let range = self.0.iter().position(|(range, _)| range == name)?;
        Some(Wish { weight: self.0[range].1, range })
    }
}

fn range(text: &str) -> (String, u16) {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default().to_ascii_lowercase();
    let weight = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim_end().eq_ignore_ascii_case("q").then(|| value.trim_start().parse::<f32>().ok())?
    });
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to 0..=1000 before"
    )]
    let weight = (weight.unwrap_or(1.0).clamp(0.0, 1.0) * 1_000.0) as u16;
    (name, weight)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn accept(values: &[&'static str]) -> Accept {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(ACCEPT, HeaderValue::from_static(value));
        }
        Accept::of(&headers).unwrap()
    }

    #[test]
    fn the_closest_range_decides_what_a_type_weighs() {
        let weight = |values| accept(values).application("json").map(|wish| wish.weight);
        for (values, expected) in [
            (&["application/json"][..], Some(1_000)),
            (&["APPLICATION/JSON ; Q = 0.5"], Some(500)),
            (&["*/*;q=0.1"], Some(100)),
            (&["application/*;q=0.3, */*;q=0.9"], Some(300)),
            (&["*/*, application/json;q=0"], None),
            (&["application/*;q=0, */*"], None),
            (&["text/html"], None),
            (&["text/html", "application/json;q=0.25"], Some(250)),
            (&[""], None),
            // What cannot be read is no weight, and none is outside of its bounds.
            (&["application/json;q=x"], Some(1_000)),
            (&["application/json;q=7"], Some(1_000)),
            (&["application/json;q=-1"], None),
            (&["application/json;q=NaN"], None),
        ] {
            assert_eq!(weight(values), expected, "{values:?}");
        }
    }

    #[test]
    fn a_stream_is_wanted_by_its_name_only() {
        let names = |values| accept(values).names("text/event-stream");
        assert!(names(&["text/event-stream"]) && names(&["*/*", "Text/Event-Stream;q=0.1"]));
        assert!(!names(&["*/*"]) && !names(&["text/*"]) && !names(&["text/event-stream;q=0"]));
    }
}
