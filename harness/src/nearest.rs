//! The nearest known name to one that was not found.

/// The known name with the fewest edits from `name`, the first of equals; `None` where every one of them is further away
/// than half of the longer name, so that no nonsense is proposed.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|other| (edits(name, other), other))
        .filter(|&(edits, other)| 2 * edits <= name.chars().count().max(other.chars().count()))
        .min_by_key(|&(edits, _)| edits)
        .map(|(_, other)| other)
}

/// What to try instead of `name`: the nearest of `known`, or all of them.
pub fn hint(name: &str, known: &[&str]) -> String {
    match nearest(name, known.iter().copied()) {
        Some(other) => format!("did you mean `{other}`?"),
        None if known.is_empty() => "there are none".to_owned(),
        None => format!("there are: {}", known.join(", ")),
    }
}

/// Insertions, deletions, replacements and swaps of neighbours that turn one name into the other.
///
/// Source: Damerau 1964, Communications of the ACM 7 (optimal string alignment).
fn edits(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_of_textbook_pairs() {
        // Kitten and sitting: three (Wagner & Fischer 1974); a swap of neighbours is one edit (Damerau 1964).
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(edits("ca", "ac"), 1);
        assert_eq!(edits("", "abc"), 3);
    }

    #[test]
    fn a_typing_error_finds_its_name_and_nonsense_finds_none() {
        let known = ["population", "metric", "severity"];
        assert_eq!(nearest("poulation", known), Some("population"));
        assert_eq!(nearest("xyz", known), None);
        assert!(hint("xyz", &known).contains("population, metric"));
    }
}
