//! Delays between observation and action, in words: the section of a report, and the margins for a terminal.

use crate::evidence::Evidence;
use crate::latency::{LatencyFile, LatencyMargin, LatencyRecord, MarginStatus};
use crate::words;

/// Scenarios that are listed.
const SHOWN: usize = 20;

/// The section of a report: (name, text). Empty where the evidence has no delays.
pub fn facts(evidence: &Evidence) -> Vec<(String, String)> {
    evidence.latency.as_ref().map(of_record).unwrap_or_default()
}

fn of_record(record: &LatencyRecord) -> Vec<(String, String)> {
    let fact = |name: &str, text: String| (name.to_owned(), text);
    let ms = |value: f64| format!("{} ms", words::number(value));
    let tally = &record.tally;
    let mean_ms = |sum_ns: u64, n: u64| ms(if n > 0 { sum_ns as f64 / n as f64 / 1e6 } else { 0.0 });
    let mut facts = vec![fact("Time of a decision", record.source.clone())];
    if !record.reproducible {
        facts.push(fact(
            "Not reproducible",
            "the delays are those of this run's clock: exploration only".into(),
        ));
    }
    if let Some(file) = &record.file {
        let pinned = if file.pinned { "on one processor" } else { "not confined to one processor" };
        facts.push(fact(
            "Recorded",
            format!(
                "p50 {}, p99 {}, longest {} in {} calls by the adapter {}, {pinned}",
                ms(file.p50_ms),
                ms(file.p99_ms),
                ms(file.max_ms),
                words::count(file.calls),
                file.adapter
            ),
        ));
    }
    facts.push(fact(
        "Way",
        format!(
            "measurement {}, command {}, actuation {}; while busy: {}",
            ms(record.measurement_ms),
            ms(record.command_ms),
            ms(record.actuation_ms),
            record.queue
        ),
    ));
    facts.push(fact(
        "Decisions",
        format!(
            "{} begun, {} took effect; {} observations skipped, {} decisions cut short, {} under way at the end",
            words::count(tally.decisions),
            words::count(tally.landed),
            words::count(tally.skipped),
            words::count(tally.preempted),
            words::count(tally.pending)
        ),
    ));
    facts.push(match record.deadline_ms {
        None => fact("Deadline", "none".into()),
        Some(deadline_ms) => fact(
            "Deadline",
            format!(
                "{} after the measurement, {}: {} missed, {} dropped, {} repeated, {} fell back",
                ms(deadline_ms),
                record.late,
                words::count(tally.missed),
                words::count(tally.dropped),
                words::count(tally.repeated),
                words::count(tally.fell_back)
            ),
        ),
    });
    facts.push(fact(
        "Age of what was seen",
        format!(
            "mean {}, at most {} when a decision began; mean {}, at most {} when its command took effect",
            mean_ms(tally.age_sum_ns, tally.decisions),
            ms(tally.age_max_ns as f64 / 1e6),
            mean_ms(tally.effect_sum_ns, tally.landed),
            ms(tally.effect_max_ns as f64 / 1e6)
        ),
    ));
    facts
}

/// A recorded file, in a few lines.
pub fn recorded(file: &LatencyFile) -> String {
    let ms = |q: f64| file.quantile_ns(q).map_or_else(|| "-".to_owned(), |ns| words::number(ns as f64 / 1e6));
    let pinned = file.pinned.map_or_else(
        || "not confined to one processor".to_owned(),
        |cpu| format!("confined to processor {cpu}"),
    );
    let mut out = format!(
        "{} {} (adapter {}): p50 {} ms, p90 {} ms, p99 {} ms, longest {} ms in {} calls, {pinned}\n",
        file.candidate.name,
        file.candidate.version,
        file.candidate.adapter,
        ms(0.5),
        ms(0.9),
        ms(0.99),
        ms(1.0),
        words::count(file.samples_ns.len() as u64)
    );
    if file.failed > 0 {
        out.push_str(&format!("{} decisions failed: their times are left out\n", words::count(file.failed)));
    }
    for (name, text) in &file.machine {
        out.push_str(&format!("{name}: {text}\n"));
    }
    out
}

/// The answer first, then the scenarios with the least margin.
pub fn margins(study: &LatencyMargin) -> String {
    let mut out = format!("{}, {} {}: ", study.suite, study.candidate.name, study.candidate.version);
    match study.least() {
        None => out.push_str("no scenario was tried\n"),
        Some(least) => out.push_str(&format!(
            "{} in the worst of {} scenarios, {}/{}\n",
            match least.status {
                MarginStatus::Found => format!("a latency margin of {} ms", least.margin_ms),
                MarginStatus::UnsafeAtOnce => "no margin, load is lost without any delay".to_owned(),
                MarginStatus::SafeThroughout => format!("no load is lost up to {} ms", study.max_ms),
            },
            words::count(study.scenarios.len() as u64),
            least.population,
            least.index
        )),
    }
    if let (Some(p50), Some(p99)) = (study.recorded_p50_ms, study.recorded_p99_ms) {
        out.push_str(&format!(
            "recorded time of a decision: p50 {} ms, p99 {} ms\n",
            words::number(p50),
            words::number(p99)
        ));
    }
    out.push_str(&format!(
        "delays up to {} ms were tried, each episode lived {} times on average, {} in all\n",
        study.max_ms,
        words::number(study.lives as f64 / study.scenarios.len().max(1) as f64),
        words::count(study.lives)
    ));
    let mut rows: Vec<_> = study.scenarios.iter().collect();
    rows.sort_by_key(|row| row.margin_ms);
    out.push_str("\n margin ms  fails at ms  scenario\n");
    for row in rows.iter().take(SHOWN) {
        let fails = row.fails_at_ms.map_or_else(|| "-".to_owned(), |ms| ms.to_string());
        let flag = match (row.status, row.monotone) {
            (MarginStatus::UnsafeAtOnce, true) => "  unsafe without delay",
            (MarginStatus::UnsafeAtOnce, false) => "  unsafe without delay, not monotone",
            (_, false) => "  not monotone: some longer delays are safe",
            (_, true) => "",
        };
        out.push_str(&format!(
            "{:>10}  {fails:>11}  {}/{}{flag}\n",
            row.margin_ms, row.population, row.index
        ));
    }
    if rows.len() > SHOWN {
        out.push_str(&format!("            and {} more: see --format json\n", rows.len() - SHOWN));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{CandidateRecord, Digest};
    use crate::latency::{LATENCY_MARGIN_SCHEMA, LatencySample, LatencyTally, MarginRecord};

    fn record() -> LatencyRecord {
        LatencyRecord {
            source: "fixed, 250 ms".into(),
            reproducible: true,
            inference_ms: Some(250.0),
            measurement_ms: 20.0,
            command_ms: 10.0,
            actuation_ms: 50.0,
            queue: "skip".into(),
            deadline_ms: Some(300.0),
            late: "fallback".into(),
            file: Some(LatencySample {
                name: "latency.json".into(),
                digest: Digest::of("file"),
                adapter: "process".into(),
                calls: 1000,
                p50_ms: 0.25,
                p99_ms: 12.5,
                max_ms: 40.0,
                pinned: true,
                machine: Default::default(),
            }),
            tally: LatencyTally {
                decisions: 4,
                landed: 2,
                missed: 3,
                fell_back: 1,
                age_sum_ns: 100_000_000,
                age_max_ns: 40_000_000,
                effect_sum_ns: 660_000_000,
                effect_max_ns: 330_000_000,
                ..LatencyTally::default()
            },
        }
    }

    fn text(record: &LatencyRecord) -> String {
        of_record(record).into_iter().map(|(name, text)| format!("{name}: {text}\n")).collect()
    }

    #[test]
    fn the_section_says_where_delays_come_from_what_was_missed_and_how_old_things_were() {
        let said = text(&record());
        for part in [
            "p50 0.25 ms, p99 12.5 ms, longest 40 ms in 1,000 calls by the adapter process",
            "3 missed, 0 dropped, 0 repeated, 1 fell back",
            // 100 ms over four decisions, 660 ms over two commands.
            "mean 25 ms, at most 40 ms when a decision began; mean 330 ms, at most 330 ms when its command took effect",
        ] {
            assert!(said.contains(part), "{part}\n{said}");
        }
        assert!(!said.contains("Not reproducible"));
        let clock = LatencyRecord { reproducible: false, deadline_ms: None, ..record() };
        assert!(text(&clock).contains("Not reproducible") && text(&clock).contains("Deadline: none"));
    }

    #[test]
    fn the_least_margin_is_the_answer() {
        let row = |index, margin_ms, monotone| MarginRecord {
            population: "trips".into(),
            index,
            scenario: Digest::of("s"),
            status: MarginStatus::Found,
            margin_ms,
            fails_at_ms: Some(margin_ms + 1),
            monotone,
            lives: 18,
        };
        let study = LatencyMargin {
            schema: LATENCY_MARGIN_SCHEMA.into(),
            suite: "fast".into(),
            seed: 1,
            candidate: CandidateRecord { name: "quick".into(), version: "2".into(), ..Default::default() },
            engine: Default::default(),
            inputs: Vec::new(),
            max_ms: 1000,
            recorded_p50_ms: Some(0.5),
            recorded_p99_ms: Some(3.0),
            scenarios: vec![row(0, 900, true), row(1, 317, false), row(2, 317, true)],
            lives: 54,
        };
        let said = margins(&study);
        assert!(
            said.starts_with(
                "fast, quick 2: a latency margin of 317 ms in the worst of 3 scenarios, trips/1\n"
            ),
            "{said}"
        );
        assert!(said.contains("not monotone") && said.contains("lived 18 times on average"), "{said}");
        assert_eq!(study.csv().lines().nth(2), Some("trips,1,found,317,318,false,18"));
    }
}
