//! Branches are lost: `k` of them, uniformly drawn, at once or nearly so.
//!
//! Every branch of the file has one key an episode; the `k` smallest among those that may be lost are lost, in the order
//! of their keys. So with the same seed and index a larger `k` loses a superset, with the same times.
//!
//! With `keep_connected`, sets that cut some bus off are drawn again, all of it, up to [`REDRAWS`] times: every set that
//! leaves the grid connected is equally likely (the superset law then holds only while nothing is redrawn). Bridges are
//! never in the draw, so a redraw is rare while `k` is small. Where [`REDRAWS`] do not suffice, the next order of all
//! branches is walked through and every branch is lost that still can be: a valid set, but no longer uniformly drawn.

use powerflow::{BranchIdx, Diagnostics};
use toml::Table;

use super::{Hazard, HazardKind, World};
use crate::connectivity::{Graph, in_use};
use crate::event::{Event, TimedEvent};
use crate::outage::{self, Outages};
use crate::seed::Streams;
use crate::settings::{Parameter, Settings};

/// How often a set that cuts the grid is drawn again.
pub const REDRAWS: u32 = 1000;

const KEEP_CONNECTED: Parameter = Parameter {
    name: "keep_connected",
    unit: "-",
    default: "false",
    meaning: "lose only sets that cut no bus off, every such set equally likely",
};
const LINES_ONLY: Parameter =
    Parameter { name: "lines_only", unit: "-", default: "false", meaning: "never lose a transformer" };

pub(super) const KIND: HazardKind = HazardKind {
    name: "line_trip",
    summary: "lines and transformers are lost, uniformly drawn, at once or nearly so",
    parameters: &[
        outage::K,
        outage::AT_S,
        outage::SPREAD_S,
        outage::RETURN_AFTER_S,
        KEEP_CONNECTED,
        LINES_ONLY,
    ],
    commands: &[],
    techniques: &[],
    parse,
};

/// Branches are lost; see the module.
#[derive(Clone, Debug, PartialEq)]
pub struct LineTrip {
    outages: Outages,
    keep_connected: bool,
    lines_only: bool,
}

fn parse(table: &Table) -> Result<Box<dyn Hazard>, Diagnostics> {
    let mut settings = Settings::of(KIND.name, KIND.parameters, table);
    let hazard = LineTrip {
        outages: Outages::read(&mut settings),
        keep_connected: settings.flag(KEEP_CONNECTED.name, false),
        lines_only: settings.flag(LINES_ONLY.name, false),
    };
    settings.finish(hazard).map(|hazard| Box::new(hazard) as Box<dyn Hazard>)
}

impl LineTrip {
    fn may_lose(&self, world: &World<'_>, branch: BranchIdx) -> bool {
        in_use(world.network, branch) && !(self.lines_only && world.network.branches.transformer[branch])
    }

    /// The branches lost, in order, and the logarithm of the likelihood of their set.
    fn which(&self, world: &World<'_>, streams: &Streams) -> (Vec<BranchIdx>, Option<f64>) {
        let mut stream = streams.named("which");
        let branches = || world.network.branches.from.indices();
        if !self.keep_connected {
            let keys = outage::keys(&mut stream, branches(), |branch| self.may_lose(world, branch));
            let available = keys.len();
            let (k, ln_k) = self.outages.count(streams, available);
            return (outage::first(keys, k), Some(ln_k - outage::ln_choose(available, k)));
        }
        let graph = Graph::of(world.network);
        let bridges = graph.bridges();
        let may_lose =
            |branch: BranchIdx| self.may_lose(world, branch) && bridges.binary_search(&branch).is_err();
        let (k, ln_k) = self.outages.count(streams, self.available(world, &graph));
        let whole = graph.rank(|_| true);
        for _ in 0..=REDRAWS {
            let keys = outage::keys(&mut stream, branches(), may_lose);
            let available = keys.len();
            let lost = outage::first(keys, k);
            if graph.rank(|branch| !lost.contains(&branch)) == whole {
                // How many larger sets leave the grid connected nobody counts cheaply.
                let ln_set = (k <= 1).then(|| ln_k - outage::ln_choose(available, k));
                return (lost, ln_set);
            }
        }
        let keys = outage::keys(&mut stream, branches(), may_lose);
        let order = outage::first(keys, usize::MAX);
        let mut lost = graph.removable(&order);
        lost.truncate(k);
        (lost, None)
    }

    /// The size of the largest set that may be lost.
    fn available(&self, world: &World<'_>, graph: &Graph) -> usize {
        let may_lose = |branch: &BranchIdx| self.may_lose(world, *branch);
        let all = world.network.branches.from.indices().filter(may_lose).count();
        if self.keep_connected {
            all - (graph.rank(|_| true) - graph.rank(|branch| !self.may_lose(world, branch)))
        } else {
            all
        }
    }

    /// The branches that may be lost, in file order.
    fn candidates(&self, world: &World<'_>) -> Vec<BranchIdx> {
        let bridges = if self.keep_connected { Graph::of(world.network).bridges() } else { Vec::new() };
        let branches = world.network.branches.from.indices();
        branches.filter(|b| self.may_lose(world, *b) && bridges.binary_search(b).is_err()).collect()
    }

    fn noun(&self) -> &'static str {
        if self.lines_only { "lines" } else { "branches" }
    }
}

impl Hazard for LineTrip {
    fn draw(&self, world: &World<'_>, streams: &Streams, timeline: &mut Vec<TimedEvent>) -> Option<f64> {
        let (lost, ln_likelihood) = self.which(world, streams);
        let events =
            lost.into_iter().map(|branch| (Event::BranchOut { branch }, Event::BranchBack { branch }));
        self.outages.date(world, streams, events, timeline);
        ln_likelihood
    }

    fn losses(&self, world: &World<'_>, streams: &Streams) -> Vec<Vec<TimedEvent>> {
        let events = self.candidates(world).into_iter();
        let events = events.map(|branch| (Event::BranchOut { branch }, Event::BranchBack { branch }));
        self.outages.date_each(world, streams, events)
    }

    fn together(&self, world: &World<'_>, order: &[Event]) -> Vec<Event> {
        if !self.keep_connected {
            return order.to_vec();
        }
        let branch = |event: &Event| match event {
            Event::BranchOut { branch } => Some(*branch),
            _ => None,
        };
        let order: Vec<BranchIdx> = order.iter().filter_map(branch).collect();
        let removable = Graph::of(world.network).removable(&order);
        removable.into_iter().map(|branch| Event::BranchOut { branch }).collect()
    }

    fn probability_of(&self, world: &World<'_>, lost: &[Event]) -> Option<f64> {
        if self.together(world, lost).len() < lost.len() {
            return Some(0.0);
        }
        let probability = self.outages.probability_of(lost.len(), self.candidates(world).len());
        // How many larger sets leave the grid connected nobody counts cheaply.
        let known = !self.keep_connected || self.outages.most() <= 1 || probability == 0.0;
        known.then_some(probability)
    }

    fn losses_max(&self) -> u32 {
        self.outages.most()
    }

    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn describe(&self) -> String {
        let connected = if self.keep_connected { "; no bus is cut off" } else { "" };
        self.outages.describe(self.noun()) + connected
    }

    fn check(&self, world: &World<'_>) -> Diagnostics {
        let available = self.available(world, &Graph::of(world.network));
        let noun = match self.keep_connected {
            true => format!("{} without cutting a bus off", self.noun()),
            false => self.noun().to_owned(),
        };
        self.outages.check(KIND.name, &noun, available, world)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::hazard::parse;
    use crate::sample;
    use crate::seed::{Seed, streams};
    use powerflow::{Index, Network};

    fn hazard(settings: &str) -> Box<dyn Hazard> {
        let table = format!("kind = 'line_trip'\n{settings}").parse().expect("TOML");
        parse(&table).expect("sound settings")
    }

    fn world(network: &Network) -> World<'_> {
        World { network, horizon_s: 1800.0, step_s: 60.0 }
    }

    fn draw(hazard: &dyn Hazard, network: &Network, index: u64) -> (Vec<TimedEvent>, Option<f64>) {
        let mut timeline = Vec::new();
        let streams = streams(Seed(20261121), "outages", index).within("line_trip#0");
        let ln = hazard.draw(&world(network), &streams, &mut timeline);
        (timeline, ln)
    }

    fn lost(timeline: &[TimedEvent]) -> Vec<usize> {
        timeline
            .iter()
            .filter_map(|event| match event.event {
                Event::BranchOut { branch } => Some(branch.row()),
                _ => None,
            })
            .collect()
    }

    /// How often each set is lost over many episodes.
    fn census(settings: &str, network: &Network, episodes: u64) -> BTreeMap<Vec<usize>, f64> {
        let hazard = hazard(settings);
        let mut seen = BTreeMap::new();
        for index in 0..episodes {
            let mut set = lost(&draw(&*hazard, network, index).0);
            set.sort_unstable();
            *seen.entry(set).or_insert(0.0) += 1.0;
        }
        seen
    }

    fn chi_square(seen: &BTreeMap<Vec<usize>, f64>) -> f64 {
        let expected = seen.values().sum::<f64>() / seen.len() as f64;
        seen.values().map(|n| (n - expected).powi(2) / expected).sum()
    }

    #[test]
    fn every_pair_is_equally_likely_and_has_that_likelihood() {
        let network = sample::ring(6);
        let seen = census("k = 2", &network, 10_500);
        assert_eq!(seen.len(), 21, "7 choose 2");
        // 0.999 quantile of chi-square with 20 degrees of freedom (printed tables).
        assert!(chi_square(&seen) < 45.31, "{}", chi_square(&seen));
        let ln = draw(&*hazard("k = 2"), &network, 0).1.expect("known");
        assert!((ln + 21f64.ln()).abs() < 1e-13);
        // One entry in three is 2.
        let ln = |index| draw(&*hazard("k = [1, 1, 2]"), &network, index);
        for index in 0..20 {
            let (timeline, ln) = ln(index);
            let expected = if lost(&timeline).len() == 1 { 2.0 / 3.0 / 7.0 } else { 1.0 / 3.0 / 21.0 };
            assert!((ln.expect("known") - f64::ln(expected)).abs() < 1e-13);
        }
    }

    #[test]
    fn sets_that_keep_the_grid_connected_are_equally_likely() {
        // A ring of four with two circuits on its first side: rows 0 and 4 are the circuits, 1 to 3 the other sides.
        // By hand: a pair cuts nothing off only where it holds one circuit, 2 x 3 sets, or both circuits: 7 of 10.
        let network = sample::ring(4);
        let seen = census("k = 2\nkeep_connected = true", &network, 7_000);
        let expected = [[0, 1], [0, 2], [0, 3], [0, 4], [1, 4], [2, 4], [3, 4]];
        assert_eq!(seen.keys().map(Vec::as_slice).collect::<Vec<_>>(), expected);
        // 0.999 quantile of chi-square with 6 degrees of freedom (printed tables).
        assert!(chi_square(&seen) < 22.46, "{}", chi_square(&seen));
    }

    #[test]
    fn bridges_stay_when_one_branch_goes() {
        let network = sample::network(5, &[(0, 1), (1, 2), (2, 0), (2, 3), (3, 4)]);
        let settings = "k = 1\nkeep_connected = true";
        let seen = census(settings, &network, 300);
        assert_eq!(seen.keys().map(Vec::as_slice).collect::<Vec<_>>(), [[0], [1], [2]]);
        let ln = draw(&*hazard(settings), &network, 0).1.expect("known for one");
        assert!((ln + 3f64.ln()).abs() < 1e-13);
    }

    #[test]
    fn what_the_rejection_cannot_find_the_walk_does() {
        // 20 double circuits in a chain and k = 20: 2^20 of the 40 choose 20 sets, one in 130,000, cut nothing off.
        let pairs: Vec<(usize, usize)> = (0..40).map(|row| (row / 2, row / 2 + 1)).collect();
        let network = sample::network(21, &pairs);
        let (timeline, ln) = draw(&*hazard("k = 20\nkeep_connected = true"), &network, 0);
        let mut sides: Vec<usize> = lost(&timeline).iter().map(|row| row / 2).collect();
        sides.sort_unstable();
        assert_eq!(sides, (0..20).collect::<Vec<_>>());
        assert_eq!(ln, None);
    }

    #[test]
    fn lines_out_of_service_transformers_and_ends_at_isolated_buses_stay_out_of_it() {
        let mut case = sample::case(4, &[(0, 1), (1, 2), (2, 0), (0, 1), (2, 3)]);
        case.branches[0].in_service = false;
        case.branches[1].transformer = true;
        case.buses[3].kind = powerflow::case::BusKind::Isolated;
        case.loads.retain(|load| load.bus != case.buses[3].id);
        let network = sample::build(case);
        let sets = |settings| census(settings, &network, 200).into_keys().collect::<Vec<_>>();
        assert_eq!(sets("lines_only = true"), [[2], [3]]);
        assert_eq!(sets(""), [[1], [2], [3]]);
        // An element keeps its luck: where the transformer is not lost, the same line is lost without it in the draw.
        for index in 0..50 {
            let with = lost(&draw(&*hazard(""), &network, index).0);
            let without = lost(&draw(&*hazard("lines_only = true"), &network, index).0);
            assert!(with == [1] || with == without);
        }
    }

    #[test]
    fn impossible_wishes_are_errors() {
        let network = sample::ring(4);
        let codes = |settings: &str| {
            let complaints = hazard(settings).check(&world(&network));
            complaints.0.iter().map(|d| (d.code.to_string(), d.severity)).collect::<Vec<_>>()
        };
        use powerflow::Severity::{Error, Warning};
        assert_eq!(codes("k = [1, 5]"), []);
        assert_eq!(codes("k = 6"), [("hazard.too-many".to_owned(), Error)]);
        // Five branches over four buses: two may go before the grid falls apart.
        assert_eq!(codes("k = 2\nkeep_connected = true"), []);
        assert_eq!(codes("k = 3\nkeep_connected = true"), [("hazard.too-many".to_owned(), Error)]);
        assert_eq!(codes("at_s = 1740"), []);
        assert_eq!(codes("at_s = 1741"), [("hazard.never-happens".to_owned(), Error)]);
        assert_eq!(codes("at_s = [0, 1800]"), [("hazard.partly-after-the-end".to_owned(), Warning)]);
        assert_eq!(codes("return_after_s = 30"), [("hazard.shorter-than-a-step".to_owned(), Warning)]);
    }

    proptest! {
        #[test]
        fn a_larger_k_adds_events_and_changes_none(index in any::<u64>(), k in 0usize..7, spread in 0.0..500.0f64) {
            let network = sample::ring(6);
            let with = |k| hazard(&format!("k = [{k}, {k}]\nspread_s = {spread}\nreturn_after_s = [60, 90]"));
            if k > 0 {
                let (few, _) = draw(&*with(k), &network, index);
                let (many, _) = draw(&*with(k + 1), &network, index);
                prop_assert_eq!(lost(&few).len(), k);
                prop_assert_eq!(lost(&many).len(), k + 1);
                prop_assert!(few.iter().all(|event| many.contains(event)));
            }
        }

        #[test]
        fn times_stay_in_their_windows(index in any::<u64>(), low in 0.0..800.0f64, width in 0.0..200.0f64) {
            let network = sample::ring(6);
            let high = low + width;
            let hazard =
                hazard(&format!("k = 3\nat_s = [{low}, {high}]\nspread_s = 30.0\nreturn_after_s = [100.0, 200.0]"));
            let (timeline, _) = draw(&*hazard, &network, index);
            prop_assert_eq!(timeline.len(), 6);
            let nanosecond = 1e-9;
            for pair in timeline.chunks(2) {
                let (out, back) = (pair[0].at.seconds(), pair[1].at.seconds());
                prop_assert_eq!(lost(&pair[..1]).len(), 1);
                prop_assert!(out >= low - nanosecond && out <= high + 30.0 + nanosecond);
                prop_assert!(back - out >= 100.0 - nanosecond && back - out <= 200.0 + nanosecond);
            }
        }
    }
}
