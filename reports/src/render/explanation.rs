//! Why an episode broke a gate, for a terminal; and the findings in words, the same in every rendering.

use crate::explanation::{
    AttributionMethod, AttributionRecord, CauseRecord, Explanation, FactorKind, FactorRecord, Resimulation,
    TrialRecord,
};
use crate::words::{count, number, quantity, time};

/// Cited steps and elements that are listed.
const SHOWN: usize = 12;

impl Explanation {
    /// What is explained, in one sentence.
    pub fn headline(&self) -> String {
        let value = match self.factual.value {
            Some(value) => format!("{} = {}", self.effect.metric, quantity(value, &self.effect.unit)),
            None => format!("no value of {}", self.effect.metric),
        };
        let compared = self.runs.get(&self.factual.run).and_then(|run| run.compared_value);
        let compared = self.effect.compared_with.iter().zip(compared);
        let compared: String = compared
            .map(|(name, value)| format!(", {} had {name} acted", quantity(value, &self.effect.unit)))
            .collect();
        format!("{}/{} broke {}: {value}{compared}", self.population, self.index, self.effect.gate)
    }

    /// How it was lived again, in one sentence.
    pub fn method(&self) -> String {
        let how = match self.resimulation {
            Resimulation::CandidateAskedAgain => "the candidate was asked again in each (closed loop)",
            Resimulation::ActionsRepeated => "what the candidate had asked was repeated in each (open loop)",
        };
        format!(
            "{} episodes were simulated, {how}; {} more questions were answered by one of them",
            count(self.lives),
            count(self.reused)
        )
    }

    /// What was found, each a sentence; the most telling first.
    pub fn findings(&self) -> Vec<String> {
        let mut findings = Vec::new();
        findings.extend(self.causes.iter().map(|cause| self.of_cause(cause)));
        findings.push(self.of_minimal());
        findings.extend(self.of_candidate());
        findings
    }

    /// A factor as it is named in a sentence.
    fn called(&self, id: &str) -> String {
        match self.factor(id) {
            Some(factor) if factor.kind == FactorKind::Event => {
                format!("{id} ({}, {})", factor.words, time(factor.time_s))
            }
            Some(_) => "the candidate's actions".to_owned(),
            None => id.to_owned(),
        }
    }

    fn of_cause(&self, cause: &CauseRecord) -> String {
        let called: Vec<String> = cause.factors.iter().map(|id| self.called(id)).collect();
        let held = cause.witness.as_ref().map_or_else(String::new, |witness| format!(" ({witness})"));
        let otherwise = match (cause.instead.as_deref(), called.as_slice()) {
            (None, [_]) => "without it".to_owned(),
            (None, [_, _]) => "without both".to_owned(),
            (None, _) => "without all of them".to_owned(),
            (Some(name), [_]) => format!("had {name} acted"),
            (Some(name), _) => {
                let others: Vec<&str> =
                    cause.factors.iter().map(String::as_str).filter(|id| *id != "candidate").collect();
                format!("without {}, and had {name} acted,", others.join(" and "))
            }
        };
        let small = if cause.minimal { "" } else { "; smaller parts of it were not all tried" };
        match called.as_slice() {
            [one] => format!("{one}: a cause; {otherwise} the gate would have held{held}"),
            [one, other] => format!(
                "{one} and {other}: together a cause; {otherwise} the gate would have held, by one of them alone not{held}"
            ),
            all => format!(
                "{}: together a cause; {otherwise} the gate would have held, by some of them not{held}{small}",
                all.join(", ")
            ),
        }
    }

    fn of_minimal(&self) -> String {
        let minimal = &self.minimal;
        let alone = if minimal.unattended.broken {
            ", and it is so too where nobody acts"
        } else if self.factor("candidate").is_some() {
            "; where nobody acts it is not"
        } else {
            ""
        };
        let called: Vec<String> = minimal.factors.iter().map(|id| self.called(id)).collect();
        let events = self.factors.iter().filter(|factor| factor.kind == FactorKind::Event).count();
        match called.as_slice() {
            [] => format!("no event is needed: without any the gate is broken{alone}"),
            [one] => format!("of {events} events one is enough to break the gate: {one}{alone}"),
            all => format!(
                "of {events} events {} are enough to break the gate, and none of them can be missing: {}{alone}",
                all.len(),
                all.join(", ")
            ),
        }
    }

    /// What the candidate's part was.
    fn of_candidate(&self) -> Vec<String> {
        let contrast = &self.contrast;
        let mut findings = Vec::new();
        for withheld in contrast.single_steps.iter().filter(|withheld| !withheld.trial.broken) {
            let at = withheld.time_s.map(time).unwrap_or_default();
            findings.push(format!("without {} ({at}) the gate would have held", withheld.words));
        }
        for withheld in contrast.single_elements.iter().filter(|withheld| !withheld.trial.broken) {
            findings.push(format!("without its requests for {} the gate would have held", withheld.words));
        }
        let names = contrast.replacements.join(" or ");
        findings.push(match contrast.too_late_from_step {
            Some(0) => format!("nothing tried would have kept the gate, from whatever step on: {names} in its place"),
            Some(step) => format!(
                "from step {step} on ({}) it was too late: with {names} in its place the gate is broken all the same",
                time(f64::from(step) * self.step_s)
            ),
            None => format!("up to the last step {names} in its place would have kept the gate"),
        });
        findings
    }

    /// A trial in a few words.
    fn said(&self, trial: &TrialRecord) -> String {
        let value =
            trial.value.map_or_else(|| "no value".to_owned(), |value| quantity(value, &self.effect.unit));
        format!("{}, {value}", if trial.broken { "broken" } else { "holds" })
    }
}

/// The findings first, then each factor, shares, and where it was too late.
pub fn text(explanation: &Explanation) -> String {
    let mut page = Page { out: String::new() };
    page.line(&explanation.headline());
    page.wrapped("gate: ", 6, &explanation.effect.claim);
    page.wrapped("", 0, &explanation.method());
    page.heading("Findings");
    for finding in explanation.findings() {
        page.wrapped("  - ", 4, &finding);
    }
    page.heading("What happened, and the same without it or with it alone");
    for factor in &explanation.factors {
        page.factor(explanation, factor);
    }
    page.attribution("Shares (Shapley values)", explanation, &explanation.attribution);
    if let Some(by_step) = &explanation.attribution_by_step {
        page.attribution("Shares, the candidate's steps apart", explanation, by_step);
    }
    if !explanation.minimal.magnitudes.is_empty() {
        page.heading("How small it may be");
    }
    for magnitude in &explanation.minimal.magnitudes {
        let below =
            magnitude.holds_at.map_or_else(String::new, |at| format!(", not at {} %", number(100.0 * at)));
        page.line(&format!(
            "  {}: broken at {} % of its {}{below}",
            magnitude.factor,
            number(100.0 * magnitude.broken_at),
            magnitude.of
        ));
    }
    page.contrast(explanation);
    if !explanation.notes.is_empty() || explanation.doubtful().next().is_some() {
        page.heading("Notes");
    }
    for note in &explanation.notes {
        page.wrapped("  - ", 4, note);
    }
    let doubtful: Vec<&str> = explanation.doubtful().collect();
    if !doubtful.is_empty() {
        page.wrapped("  - ", 4, &doubt(&doubtful));
    }
    page.out
}

/// What is said of runs that depend on how a solver that gave up is counted.
pub(super) fn doubt(runs: &[&str]) -> String {
    format!(
        "the solver gave up in {} of the runs that are cited, and whether the gate is broken there depends on how that is counted \
         (here: as lost): {}",
        runs.len(),
        runs.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ")
    )
}

/// A share, with its bounds where it was estimated.
pub(super) fn share(broken: f64, interval: Option<(f64, f64)>) -> String {
    // Nothing has no sign.
    let two = |value: f64| format!("{:.2}", if value.abs() < 0.005 { 0.0 } else { value });
    match interval {
        None => two(broken),
        Some((low, high)) => format!("{} ({} to {})", two(broken), two(low), two(high)),
    }
}

/// How shares were found, in one sentence.
pub(super) fn how(attribution: &AttributionRecord) -> String {
    let total = number(attribution.total_broken);
    match (attribution.method, attribution.pairs, attribution.level) {
        (AttributionMethod::Permutations, Some(pairs), Some(level)) => format!(
            "from {} pairs of drawn orders, with {} % bounds of each; they sum to {total}",
            count(u64::from(pairs)),
            number(100.0 * level)
        ),
        _ => format!("from every coalition; they sum to {total}"),
    }
}

/// Columns of a terminal.
const COLUMNS: usize = 110;

struct Page {
    out: String,
}

impl Page {
    fn line(&mut self, text: &str) {
        self.out.push_str(text.trim_end());
        self.out.push('\n');
    }

    fn heading(&mut self, text: &str) {
        self.out.push('\n');
        self.line(text);
    }

    /// A paragraph whose further lines are indented.
    fn wrapped(&mut self, lead: &str, indent: usize, text: &str) {
        let mut line = lead.to_owned();
        let mut empty = true;
        for word in text.split_whitespace() {
            if !empty && line.chars().count() + 1 + word.chars().count() > COLUMNS {
                self.line(&line);
                line = " ".repeat(indent);
                empty = true;
            }
            if !empty {
                line.push(' ');
            }
            line.push_str(word);
            empty = false;
        }
        self.line(&line);
    }

    fn factor(&mut self, explanation: &Explanation, factor: &FactorRecord) {
        let until = factor.until_s.filter(|_| factor.kind == FactorKind::Candidate);
        let until = until.map_or_else(String::new, |until| format!(" to {}", time(until)));
        self.wrapped(
            &format!("  {:<10}", factor.id),
            12,
            &format!("{}{until}: {}", time(factor.time_s), factor.words),
        );
        let said = |trial: &TrialRecord| format!("{} [{}]", explanation.said(trial), trial.run);
        let without = match factor.kind {
            FactorKind::Event => "without it",
            FactorKind::Candidate => "had nobody acted",
        };
        let alone = match factor.kind {
            FactorKind::Event => "it alone",
            FactorKind::Candidate => "without any event",
        };
        self.line(&format!("            {without}: {}", said(&factor.without)));
        self.line(&format!("            {alone}: {}", said(&factor.alone)));
        if let Some(trial) = &factor.alone_unattended {
            self.line(&format!("            it alone, nobody acting: {}", said(trial)));
        }
    }

    fn attribution(&mut self, title: &str, explanation: &Explanation, attribution: &AttributionRecord) {
        self.heading(&format!("{title}, {}", how(attribution)));
        for share in &attribution.shares {
            let value = share.value.map_or_else(String::new, |value| {
                let value = if value.abs() < 5e-10 { 0.0 } else { value };
                format!("   {}", quantity(value, &explanation.effect.unit))
            });
            let broken = self::share(share.broken, share.interval);
            self.line(&format!("  {:<10}  {broken}{value}", share.factor));
        }
    }

    fn contrast(&mut self, explanation: &Explanation) {
        let contrast = &explanation.contrast;
        if contrast.from_step.is_empty() {
            return;
        }
        self.heading(&format!("In its place from a step on: {}", contrast.replacements.join(", ")));
        // Steps that answer alike are one line.
        let answers =
            |at: usize| contrast.from_step[at].trials.iter().map(|trial| trial.broken).collect::<Vec<_>>();
        let mut first = 0;
        for at in 0..contrast.from_step.len() {
            if at + 1 < contrast.from_step.len() && answers(at) == answers(at + 1) {
                continue;
            }
            let (from, to) = (&contrast.from_step[first], &contrast.from_step[at]);
            let steps = if first == at { format!("step {first}") } else { format!("steps {first} to {at}") };
            let says: Vec<&str> =
                from.trials.iter().map(|trial| if trial.broken { "broken" } else { "holds" }).collect();
            self.line(&format!(
                "  {steps:<16} {:>10} to {:<10} {}",
                time(from.time_s),
                time(to.time_s),
                says.join(", ")
            ));
            first = at + 1;
        }
    }
}
