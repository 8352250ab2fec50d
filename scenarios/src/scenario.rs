//! One fully determined stimulus.

use std::io::{BufWriter, Write};

use powerflow::Network;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::event::{Event, Moment, TimedEvent};

/// Events in time order (equal moments in the order they were drawn), and where they come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scenario {
    /// Population it belongs to.
    pub population: String,
    /// Its number in that population: with the suite seed, all that is needed to draw it again.
    pub index: u64,
    /// What happens.
    pub timeline: Vec<TimedEvent>,
    /// Natural logarithm of the likelihood of the discrete draws, where every hazard knows its own.
    pub log_likelihood: Option<f64>,
}

/// What [`Scenario::digest`] hashes.
#[derive(Serialize)]
struct Content<'a> {
    schema: &'static str,
    timeline: &'a [TimedEvent],
}

impl Scenario {
    /// SHA-256, in lower-case hexadecimal, of what happens: scenarios with equal timelines have equal digests, whatever
    /// their population, index and likelihood.
    ///
    /// Hashed is the JSON text `{"schema":"gridgate/timeline/1","timeline":[{"at":nanoseconds,"event":{"kind":...}}]}`
    /// without white space, keys in the order of declaration, floats as the shortest text that reads back to the same
    /// bits and with a point or an exponent (`1.0`). That is RFC 8785 but for the order of keys and the `.0`.
    pub fn digest(&self) -> String {
        let content = Content { schema: "gridgate/timeline/1", timeline: &self.timeline };
        let mut hash = Sha256::new();
        // A serialiser writes a few bytes at a time.
        let mut out = BufWriter::new(HashWriter(&mut hash));
        serde_json::to_writer(&mut out, &content)
            .map_err(std::io::Error::from)
            .and_then(|()| out.flush())
            .expect("events are plain data, and writing to a hash does not fail");
        drop(out);
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The timeline for people: seconds since the beginning, and what happens then, elements by their ids in the file.
    pub fn in_words(&self, network: &Network) -> Vec<(f64, String)> {
        self.timeline
            .iter()
            .map(|timed| (timed.at.seconds(), words(timed.at, &timed.event, network)))
            .collect()
    }
}

fn words(at: Moment, event: &Event, network: &Network) -> String {
    match event {
        Event::BranchOut { branch } => format!("{} trips", network.branch_name(*branch)),
        Event::BranchBack { branch } => format!("{} returns", network.branch_name(*branch)),
        Event::UnitOut { unit } => format!("{} trips", network.unit_name(*unit)),
        Event::UnitBack { unit } => format!("{} returns", network.unit_name(*unit)),
        Event::BusOut { bus } => format!("bus {} is lost", network.buses.id[*bus]),
        Event::Ratings { factor } => format!("branches may carry {} times their rating", two_places(factor)),
        Event::Saturation { loss_mvar } => {
            format!("transformers take {:.0} Mvar at 1 pu", loss_mvar.iter().sum::<f64>())
        }
        Event::Capability { factor } => {
            format!("units can deliver {} times their largest power", two_places(factor))
        }
        Event::DemandRamp { until, factor } => {
            let range = demand_range(factor, network);
            if *until <= at {
                format!("demand is {range}")
            } else {
                format!("demand moves to {range} by {} s", until.seconds())
            }
        }
    }
}

/// The range of factors, to two places.
fn two_places(factor: &[f64]) -> String {
    let low = factor.iter().copied().fold(f64::INFINITY, f64::min);
    let high = factor.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    match (format!("{low:.2}"), format!("{high:.2}")) {
        (low, high) if low == high => low,
        (low, high) => format!("{low} to {high}"),
    }
}

/// The range of the factors of the buses that have demand, to two places.
fn demand_range(factor: &[f64], network: &Network) -> String {
    let buses = &network.buses;
    let with_demand = buses
        .demand_p_pu
        .iter()
        .zip(factor)
        .filter_map(|((bus, p), factor)| (*p != 0.0 || buses.demand_q_pu[bus] != 0.0).then_some(*factor));
    let range = with_demand.fold(None, |range: Option<(f64, f64)>, factor| match range {
        None => Some((factor, factor)),
        Some((low, high)) => Some((low.min(factor), high.max(factor))),
    });
    match range.map(|(low, high)| (format!("{low:.2}"), format!("{high:.2}"))) {
        None => "what the file says: it has none".to_owned(),
        Some((low, high)) if low == high => format!("{low} of the file's"),
        Some((low, high)) => format!("{low}..{high} of the file's"),
    }
}

/// Feeds a hash with what is written.
struct HashWriter<'a>(&'a mut Sha256);

impl std::io::Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use powerflow::{BranchIdx, BusIdx, Index, UnitIdx};

    fn scenario() -> Scenario {
        let at = |seconds: f64, event| TimedEvent { at: Moment::from_seconds(seconds), event };
        let ramp = |until: f64, factor: &[f64]| Event::DemandRamp {
            until: Moment::from_seconds(until),
            factor: factor.to_vec(),
        };
        Scenario {
            population: "p".into(),
            index: 4,
            timeline: vec![
                at(0.0, ramp(0.0, &[1.0, 0.9251, 1.125])),
                at(0.5, ramp(300.0, &[1.0, 0.1, 0.1])),
                at(60.0, Event::BranchOut { branch: BranchIdx::from_row(1) }),
                at(61.0, Event::BranchBack { branch: BranchIdx::from_row(1) }),
                at(62.0, Event::UnitOut { unit: UnitIdx::from_row(0) }),
                at(63.0, Event::UnitBack { unit: UnitIdx::from_row(0) }),
            ],
            log_likelihood: None,
        }
    }

    #[test]
    fn the_digest_is_that_of_the_documented_text() {
        // printf %s '<the text below>' | sha256sum, by hand:
        // {"schema":"gridgate/timeline/1","timeline":[
        // {"at":0,"event":{"kind":"demand_ramp","until":0,"factor":[1.0,0.9251,1.125]}},
        // {"at":500000000,"event":{"kind":"demand_ramp","until":300000000000,"factor":[1.0,0.1,0.1]}},
        // {"at":60000000000,"event":{"kind":"branch_out","branch":1}},
        // {"at":61000000000,"event":{"kind":"branch_back","branch":1}},
        // {"at":62000000000,"event":{"kind":"unit_out","unit":0}},
        // {"at":63000000000,"event":{"kind":"unit_back","unit":0}}]}     (all on one line)
        assert_eq!(scenario().digest(), "1381ba3e7fd6f2fe0ce311fb2ab8df9d760927bd563c5b7e3e60babd67446632");
        let elsewhere =
            Scenario { population: "q".into(), index: 9, log_likelihood: Some(-1.0), ..scenario() };
        assert_eq!(elsewhere.digest(), scenario().digest());
        let mut other = scenario();
        other.timeline[2].at.0 += 1;
        assert_ne!(other.digest(), scenario().digest());
    }

    #[test]
    fn people_read_file_ids() {
        let network = sample::network(3, &[(0, 1), (1, 2)]);
        let expected = [
            (0.0, "demand is 0.93..1.12 of the file's"),
            (0.5, "demand moves to 0.10 of the file's by 300 s"),
            (60.0, "branch 2 (20-30) trips"),
            (61.0, "branch 2 (20-30) returns"),
            (62.0, "unit 1 at bus 10 trips"),
            (63.0, "unit 1 at bus 10 returns"),
        ];
        let words = scenario().in_words(&network);
        assert_eq!(words.iter().map(|(s, text)| (*s, text.as_str())).collect::<Vec<_>>(), expected);
        let lost = Event::BusOut { bus: BusIdx::from_row(2) };
        assert_eq!(super::words(Moment(0), &lost, &network), "bus 30 is lost");
    }

    #[test]
    fn a_scenario_survives_its_own_json() {
        let text = serde_json::to_string(&scenario()).expect("plain data");
        assert_eq!(serde_json::from_str::<Scenario>(&text).expect("its own text"), scenario());
    }
}
