//! Numbers and verdicts as people read them. Every rendering uses these, so that no two say it differently.

use crate::evidence::{GateRecord, Severity, Verdict};

/// Four significant digits, no trailing zeros; scientific below 1e-4 and from 1e7.
pub(crate) fn number(value: f64) -> String {
    if !value.is_finite() {
        return "not a number".into();
    }
    if value == 0.0 {
        return "0".into();
    }
    let scientific = format!("{value:.3e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if !(-4..7).contains(&exponent) {
        return format!("{}e{exponent}", trimmed(mantissa));
    }
    let decimals = usize::try_from(3 - exponent).unwrap_or(0);
    trimmed(&format!("{value:.decimals$}")).to_owned()
}

fn trimmed(digits: &str) -> &str {
    if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits }
}

/// A count with thousands set apart: `10,000`.
pub(crate) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number with its unit; unit `1` is none.
pub(crate) fn quantity(value: f64, unit: &str) -> String {
    match unit {
        "" | "1" => number(value),
        _ => format!("{} {unit}", number(value)),
    }
}

/// Whether the gate's estimate is a share of episodes, which people read in percent.
pub(crate) fn is_share(gate: &GateRecord) -> bool {
    matches!(gate.kind.as_str(), "rate" | "coverage")
}

/// The gate's estimate, bound or threshold, in percent for shares and in the metric's unit otherwise.
pub(crate) fn gate_value(gate: &GateRecord, value: f64) -> String {
    if is_share(gate) { format!("{} %", number(value * 100.0)) } else { quantity(value, &gate.unit) }
}

/// The gate's estimate, or a dash.
pub(crate) fn estimate(gate: &GateRecord) -> String {
    gate.estimate.map_or_else(|| "-".into(), |value| gate_value(gate, value))
}

/// The gate's interval; an open end is said in words.
pub(crate) fn interval(gate: &GateRecord) -> String {
    let plain = |value: f64| number(if is_share(gate) { value * 100.0 } else { value });
    match gate.interval {
        (Some(low), Some(high)) => format!("{} to {}", plain(low), gate_value(gate, high)),
        (None, Some(high)) => format!("up to {}", gate_value(gate, high)),
        (Some(low), None) => format!("from {}", gate_value(gate, low)),
        (None, None) => "-".into(),
    }
}

/// A moment or a span: `45 s`, `12 min 30 s`, `3 h 20 min`.
pub(crate) fn time(seconds: f64) -> String {
    if !seconds.is_finite() {
        return "not a number".into();
    }
    if seconds < 0.0 {
        return format!("-{}", time(-seconds));
    }
    if seconds < 120.0 {
        return format!("{} s", number(seconds));
    }
    let whole = seconds.round() as u64;
    let (big, small, remainder) = if whole < 7200 { ("min", "s", 60) } else { ("h", "min", 3600) };
    let rest = if remainder == 60 { whole % 60 } else { whole % 3600 / 60 };
    match rest {
        0 => format!("{} {big}", whole / remainder),
        _ => format!("{} {big} {rest} {small}", whole / remainder),
    }
}

/// The verdict in capitals, for banners.
pub(crate) fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "PASS",
        Verdict::Fail => "FAIL",
        Verdict::Undecided => "UNDECIDED",
        Verdict::Error => "ERROR",
        Verdict::Skipped => "SKIPPED",
    }
}

/// The verdict as documents write it, also its style class.
pub(crate) fn verdict_id(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "fail",
        Verdict::Undecided => "undecided",
        Verdict::Error => "error",
        Verdict::Skipped => "skipped",
    }
}

/// The severity as documents write it.
pub(crate) fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Required => "required",
        Severity::Warn => "warn",
    }
}

/// One character beside the word, never instead of it.
pub(crate) fn symbol(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "\u{2713}",
        Verdict::Fail => "\u{2717}",
        Verdict::Undecided => "?",
        Verdict::Error => "!",
        Verdict::Skipped => "-",
    }
}

/// Text as XML or SVG holds it: markup escaped, characters that XML forbids dropped.
pub(crate) fn escape_xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' | '\r' => out.push(' '),
            '\u{fffe}' | '\u{ffff}' => {}
            other if other < ' ' => {}
            other => out.push(other),
        }
    }
    out
}

/// `text` on a single line, for formats where a line break ends the record.
pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        let cases = [
            (0.0, "0"),
            (-0.0, "0"),
            (1.0, "1"),
            (0.012_345_6, "0.01235"),
            (0.000_123_44, "0.0001234"),
            (12_345.6, "12346"),
            (1_234_567.0, "1234567"),
            (9.9999e6, "1e7"),
            (99_999_999.0, "1e8"),
            (-0.000_01, "-1e-5"),
            (99.996, "100"),
            (f64::NAN, "not a number"),
        ];
        for (value, expected) in cases {
            assert_eq!(number(value), expected);
        }
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(count(999), "999");
    }

    #[test]
    fn times_read_well() {
        let cases = [
            (0.0, "0 s"),
            (0.25, "0.25 s"),
            (119.0, "119 s"),
            (120.0, "2 min"),
            (750.0, "12 min 30 s"),
            (12_000.0, "3 h 20 min"),
            (-300.0, "-5 min"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(time(seconds), expected);
        }
    }
}
