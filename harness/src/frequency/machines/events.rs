//! What happens, and when: `trip generator GENROU_2 at 1.0`, as people write it and as the network takes it.

use std::collections::BTreeSet;

use powerflow::{Diagnostic, Diagnostics};
use scenarios::nearest::nearest;

use super::case::{MachineCase, SYSTEM_BASE_MVA};

/// What is done to the network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Action {
    /// A machine is disconnected.
    TripMachine(usize),
    /// A line opens at both ends.
    OpenLine(usize),
    /// A line closes at both ends.
    CloseLine(usize),
    /// A demand is disconnected.
    OpenLoad(usize),
    /// A demand that was disconnected comes back as it was.
    CloseLoad(usize),
    /// A demand becomes this many times what it is.
    ScaleLoad(usize, f64),
    /// This much active power, pu at the voltage of the start, is added to a demand; its reactive power stays.
    AddLoad(usize, f64),
    /// A fault on a bus through this resistance and reactance, pu.
    Fault(usize, f64, f64),
    /// The fault on a bus is gone.
    Clear(usize),
}

/// Something that happens.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Event {
    /// When, in whole nanoseconds: what is written alike happens at once.
    pub(super) at_ns: i64,
    pub(super) action: Action,
    /// As people say it.
    pub(super) words: String,
}

impl Event {
    /// When, s.
    pub(super) fn at_s(&self) -> f64 {
        seconds(self.at_ns)
    }
}

/// Nanoseconds in a second.
const NS_PER_S: f64 = 1e9;

/// Seconds of whole nanoseconds.
pub(super) fn seconds(ns: i64) -> f64 {
    ns as f64 / NS_PER_S
}

/// Whole nanoseconds, where these seconds are a time that can be simulated: not negative, at most a day.
pub(super) fn nanoseconds(s: f64) -> Option<i64> {
    (0.0..=86_400.0).contains(&s).then(|| (s * NS_PER_S).round() as i64)
}

/// What is understood, for those who wrote something else.
pub(super) const GRAMMAR: &str = "events are `trip generator NAME at T`, `open line NAME at T`, `close line NAME at T`, \
`trip load NAME at T`, `reconnect load NAME at T`, `step load NAME by 20 % at T` (or `by 30 MW`), \
`fault at bus NAME at T [for D] [r R] [x X]`, `clear fault at bus NAME at T`; T and D in seconds";

/// Reads events, in the order in which they happen; those at one time in the order in which they were given.
///
/// # Errors
/// Every event that is not understood, names nothing, comes outside the horizon or changes nothing.
pub(super) fn read(case: &MachineCase, texts: &[String], horizon_ns: i64) -> Result<Vec<Event>, Diagnostics> {
    let mut wrong = Diagnostics::default();
    let mut events = Vec::new();
    for text in texts {
        match Reader::new(case, text).event() {
            Ok(read) => {
                for event in read {
                    if event.at_ns > horizon_ns {
                        let message = format!(
                            "`{text}`: it happens at {} s, after the end at {} s",
                            event.at_s(),
                            seconds(horizon_ns)
                        );
                        let late = Diagnostic::error("machines.event.time", message);
                        wrong.push(late.hint("give a longer --horizon"));
                    }
                    events.push(event);
                }
            }
            Err(complaints) => wrong.0.extend(complaints.0),
        }
    }
    events.sort_by_key(|event| event.at_ns);
    if !wrong.has_errors() {
        without_effect(case, &events, &mut wrong);
    }
    wrong.into_result(events)
}

/// Complains of events that would change nothing: whoever wrote them means something else.
fn without_effect(case: &MachineCase, events: &[Event], wrong: &mut Diagnostics) {
    let off =
        |rows: Vec<bool>| rows.into_iter().enumerate().filter(|(_, on)| !on).map(|(at, _)| at).collect();
    let mut machines: BTreeSet<usize> = off(case.machines.iter().map(|m| m.in_service).collect());
    let mut lines: BTreeSet<usize> = off(case.lines.iter().map(|l| l.in_service).collect());
    let mut loads: BTreeSet<usize> = off(case.loads.iter().map(|l| l.in_service).collect());
    let mut faults: BTreeSet<usize> = BTreeSet::new();
    for event in events {
        let why = match event.action {
            Action::TripMachine(at) => (!machines.insert(at)).then_some("it is off already"),
            Action::OpenLine(at) => (!lines.insert(at)).then_some("it is open already"),
            Action::CloseLine(at) => (!lines.remove(&at)).then_some("it is closed already"),
            Action::OpenLoad(at) => (!loads.insert(at)).then_some("it is off already"),
            Action::CloseLoad(at) => (!loads.remove(&at)).then_some("it is on already"),
            Action::ScaleLoad(at, _) | Action::AddLoad(at, _) => {
                loads.contains(&at).then_some("it is off at that time")
            }
            Action::Fault(at, ..) => (!faults.insert(at)).then_some("there is a fault already"),
            Action::Clear(at) => (!faults.remove(&at)).then_some("there is no fault at that time"),
        };
        let bus = match event.action {
            Action::Fault(at, ..) => Some(at),
            _ => None,
        };
        let why = why.or_else(|| {
            bus.is_some_and(|bus| !case.buses[bus].in_service).then_some("its bus is out of service")
        });
        if let Some(why) = why {
            let message = format!("`{}` at {} s changes nothing: {why}", event.words, event.at_s());
            wrong.push(Diagnostic::error("machines.event.no-effect", message));
        }
    }
}

/// A kind of element that an event can name.
struct Kind<'a> {
    /// As people say it.
    noun: &'static str,
    /// Identifier and name of each row.
    names: Vec<(&'a str, Option<&'a str>)>,
}

struct Reader<'a> {
    case: &'a MachineCase,
    text: &'a str,
    words: Vec<&'a str>,
    at: usize,
}

impl<'a> Reader<'a> {
    fn new(case: &'a MachineCase, text: &'a str) -> Self {
        Self { case, text, words: words_of(text).collect(), at: 0 }
    }

    fn syntax(&self, what: &str) -> Diagnostics {
        Diagnostic::error("machines.event.syntax", format!("`{}`: {what}", self.text)).hint(GRAMMAR).into()
    }

    /// The next word in lower case, left where it is.
    fn peek(&self) -> Option<String> {
        self.words.get(self.at).map(|word| word.to_lowercase())
    }

    /// Whether the next word is one of these; it is taken then.
    fn takes(&mut self, words: &[&str]) -> bool {
        let found = self.peek().is_some_and(|word| words.contains(&word.as_str()));
        self.at += usize::from(found);
        found
    }

    fn event(mut self) -> Result<Vec<Event>, Diagnostics> {
        let verb = self.peek().ok_or_else(|| self.syntax("there is nothing"))?;
        self.at += 1;
        match verb.as_str() {
            "trip" | "open" | "disconnect" => self.opening(),
            "close" | "reconnect" => self.closing(),
            "step" | "change" => self.load_step(),
            "fault" => self.fault(),
            "clear" => self.clearing(),
            other => {
                let known = ["trip", "open", "close", "reconnect", "step", "fault", "clear"];
                let meant = nearest(other, known).map(|meant| format!(", did you mean `{meant}`?"));
                Err(self.syntax(&format!("`{other}` is no event{}", meant.unwrap_or_default())))
            }
        }
    }

    fn opening(mut self) -> Result<Vec<Event>, Diagnostics> {
        if self.takes(&["generator", "machine", "unit"]) {
            let machine = self.element(self.machines())?;
            let words = format!("trip generator {}", self.case.machines[machine].id);
            return self.one(Action::TripMachine(machine), words);
        }
        if self.takes(&["line", "branch", "transformer"]) {
            let line = self.element(self.lines())?;
            let words = format!("open line {}", self.case.lines[line].id);
            return self.one(Action::OpenLine(line), words);
        }
        if self.takes(&["load"]) {
            let load = self.element(self.loads())?;
            let words = format!("trip load {}", self.case.loads[load].id);
            return self.one(Action::OpenLoad(load), words);
        }
        Err(self.syntax("it should say `generator`, `line` or `load`"))
    }

    fn closing(mut self) -> Result<Vec<Event>, Diagnostics> {
        if self.takes(&["generator", "machine", "unit"]) {
            let message = format!("`{}`: synchronising a generator is not modelled", self.text);
            let complaint = Diagnostic::error("machines.event.not-modelled", message);
            return Err(complaint.hint("lines and loads can be reconnected").into());
        }
        if self.takes(&["line", "branch", "transformer"]) {
            let line = self.element(self.lines())?;
            let words = format!("close line {}", self.case.lines[line].id);
            return self.one(Action::CloseLine(line), words);
        }
        if self.takes(&["load"]) {
            let load = self.element(self.loads())?;
            let words = format!("reconnect load {}", self.case.loads[load].id);
            return self.one(Action::CloseLoad(load), words);
        }
        Err(self.syntax("it should say `line` or `load`"))
    }

    fn load_step(mut self) -> Result<Vec<Event>, Diagnostics> {
        if !self.takes(&["load"]) {
            return Err(self.syntax("it should say `load`"));
        }
        let load = self.element(self.loads())?;
        let id = &self.case.loads[load].id;
        if !self.takes(&["by"]) {
            return Err(self.syntax("it should say by how much, `by 20 %` or `by 30 MW`"));
        }
        let word = self.words.get(self.at).copied().unwrap_or_default().to_lowercase();
        self.at += 1;
        let digits = word.trim_end_matches(|c: char| c.is_alphabetic() || c == '%');
        let unit = if digits.len() < word.len() {
            word[digits.len()..].to_owned()
        } else {
            let unit = self.peek().unwrap_or_default();
            self.at += 1;
            unit
        };
        let by: f64 = (digits.parse().ok())
            .filter(|by: &f64| by.is_finite())
            .ok_or_else(|| self.syntax(&format!("`{word}` is no number")))?;
        match unit.as_str() {
            "%" | "percent" if by < -100.0 => Err(self.syntax("a demand cannot fall by more than 100 %")),
            "%" | "percent" => {
                let words = format!("step load {id} by {by} %");
                self.one(Action::ScaleLoad(load, 1.0 + by / 100.0), words)
            }
            "mw" => {
                let words = format!("step load {id} by {by} MW");
                self.one(Action::AddLoad(load, by / SYSTEM_BASE_MVA), words)
            }
            other => Err(self.syntax(&format!("`{other}` is no unit of a step: it should be % or MW"))),
        }
    }

    fn fault(mut self) -> Result<Vec<Event>, Diagnostics> {
        let _ = self.takes(&["at", "on"]);
        if !self.takes(&["bus"]) {
            return Err(self.syntax("it should say `at bus`"));
        }
        let bus = self.element(self.buses())?;
        let (mut at, mut end, mut r, mut x) = (None, None, 0.0, 0.0);
        while let Some(word) = self.peek() {
            self.at += 1;
            match word.as_str() {
                "at" => at = Some(self.time()?),
                "for" => {
                    let begun = at.ok_or_else(|| self.syntax("it should say `at` before `for`"))?;
                    end = Some(begun + self.time()?);
                }
                "until" => end = Some(self.time()?),
                "through" | "and" | "cleared" => {}
                "r" => r = self.impedance()?,
                "x" => x = self.impedance()?,
                other => return Err(self.syntax(&format!("`{other}` is not understood"))),
            }
        }
        let begun = at.ok_or_else(|| self.syntax("it should say when, `at 1.0`"))?;
        let id = &self.case.buses[bus].id;
        let through = if r == 0.0 && x == 0.0 { String::new() } else { format!(" through {r} + j{x} pu") };
        let words = format!("fault at bus {id}{through}");
        let mut events = vec![Event { at_ns: begun, action: Action::Fault(bus, r, x), words }];
        if let Some(end) = end {
            if end <= begun {
                return Err(self.syntax("it ends before it begins"));
            }
            let words = format!("clear fault at bus {id}");
            events.push(Event { at_ns: end, action: Action::Clear(bus), words });
        }
        Ok(events)
    }

    fn clearing(mut self) -> Result<Vec<Event>, Diagnostics> {
        let _ = self.takes(&["fault"]);
        let _ = self.takes(&["at", "on"]);
        if !self.takes(&["bus"]) {
            return Err(self.syntax("it should say `fault at bus`"));
        }
        let bus = self.element(self.buses())?;
        let words = format!("clear fault at bus {}", self.case.buses[bus].id);
        self.one(Action::Clear(bus), words)
    }

    /// The rest of an event that is one action: `at T`, and nothing else.
    fn one(mut self, action: Action, words: String) -> Result<Vec<Event>, Diagnostics> {
        if !self.takes(&["at"]) {
            return Err(self.syntax("it should say when, `at 1.0`"));
        }
        let at_ns = self.time()?;
        match self.words.get(self.at) {
            Some(rest) => Err(self.syntax(&format!("`{rest}` is not understood"))),
            None => Ok(vec![Event { at_ns, action, words }]),
        }
    }

    /// A time in seconds, `s` or `ms` beside it or after it.
    fn time(&mut self) -> Result<i64, Diagnostics> {
        let word = self.words.get(self.at).copied().unwrap_or_default().to_lowercase();
        self.at += 1;
        let (digits, scale) = match word.strip_suffix("ms") {
            Some(digits) => (digits, 1e-3),
            None => (word.strip_suffix('s').unwrap_or(&word), 1.0),
        };
        let beside = digits.len() < word.len();
        let after = |text: &str| !beside && self.peek().as_deref() == Some(text);
        let (milli, plain) = (after("ms"), after("s"));
        self.at += usize::from(milli || plain);
        let scale = if milli { 1e-3 } else { scale };
        let time = digits.parse::<f64>().ok().and_then(|time| nanoseconds(time * scale));
        time.ok_or_else(|| self.syntax(&format!("`{word}` is no time between 0 s and a day")))
    }

    fn impedance(&mut self) -> Result<f64, Diagnostics> {
        let word = self.words.get(self.at).copied().unwrap_or_default();
        self.at += 1;
        let value = word.parse::<f64>().ok().filter(|value| (0.0..=1e6).contains(value));
        // A pico per unit is a bolted fault to any double; a reciprocal of less would only lose digits.
        let value = value.map(|value| if value < 1e-12 { 0.0 } else { value });
        value.ok_or_else(|| self.syntax(&format!("`{word}` is no impedance in pu, 0 or more")))
    }

    fn machines(&self) -> Kind<'a> {
        let rows = &self.case.machines;
        Kind { noun: "generator", names: rows.iter().map(|m| (m.id.as_str(), m.name.as_deref())).collect() }
    }

    fn lines(&self) -> Kind<'a> {
        let rows = &self.case.lines;
        Kind { noun: "line", names: rows.iter().map(|l| (l.id.as_str(), l.name.as_deref())).collect() }
    }

    fn loads(&self) -> Kind<'a> {
        let rows = &self.case.loads;
        Kind { noun: "load", names: rows.iter().map(|l| (l.id.as_str(), l.name.as_deref())).collect() }
    }

    fn buses(&self) -> Kind<'a> {
        let rows = &self.case.buses;
        Kind { noun: "bus", names: rows.iter().map(|b| (b.id.as_str(), b.name.as_deref())).collect() }
    }

    /// The row that the next words name, up to `at` or `by`: by identifier, else by a name that only one row has.
    fn element(&mut self, kind: Kind<'_>) -> Result<usize, Diagnostics> {
        let begun = self.at;
        while self
            .peek()
            .is_some_and(|word| !matches!(word.as_str(), "at" | "by" | "for" | "until" | "r" | "x"))
        {
            self.at += 1;
        }
        let name = self.words[begun..self.at].join(" ");
        if name.is_empty() {
            return Err(self.syntax(&format!("it names no {}", kind.noun)));
        }
        if let Some(row) = kind.names.iter().position(|(id, _)| plain(id) == name) {
            return Ok(row);
        }
        let called: Vec<usize> = (0..kind.names.len())
            .filter(|row| kind.names[*row].1.is_some_and(|called| plain(called) == name))
            .collect();
        if let [row] = called[..] {
            return Ok(row);
        }
        let noun = kind.noun;
        let ids = || kind.names.iter().map(|(id, _)| *id);
        let (what, hint) = if called.len() > 1 {
            let which: Vec<&str> = called.iter().map(|row| kind.names[*row].0).collect();
            (format!("several are called {noun} {name}"), format!("name one of {}", which.join(", ")))
        } else {
            let known: Vec<&str> = ids().take(LISTED).collect();
            let more = if kind.names.len() > LISTED { " and more" } else { "" };
            let all = format!("the case has: {}{more}", known.join(", "));
            let hint =
                nearest(&name, ids()).map_or(all.clone(), |meant| format!("did you mean {meant}? {all}"));
            (format!("there is no {noun} {name}"), hint)
        };
        Err(Diagnostic::error("machines.event.unknown-element", format!("`{}`: {what}", self.text))
            .hint(hint)
            .into())
    }
}

/// The words of a text: `r = 0.1` and `(r 0.1)` are alike.
fn words_of(text: &str) -> impl Iterator<Item = &str> {
    let separates = |c: char| c.is_whitespace() || matches!(c, ',' | '=' | '(' | ')');
    text.split(separates).filter(|word| !word.is_empty())
}

/// A name as it reads once an event is cut into words.
fn plain(name: &str) -> String {
    words_of(name).collect::<Vec<_>>().join(" ")
}

/// Names that a hint lists.
const LISTED: usize = 12;
