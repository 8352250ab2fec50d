//! How long a fault may last before a machine falls out of step.

use powerflow::{Diagnostic, Diagnostics};
use reports::machines::ClearingRecord;

use super::events::{self, Action, Event};
use super::run::{Outcome, Settings, run};
use super::start::Start;

/// Longest duration that is tried, ms. A fault that protection leaves for two seconds is no transient.
const LONGEST_MS: u32 = 2_000;
/// Time after each clearing in which machines may fall out, s: several periods of the slowest swings, 0.2 Hz.
const OBSERVED_S: f64 = 10.0;
const NS_PER_MS: i64 = 1_000_000;

/// A fault without an end: its bus and its beginning.
pub(super) struct Fault {
    events: Vec<Event>,
    bus: usize,
    begun_ns: i64,
}

impl Fault {
    /// Reads `fault at bus 7`, `at T` if it does not begin at once; `then open line NAME` says what clears it.
    ///
    /// # Errors
    /// What is not understood, or names nothing.
    pub(super) fn read(start: &Start<'_>, text: &str) -> Result<Self, Diagnostics> {
        let lower = text.to_lowercase();
        let (fault, opening) = match lower.find(" then ") {
            Some(at) if text.is_char_boundary(at) && text.is_char_boundary(at + 6) => {
                (&text[..at], Some(text[at + 6..].trim()))
            }
            _ => (text, None),
        };
        let timed = |text: &str| {
            let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
            // `fault at bus` has an `at` that is no time.
            let has = words.windows(2).any(|pair| pair[0] == "at" && pair[1] != "bus");
            if has { text.to_owned() } else { format!("{text} at 0") }
        };
        let mut read = events::read(start.case, &[timed(fault)], i64::MAX)?;
        let [Event { action: Action::Fault(bus, ..), at_ns, .. }] = read[..] else {
            let message = format!("`{text}` is no fault, or has an end: the end is what is looked for");
            let complaint = Diagnostic::error("machines.clearing.fault", message);
            return Err(complaint
                .hint("`fault at bus NAME [r R] [x X] [at T] [then open line NAME]`")
                .into());
        };
        if let Some(opening) = opening {
            let opening = events::read(start.case, &[timed(opening)], i64::MAX)?;
            read.extend(opening.into_iter().map(|event| Event { at_ns, ..event }));
        }
        Ok(Self { events: read, bus, begun_ns: at_ns })
    }

    /// All events, with the fault cleared after a duration.
    fn lasting(&self, duration_ms: u32, others: &[Event]) -> Vec<Event> {
        let cleared_ns = self.begun_ns + i64::from(duration_ms) * NS_PER_MS;
        let mut events = others.to_vec();
        let (fault, openings) = self.events.split_at(1);
        events.extend_from_slice(fault);
        events.extend(openings.iter().map(|event| Event { at_ns: cleared_ns, ..event.clone() }));
        events.push(Event {
            at_ns: cleared_ns,
            action: Action::Clear(self.bus),
            words: format!("the fault is cleared after {duration_ms} ms"),
        });
        events.sort_by_key(|event| event.at_ns);
        events
    }
}

/// What the search found.
pub(super) struct Found {
    pub(super) record: ClearingRecord,
    /// The longest stable run, to the end that was asked for.
    pub(super) outcome: Outcome,
}

/// Bisects the duration to 1 ms, each tried from the start; 0 ms is without the fault, and is not tried.
///
/// Stability is taken to be monotonic in the duration, as the equal-area criterion has it; between the two durations of the
/// answer it is not assumed but seen.
pub(super) fn search(start: &mut Start<'_>, fault: &Fault, others: &[Event], settings: &Settings) -> Found {
    let mut first_lost = None;
    let mut stable = |start: &mut Start<'_>, duration_ms: u32| {
        let end_ns = fault.begun_ns + i64::from(duration_ms) * NS_PER_MS + (OBSERVED_S * 1e9) as i64;
        let last_ns = others.iter().map(|event| event.at_ns).max().unwrap_or(0);
        let tried =
            Settings { horizon_ns: end_ns.max(last_ns), until_lost: true, sample_ns: i64::MAX, ..*settings };
        let outcome = run(start, &fault.lasting(duration_ms, others), &tried);
        let lost = outcome.first_lost;
        let stands = lost.is_none() && outcome.stopped.is_none();
        if !stands {
            first_lost = lost;
        }
        stands
    };
    let (mut low, mut high) = (0, LONGEST_MS);
    if stable(start, high) {
        low = high;
    }
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if stable(start, middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    // The name told is that of the duration told.
    let unstable_ms = (low < high).then_some(high);
    if let Some(high) = unstable_ms {
        stable(start, high);
    }
    let record = ClearingRecord {
        fault: fault.events.iter().map(|event| event.words.as_str()).collect::<Vec<_>>().join(", then "),
        stable_ms: low,
        unstable_ms,
        first_lost: first_lost.filter(|_| unstable_ms.is_some()).map(|m| start.case.machines[m].id.clone()),
        observed_s: OBSERVED_S,
    };
    let cleared_ns = fault.begun_ns + i64::from(low) * NS_PER_MS;
    let horizon_ns = settings.horizon_ns.max(cleared_ns);
    let shown = Settings { horizon_ns, ..*settings };
    let events = if low == 0 { others.to_vec() } else { fault.lasting(low, others) };
    Found { record, outcome: run(start, &events, &shown) }
}
