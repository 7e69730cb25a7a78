//! Texts for people, which hold what somebody else wrote: so they have a length.

/// The text, or the beginning of it and a mark: at most so many bytes, and the mark.
pub fn shortened(mut text: String, most: usize) -> String {
    if text.len() > most {
        let mut end = most;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_cut_between_characters_and_says_so() {
        for (text, expected) in
            [("", ""), ("abc", "abc"), ("abcd", "abc…"), ("aé", "aé"), ("abéd", "ab…")]
        {
            assert_eq!(shortened(text.to_owned(), 3), expected, "{text}");
        }
    }
}
