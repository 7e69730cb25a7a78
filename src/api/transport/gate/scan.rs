//! The first look at a document: one linear scan of its text, before any parser sees it.
//!
//! The parser recurses once for each bracket, so 3 KB of `[[[…` overflow its stack and abort the
//! process. This scan counts brackets and tokens without recursing, and refuses what it cannot cut
//! into tokens: strings and comments must end here exactly where the parser ends them, or a
//! bracket could hide in one.

/// What a text holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Size {
    /// Tokens, as the GraphQL specification cuts them.
    pub(super) tokens: u64,
    /// The deepest that brackets of all three sorts nest.
    pub(super) nesting: u64,
}

pub(super) const BEGINS_NONE: &str = "a character that begins no token";
pub(super) const ENDS_NOT: &str = "a string that does not end, which begins";

/// A text that is no sequence of GraphQL tokens.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} at byte {at}")]
pub(super) struct NotTokens {
    pub(super) what: &'static str,
    pub(super) at: usize,
}

/// Cuts `text` into tokens and counts them. Time is linear in its length; nothing is allocated.
pub(super) fn scan(text: &str) -> Result<Size, NotTokens> {
    let bytes = text.as_bytes();
    let mut size = Size::default();
    let mut open = 0_u64;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at = match byte {
            b' ' | b'\t' | b',' | b'\n' | b'\r' => {
                at += 1;
                continue;
            }
            b'#' => {
                at = end_of_comment(bytes, at);
                continue;
            }
            0xEF if bytes[at..].starts_with("\u{feff}".as_bytes()) => {
                at += 3;
                continue;
            }
            b'(' | b'[' | b'{' => {
                open += 1;
                size.nesting = size.nesting.max(open);
                at + 1
            }
            b')' | b']' | b'}' => {
                open = open.saturating_sub(1);
                at + 1
            }
            b'!' | b'$' | b'&' | b':' | b'=' | b'@' | b'|' => at + 1,
            b'.' if bytes[at..].starts_with(b"...") => at + 3,
            b'"' => end_of_string(bytes, at)?,
            b'-' | b'0'..=b'9' => end_of_number(bytes, at),
            b'_' | b'a'..=b'z' | b'A'..=b'Z' => {
                run(bytes, at, |b| b == b'_' || b.is_ascii_alphanumeric())
            }
            _ => return Err(NotTokens { what: BEGINS_NONE, at }),
        };
        size.tokens += 1;
    }
    Ok(size)
}

/// The first index from `at` whose byte does not fit.
fn run(bytes: &[u8], at: usize, fits: impl Fn(u8) -> bool) -> usize {
    bytes[at..].iter().position(|&b| !fits(b)).map_or(bytes.len(), |n| at + n)
}

fn end_of_comment(bytes: &[u8], at: usize) -> usize {
    run(bytes, at, |b| b != b'\n' && b != b'\r')
}

/// A sign, digits, a fraction, an exponent, each part only where it is whole: `1-1` is two numbers
/// to the parser.
fn end_of_number(bytes: &[u8], at: usize) -> usize {
    let digits = |from| run(bytes, from, |b| b.is_ascii_digit());
    let mut end = digits(if bytes[at] == b'-' { at + 1 } else { at });
    if bytes.get(end) == Some(&b'.') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit) {
        end = digits(end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        if bytes.get(end + 1 + sign).is_some_and(u8::is_ascii_digit) {
            end = digits(end + 1 + sign);
        }
    }
    end
}

fn end_of_string(bytes: &[u8], at: usize) -> Result<usize, NotTokens> {
    let unterminated = NotTokens { what: ENDS_NOT, at };
    if bytes[at..].starts_with(b"\"\"\"") {
        let mut end = at + 3;
        while end < bytes.len() {
            if bytes[end..].starts_with(b"\\\"\"\"") {
                end += 4;
            } else if bytes[end..].starts_with(b"\"\"\"") {
                return Ok(end + 3);
            } else {
                end += 1;
            }
        }
        return Err(unterminated);
    }
    let mut end = at + 1;
    loop {
        match bytes.get(end) {
            Some(b'"') => return Ok(end + 1),
            Some(b'\\') => end += 2,
            None | Some(b'\n' | b'\r') => return Err(unterminated),
            Some(_) => end += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(text: &str) -> (u64, u64) {
        let size = scan(text).unwrap();
        (size.tokens, size.nesting)
    }

    #[test]
    fn tokens_are_those_of_the_specification() {
        for (text, tokens) in [
            ("", 0),
            ("{ a }", 3),
            ("\u{feff}{a,b # c d e\r d\n}", 5),
            ("query Q($v: [Int!]! = -1.5e+3) @x { ...F }", 20),
            ("1-1", 2),
            ("1.5.5", 0),
            ("...a", 2),
            (r#""a \" # { b" """x { \""" " { """"#, 2),
            (r#""" "" """""""#, 3),
        ] {
            let found = scan(text).map_or(0, |size| size.tokens);
            assert_eq!(found, tokens, "{text}");
        }
    }

    #[test]
    fn brackets_in_strings_and_comments_do_not_nest() {
        assert_eq!(size("{ a(b: [\"[[[[\"]) # {{{{\n }").1, 3);
        assert_eq!(size("{ a(b: \"\"\"[[[[\"\"\") }").1, 2);
        assert_eq!(size("}}}}{{").1, 2);
    }

    #[test]
    fn what_is_no_token_is_refused() {
        for text in ["\"", "\"a\nb\"", "\"\"\"a", "\"a\\", "{ é }", "a ? b", "..", "\u{0}"] {
            assert!(scan(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_quarter_of_a_megabyte_of_brackets_is_only_counted() {
        // P12: the parser would overflow its stack at 3 KB of these.
        for bracket in ["[", "{", "("] {
            assert_eq!(size(&bracket.repeat(256 * 1024)), (262_144, 262_144));
        }
    }
}
