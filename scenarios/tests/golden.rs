//! Draws agree with words computed by a program that shares no code with ours; see `data/SOURCE.md`.

use scenarios::draw::normal_quantile;
use scenarios::seed::{Seed, streams};
use serde_json::Value;

fn expected() -> Value {
    serde_json::from_str(include_str!("data/stream_words.json")).expect("stream_words.json is JSON")
}

fn number(value: &Value) -> u64 {
    value.as_str().and_then(|digits| digits.parse().ok()).expect("a whole number in quotes")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

#[test]
fn streams_give_the_words_of_the_reference() {
    let expected = expected();
    assert_eq!(list(&expected["streams"]).len(), 5);
    for case in list(&expected["streams"]) {
        let text = |key: &str| case[key].as_str().expect("text").to_owned();
        let (population, name) = (text("population"), text("name"));
        let all = streams(Seed(number(&case["seed"])), &population, number(&case["index"]));

        let mut stream = all.named(&name);
        let words: Vec<u64> = (0..100).map(|_| stream.word()).collect();
        for (at, word) in list(&case["word_positions"]).iter().zip(list(&case["words"])) {
            let at = at.as_u64().expect("a position") as usize;
            assert_eq!(words[at], number(word), "word {at} of {name} in {population}");
        }

        let mut stream = all.named(&name);
        for uniform in list(&case["uniform"]) {
            assert_eq!(Some(stream.uniform()), uniform.as_f64());
        }
        let mut stream = all.named(&name);
        for below in list(&case["below_7"]) {
            assert_eq!(stream.below(7), below.as_u64());
        }
        // A quarter of all words is rejected below 3 x 2^62, so this walks through rejections.
        let mut stream = all.named(&name);
        for below in list(&case["below_3_times_2_to_62"]) {
            assert_eq!(stream.below(3 << 62), Some(number(below)));
        }
    }
}

#[test]
fn normal_quantiles_agree_with_fifty_digits() {
    let expected = expected();
    assert_eq!(list(&expected["normal"]).len(), 11);
    for case in list(&expected["normal"]) {
        let (p, z) = (case["p"].as_f64().expect("p"), case["z"].as_f64().expect("z"));
        // Wichura claims about 1e-16 for the approximation; rounding in two polynomials of degree 7 adds a few units.
        assert!((normal_quantile(p) - z).abs() <= 1e-15 * z.abs(), "{p}: {} {z}", normal_quantile(p));
    }
}
