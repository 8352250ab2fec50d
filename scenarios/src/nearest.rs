//! The word that somebody may have meant.

/// The known word with the fewest slips (letters added, lost, changed, or two neighbours swapped), the earliest where
/// several are as near; `None` where even that one shares too little to be a slip of the pen: more slips than a third of
/// the longer word, rounded up.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (slips(word, candidate), candidate))
        .filter(|(slips, candidate)| {
            *slips <= word.chars().count().max(candidate.chars().count()).div_ceil(3)
        })
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, candidate)| candidate)
}

/// Advice after an unknown word: the nearest known one, and all that are known in the order given.
pub fn advice<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    let all = known.join(", ");
    match nearest(word, known.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`? Known are {all}"),
        None => format!("known are {all}"),
    }
}

/// Optimal string alignment distance, upper and lower case alike.
fn slips(left: &str, right: &str) -> usize {
    let letters = |word: &str| word.to_lowercase().chars().collect::<Vec<char>>();
    let (left, right) = (letters(left), letters(right));
    let mut two_before: Vec<usize> = Vec::new();
    let mut before: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in right.iter().enumerate() {
            let mut least = (before[j] + usize::from(a != b)).min(before[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == right[j - 1] && left[i - 1] == *b {
                least = least.min(two_before[j - 1] + 1);
            }
            row.push(least);
        }
        two_before = std::mem::replace(&mut before, row);
    }
    before[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_counted_as_in_the_literature() {
        // Levenshtein's own pairs, and one swap (Damerau).
        for (left, right, expected) in [
            ("kitten", "sitting", 3),
            ("", "abc", 3),
            ("flaw", "lawn", 2),
            ("ca", "ac", 1),
            ("Sigma", "sigma", 0),
        ] {
            assert_eq!(slips(left, right), expected, "{left} {right}");
            assert_eq!(slips(right, left), expected, "{right} {left}");
        }
    }

    #[test]
    fn a_slip_finds_its_word_and_nonsense_finds_none() {
        let known = ["k", "at_s", "spread_s", "return_after_s"];
        assert_eq!(nearest("spraed_s", known), Some("spread_s"));
        assert_eq!(nearest("return_after", known), Some("return_after_s"));
        assert_eq!(nearest("temperature", known), None);
        assert_eq!(advice("ats", known), "did you mean `at_s`? Known are k, at_s, spread_s, return_after_s");
        assert_eq!(nearest("x", []), None);
    }
}
