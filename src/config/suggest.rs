//! "Did you mean": the known word that a mistyped one most likely stands for.

/// The known word nearest to `word`, where one is near enough to be worth naming.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let allowed = (word.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|candidate| (distance(&word, &candidate.to_lowercase()), candidate))
        .filter(|&(distance, _)| distance <= allowed)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

/// How many letters must be put in, taken out, changed or swapped with their neighbour.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    let mut previous = None;
    for (i, letter) in from.chars().enumerate() {
        let mut next = vec![i + 1];
        for (j, &other) in to.iter().enumerate() {
            let mut best = (row[j] + usize::from(letter != other)).min(row[j + 1] + 1);
            best = best.min(next[j] + 1);
            if j > 0 && previous == Some(other) && to[j - 1] == letter {
                best = best.min(before[j - 1] + 1);
            }
            next.push(best);
        }
        previous = Some(letter);
        before = std::mem::replace(&mut row, next);
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        let known = ["listen", "data", "drain_timeout"];
        assert_eq!(nearest("lisen", known), Some("listen"));
        assert_eq!(nearest("drain-timeout", known), Some("drain_timeout"));
        assert_eq!(nearest("Data", known), Some("data"));
        assert_eq!(nearest("adta", known), Some("data"), "two letters swapped");
        assert_eq!(nearest("colour", known), None);
        assert_eq!(nearest("", known), None);
    }
}
