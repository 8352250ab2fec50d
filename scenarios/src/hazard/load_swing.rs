//! Demand wanders: every bus by its own factor, partly together, in straight lines between knots.
//!
//! At every knot the factor of a bus has the mean `mean` (or a level drawn once an episode from `level`) and the standard
//! deviation `sigma`. With independent standard normal series, one common `c` and one `e` for each bus,
//!
//! ```text
//! z = sqrt(correlation) c + sqrt(1 - correlation) e
//! factor = mean + sigma z                          shape = "normal"
//! factor = mean exp(s z - s^2 / 2),  s^2 = ln(1 + (sigma / mean)^2)      shape = "lognormal"
//! ```
//!
//! and each series is stationary and autoregressive from knot to knot: `x' = persistence x + sqrt(1 - persistence^2) n`.
//! Then factors are held in [`floor`, `cap`], which takes from the standard deviation what lies outside. The correlation
//! of two factors is `correlation` for the normal shape, and a little less for the lognormal one
//! (`(exp(correlation s^2) - 1) / (exp(s^2) - 1)`). Between knots factors move in straight lines, so in the middle of a
//! ramp the standard deviation is smaller than `sigma` (unless persistence is 1).
//!
//! The factor multiplies active and reactive demand of the file alike; buses without demand have factor 1.

use powerflow::{Diagnostic, Diagnostics, Network};
use toml::Table;

use super::{Command, Hazard, HazardKind, World};
use crate::draw::Stream;
use crate::event::{Event, Moment, TimedEvent};
use crate::seed::Streams;
use crate::settings::{Parameter, Settings, Span};

const MEAN: Parameter =
    Parameter { name: "mean", unit: "1", default: "1", meaning: "mean factor on the file's demand" };
const LEVEL: Parameter = Parameter {
    name: "level",
    unit: "1",
    default: "none",
    meaning: "[lowest, highest] mean factor, drawn uniformly once an episode, in place of `mean`",
};
const SIGMA: Parameter = Parameter {
    name: "sigma",
    unit: "1",
    default: "0.05",
    meaning: "standard deviation of the factor of a bus, for a given level",
};
const CORRELATION: Parameter = Parameter {
    name: "correlation",
    unit: "1",
    default: "0.5",
    meaning: "correlation of the deviations of any two buses",
};
const PERSISTENCE: Parameter = Parameter {
    name: "persistence",
    unit: "1",
    default: "0.8",
    meaning: "correlation of a deviation with that at the next knot; 1 holds it for the episode",
};
const KNOT_S: Parameter =
    Parameter { name: "knot_s", unit: "s", default: "300", meaning: "time between two targets" };
const FLOOR: Parameter = Parameter {
    name: "floor",
    unit: "1",
    default: "0",
    meaning: "lowest factor; lower ones are raised to it",
};
const CAP: Parameter = Parameter {
    name: "cap",
    unit: "1",
    default: "2",
    meaning: "highest factor; higher ones are lowered to it",
};
const SHAPE: Parameter = Parameter {
    name: "shape",
    unit: "-",
    default: "normal",
    meaning: "law of the factor: `normal` or `lognormal`",
};

pub(super) const KIND: HazardKind = HazardKind {
    name: "load_swing",
    summary: "the demand of every bus wanders, partly together, in straight lines between knots",
    parameters: &[MEAN, LEVEL, SIGMA, CORRELATION, PERSISTENCE, KNOT_S, FLOOR, CAP, SHAPE],
    // Two would overwrite each other's targets: a ramp says where demand goes, not by how much it changes.
    commands: &[Command::Demand],
    techniques: &[],
    parse,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Normal,
    Lognormal,
}

/// Demand wanders; see the module.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadSwing {
    /// A point where no level is drawn.
    level: Span,
    sigma: f64,
    correlation: f64,
    persistence: f64,
    knot_s: f64,
    floor: f64,
    cap: f64,
    shape: Shape,
}

fn parse(table: &Table) -> Result<Box<dyn Hazard>, Diagnostics> {
    /// Ten times the file's demand is beyond any study; a larger number is a slip such as per cent for a factor.
    const FACTOR_MAX: f64 = 10.0;
    let mut settings = Settings::of(KIND.name, KIND.parameters, table);
    let mean = settings.number(MEAN.name, 1.0, 0.0, FACTOR_MAX);
    let level = settings.span(LEVEL.name, 0.0, FACTOR_MAX);
    if settings.has(MEAN.name) && settings.has(LEVEL.name) {
        settings.complain("hazard.conflict", MEAN.name, "is replaced by `level`: write only one of them");
    }
    let hazard = LoadSwing {
        level: level.unwrap_or(Span { low: mean, high: mean }),
        sigma: settings.number(SIGMA.name, 0.05, 0.0, FACTOR_MAX),
        correlation: settings.number(CORRELATION.name, 0.5, 0.0, 1.0),
        persistence: settings.number(PERSISTENCE.name, 0.8, 0.0, 1.0),
        knot_s: settings.number(KNOT_S.name, 300.0, 0.001, f64::INFINITY),
        floor: settings.number(FLOOR.name, 0.0, 0.0, FACTOR_MAX),
        cap: settings.number(CAP.name, 2.0, 0.0, FACTOR_MAX),
        shape: settings.choice(SHAPE.name, &[("normal", Shape::Normal), ("lognormal", Shape::Lognormal)]),
    };
    if hazard.floor >= hazard.cap {
        let what = format!("is {}, not below the cap of {}", hazard.floor, hazard.cap);
        settings.complain("hazard.conflict", FLOOR.name, &what);
    } else if hazard.level.low < hazard.floor || hazard.level.high > hazard.cap {
        let key = if settings.has(LEVEL.name) { LEVEL.name } else { MEAN.name };
        let what = format!("is {}, beyond {} to {} (`floor`, `cap`)", hazard.level, hazard.floor, hazard.cap);
        settings.complain("hazard.conflict", key, &what);
    }
    if hazard.shape == Shape::Lognormal && hazard.level.low == 0.0 {
        settings.complain("hazard.conflict", SHAPE.name, "is lognormal, which has no mean of 0");
    }
    settings.finish(hazard).map(|hazard| Box::new(hazard) as Box<dyn Hazard>)
}

impl LoadSwing {
    /// The factor for the standard deviate `z` around `level`.
    fn factor(&self, level: f64, z: f64) -> f64 {
        let factor = match self.shape {
            Shape::Normal => level + self.sigma * z,
            Shape::Lognormal => {
                let spread = self.sigma / level;
                let variance = libm::log1p(spread * spread);
                level * libm::exp(variance.sqrt() * z - variance / 2.0)
            }
        };
        factor.clamp(self.floor, self.cap)
    }
}

/// Stationary series of standard normal deviates, one for each place, stepping together.
struct Series {
    stream: Stream,
    persistence: f64,
    now: Vec<f64>,
}

impl Series {
    fn begin(mut stream: Stream, persistence: f64, places: usize) -> Self {
        let now = (0..places).map(|_| stream.normal()).collect();
        Series { stream, persistence, now }
    }

    fn step(&mut self) {
        let news = (1.0 - self.persistence * self.persistence).sqrt();
        for value in &mut self.now {
            *value = self.persistence * *value + news * self.stream.normal();
        }
    }
}

/// Whether the file has demand at each bus.
fn has_demand(network: &Network) -> Vec<bool> {
    let buses = &network.buses;
    buses.demand_p_pu.iter().map(|(bus, p)| *p != 0.0 || buses.demand_q_pu[bus] != 0.0).collect()
}

impl Hazard for LoadSwing {
    fn draw(&self, world: &World<'_>, streams: &Streams, timeline: &mut Vec<TimedEvent>) -> Option<f64> {
        let has_demand = has_demand(world.network);
        let level = self.level.draw(&mut streams.named("level"));
        let mut common = Series::begin(streams.named("common"), self.persistence, 1);
        // Drawn for every bus, so that each keeps its series when demand elsewhere is added or removed.
        let mut own = Series::begin(streams.named("bus"), self.persistence, has_demand.len());
        let (shared, alone) = (self.correlation.sqrt(), (1.0 - self.correlation).sqrt());
        let target = |common: &Series, own: &Series| -> Vec<f64> {
            let factor = |(own, has_demand): (&f64, &bool)| match has_demand {
                true => self.factor(level, shared * common.now[0] + alone * own),
                false => 1.0,
            };
            own.now.iter().zip(&has_demand).map(factor).collect()
        };
        let knot = |number: u32| Moment::from_seconds(f64::from(number) * self.knot_s);
        let end = Moment::from_seconds(world.horizon_s);
        if knot(0) < end {
            let event = Event::DemandRamp { until: knot(0), factor: target(&common, &own) };
            timeline.push(TimedEvent { at: knot(0), event });
        }
        for number in (0..).take_while(|number| knot(*number) < end) {
            common.step();
            own.step();
            let event = Event::DemandRamp { until: knot(number + 1), factor: target(&common, &own) };
            timeline.push(TimedEvent { at: knot(number), event });
        }
        // It makes no discrete draw.
        Some(0.0)
    }

    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn describe(&self) -> String {
        let shape = match self.shape {
            Shape::Normal => "normal",
            Shape::Lognormal => "lognormal",
        };
        format!(
            "demand at {} of the file's, {shape} with standard deviation {} and correlation {} between buses, a new \
             target every {} s (persistence {}), held in {} to {}",
            self.level, self.sigma, self.correlation, self.knot_s, self.persistence, self.floor, self.cap
        )
    }

    fn check(&self, world: &World<'_>) -> Diagnostics {
        let mut complaints = Diagnostics::default();
        if self.knot_s < world.step_s {
            let message = format!(
                "the hazard load_swing has a new target every {} s, more often than the loop's step of {} s",
                self.knot_s, world.step_s
            );
            complaints.push(
                Diagnostic::error("hazard.finer-than-a-step", message)
                    .hint(format!("raise `knot_s` to {} or more", world.step_s)),
            );
        }
        if !has_demand(world.network).contains(&true) {
            let message = format!("the hazard load_swing finds no demand in {}", world.network.name);
            complaints.push(Diagnostic::error("hazard.never-happens", message));
        }
        complaints
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hazard::parse;
    use crate::sample;
    use crate::seed::{Seed, streams};

    fn hazard(settings: &str) -> Box<dyn Hazard> {
        parse(&table(settings)).expect("sound settings")
    }

    fn table(settings: &str) -> Table {
        format!("kind = 'load_swing'\n{settings}").parse().expect("TOML")
    }

    /// Factors at every knot: `[knot][bus]`, of one episode of 1500 s on three buses, the first without demand.
    fn factors(hazard: &dyn Hazard, index: u64) -> Vec<Vec<f64>> {
        let network = sample::network(3, &[(0, 1), (1, 2)]);
        let world = World { network: &network, horizon_s: 1500.0, step_s: 60.0 };
        let mut timeline = Vec::new();
        let ln = hazard.draw(&world, &streams(Seed(20261121), "swing", index), &mut timeline);
        assert_eq!(ln, Some(0.0));
        let targets = timeline.into_iter().map(|event| match event.event {
            Event::DemandRamp { factor, .. } => factor,
            other => panic!("a load swing drew {other:?}"),
        });
        targets.collect()
    }

    struct Sample {
        mean: f64,
        sigma: f64,
        between_buses: f64,
        between_knots: f64,
    }

    /// Moments over episodes of the factors of two buses at knot 3, and of one bus at knots 3 and 4.
    fn sample(settings: &str, episodes: u32) -> Sample {
        let hazard = hazard(settings);
        let seen: Vec<[f64; 3]> = (0..episodes)
            .map(|index| factors(&*hazard, u64::from(index)))
            .map(|knots| [knots[3][1], knots[3][2], knots[4][1]])
            .collect();
        let n = f64::from(episodes);
        let mean = |column: usize| seen.iter().map(|row| row[column]).sum::<f64>() / n;
        let means = [mean(0), mean(1), mean(2)];
        let covariance = |a: usize, b: usize| {
            seen.iter().map(|row| (row[a] - means[a]) * (row[b] - means[b])).sum::<f64>() / (n - 1.0)
        };
        let correlation = |a, b| covariance(a, b) / (covariance(a, a) * covariance(b, b)).sqrt();
        Sample {
            mean: means[0],
            sigma: covariance(0, 0).sqrt(),
            between_buses: correlation(0, 1),
            between_knots: correlation(0, 2),
        }
    }

    fn assert_near(what: &str, value: f64, expected: f64, standard_error: f64) {
        assert!((value - expected).abs() < 4.0 * standard_error, "{what}: {value} for {expected}");
    }

    #[test]
    fn factors_have_the_moments_that_were_asked_for() {
        let n = 4000u32;
        let root = f64::from(n).sqrt();
        for (shape, rho) in [("normal", 0.5), ("normal", 0.1), ("lognormal", 0.5)] {
            let settings =
                format!("sigma = 0.1\ncorrelation = {rho}\npersistence = 0.7\nmean = 0.9\nshape = '{shape}'");
            let seen = sample(&settings, n);
            assert_near("mean", seen.mean, 0.9, 0.1 / root);
            // Standard errors for the normal law: sigma / sqrt(2 n), (1 - rho^2) / sqrt(n). The lognormal one is near
            // enough to it at this spread for the same bounds to hold with a quarter more.
            let wider = if shape == "normal" { 1.0 } else { 1.25 };
            assert_near("sigma", seen.sigma, 0.1, wider * 0.1 / (2f64.sqrt() * root));
            let in_logs = |r: f64| {
                let variance = (1.0 + (0.1f64 / 0.9).powi(2)).ln();
                ((r * variance).exp() - 1.0) / (variance.exp() - 1.0)
            };
            let expected = |r: f64| if shape == "normal" { r } else { in_logs(r) };
            let error = |r: f64| wider * (1.0 - r * r) / root;
            assert_near("between buses", seen.between_buses, expected(rho), error(rho));
            assert_near("between knots", seen.between_knots, expected(0.7), error(0.7));
        }
    }

    #[test]
    fn the_ends_of_correlation_and_persistence_are_exact() {
        let together = factors(&*hazard("sigma = 0.2\ncorrelation = 1"), 5);
        assert!(together.iter().all(|knot| knot[1] == knot[2]));
        let still = factors(&*hazard("sigma = 0.2\npersistence = 1"), 5);
        assert!(still.iter().all(|knot| *knot == still[0]) && still[0][1] != still[0][2]);
        let flat = factors(&*hazard("sigma = 0\nmean = 1.1"), 5);
        assert!(flat.iter().all(|knot| *knot == [1.0, 1.1, 1.1]));
    }

    #[test]
    fn the_first_event_is_a_step_and_ramps_join() {
        let network = sample::network(3, &[(0, 1), (1, 2)]);
        let world = World { network: &network, horizon_s: 700.0, step_s: 60.0 };
        let mut timeline = Vec::new();
        hazard("").draw(&world, &streams(Seed(1), "", 0), &mut timeline);
        let ramps: Vec<(f64, f64)> = timeline
            .iter()
            .map(|event| match &event.event {
                Event::DemandRamp { until, .. } => (event.at.seconds(), until.seconds()),
                other => panic!("a load swing drew {other:?}"),
            })
            .collect();
        // The last ramp is drawn to its end beyond the horizon, so that its slope is right.
        assert_eq!(ramps, [(0.0, 0.0), (0.0, 300.0), (300.0, 600.0), (600.0, 900.0)]);
    }

    #[test]
    fn floor_and_cap_hold_and_levels_are_uniform() {
        let hazard = hazard("level = [0.6, 1.4]\nsigma = 0.3\nfloor = 0.5\ncap = 1.5\ncorrelation = 1");
        let all: Vec<f64> = (0..500).flat_map(|index| factors(&*hazard, index)).map(|knot| knot[1]).collect();
        assert!(all.iter().all(|factor| (0.5..=1.5).contains(factor)));
        assert!(all.contains(&0.5) && all.contains(&1.5));
        let steady = self::hazard("level = [0.6, 1.4]\nsigma = 0");
        let mut levels: Vec<f64> = (0..1000).map(|index| factors(&*steady, index)[0][1]).collect();
        levels.sort_by(f64::total_cmp);
        // Kolmogorov's distance to the uniform law, 0.999 quantile 1.95 / sqrt(n) (printed tables).
        let distance = levels
            .iter()
            .enumerate()
            .map(|(i, level)| ((level - 0.6) / 0.8 - (i as f64 + 0.5) / 1000.0).abs() + 0.0005)
            .fold(0.0, f64::max);
        assert!(distance < 1.95 / 1000f64.sqrt(), "{distance}");
    }

    #[test]
    fn settings_that_contradict_each_other_are_refused() {
        for settings in [
            "mean = 1\nlevel = [0.9, 1.1]",
            "floor = 1.2\ncap = 1.1",
            "mean = 2.5",
            "level = [0.5, 1]\nfloor = 0.6",
            "shape = 'lognormal'\nlevel = [0, 1]",
        ] {
            let complaints = parse(&table(settings)).expect_err(settings);
            assert_eq!(complaints.0[0].code, "hazard.conflict", "{settings}");
        }
        for settings in
            ["sigma = -0.1", "correlation = 1.01", "persistence = -0.2", "knot_s = 0", "mean = 95"]
        {
            let complaints = parse(&table(settings)).expect_err(settings);
            assert_eq!(complaints.0[0].code, "hazard.out-of-range", "{settings}");
        }
        let network = sample::network(2, &[(0, 1)]);
        let world = World { network: &network, horizon_s: 600.0, step_s: 60.0 };
        assert_eq!(hazard("knot_s = 59").check(&world).0[0].code, "hazard.finer-than-a-step");
        assert!(hazard("knot_s = 60").check(&world).0.is_empty());
        let mut case = sample::case(2, &[(0, 1)]);
        case.loads.clear();
        let network = sample::build(case);
        let world = World { network: &network, ..world };
        assert_eq!(hazard("").check(&world).0[0].code, "hazard.never-happens");
    }
}
