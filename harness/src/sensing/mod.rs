//! What stands between the truth and a candidate: telemetry, phasor units, an estimator.
//!
//! Metrics look at the truth. A candidate, and whoever it is compared with, looks at what is reported here. Errors, losses and lags are drawn
//! from streams of the scenario, for each kind of reading, step and device: they are the same whoever decides and whatever was decided.
//! Set-points, limits, ratings and the frequency are known to a control centre without telemetry and stay as they are; so do the
//! switches that the estimator is told of.

mod estimated;
mod line;
mod settings;

use std::sync::Arc;

use powerflow::estimation::{MeterKind, MeterSet};
use powerflow::units::MvaBase;
use powerflow::{Diagnostics, Network, NewtonConfig, Solution, Solver};
use scenarios::{Moment, Scenario, Seed, Streams, streams};

use crate::grid::Grid;
use crate::observation::{Observations, Observed};
use crate::suite::Suite;
use estimated::{Picture, SHOWN};
use line::{Line, Pace, Scale};

pub use estimated::EstimationTally;
pub(crate) use estimated::Estimators;
pub(crate) use settings::read;
pub use settings::{KEYS, Key, Observe, Settings};

/// Refuses gates on an estimator that is not there.
///
/// # Errors
/// `suite.gate.estimation` for each.
pub(crate) fn check_gates(suite: &Suite) -> Result<(), Diagnostics> {
    if suite.loop_config.observe == Observe::Estimated {
        return Ok(());
    }
    let why = "is of an estimator in the loop, and the suite has none";
    suite.refuse_gates_on(
        "estimation.",
        "suite.gate.estimation",
        why,
        "say observe = \"estimated\" in [loop]",
    )
}

/// What all episodes of a suite share.
#[derive(Debug)]
pub struct Sensing {
    /// What is shown.
    pub observe: Observe,
    /// How well.
    pub settings: Settings,
    meters: MeterSet,
    /// The operating point of the case, where estimates begin; `None` where it has none.
    base: Option<Solution>,
}

impl Sensing {
    /// For a network.
    pub fn new(network: &Arc<Network>, observe: Observe, settings: Settings, newton: &NewtonConfig) -> Self {
        let estimates = observe == Observe::Estimated;
        Sensing {
            observe,
            settings,
            meters: if estimates { MeterSet::all(network, &settings.sigmas) } else { MeterSet::default() },
            base: estimates.then(|| powerflow::solve(network, newton).ok()).flatten(),
        }
    }

    /// What a candidate sees, in a sentence.
    pub fn in_words(&self) -> &'static str {
        match self.observe {
            Observe::Truth | Observe::Scada => {
                "a candidate sees what telemetry reports; switches are reported without errors"
            }
            Observe::Pmu => {
                "a candidate sees phasors of every bus, and of all else what telemetry reports; switches are reported without errors"
            }
            Observe::Estimated => {
                "a candidate sees voltages and flows as an estimator finds them from telemetry, and of all else what telemetry reports; the \
                 estimator knows the switches"
            }
        }
    }

    fn pace(&self) -> Pace {
        let settings = &self.settings;
        Pace {
            period_ns: Moment::from_seconds(settings.scan_s).0.max(1),
            skew_s: settings.skew_s,
            age_ns: Moment::from_seconds(settings.age_s).0,
            loss: settings.loss_probability,
        }
    }

    fn phasor_pace(&self) -> Pace {
        Pace {
            period_ns: Moment::from_seconds(1.0 / self.settings.phasor_rate_hz).0.max(1),
            skew_s: 0.0,
            age_ns: Moment::from_seconds(self.settings.phasor_age_s).0,
            loss: 0.0,
        }
    }

    /// How power is read in MW where its sigma is so many pu.
    fn power(&self, base: MvaBase, sigma_pu: f64) -> Scale {
        Scale {
            sigma: base.from_pu(sigma_pu),
            deadband: base.from_pu(self.settings.power_deadband_pu),
            quantum: base.from_pu(self.settings.power_quantum_pu),
        }
    }

    fn voltage(&self) -> Scale {
        let settings = &self.settings;
        Scale {
            sigma: settings.sigmas.voltage_pu,
            deadband: settings.voltage_deadband_pu,
            quantum: settings.voltage_quantum_pu,
        }
    }

    /// How telemetry reads a quantity; `None` of what is known without it.
    fn scale(&self, quantity: Observed, base: MvaBase) -> Option<Scale> {
        let sigmas = &self.settings.sigmas;
        match quantity {
            Observed::BusVm => Some(self.voltage()),
            Observed::BusPd | Observed::BusQd | Observed::UnitP | Observed::UnitQ => {
                Some(self.power(base, sigmas.injection_pu))
            }
            Observed::BranchPFrom | Observed::BranchQFrom => Some(self.power(base, sigmas.flow_pu)),
            // A share of the rating, as the relay's own instrument has it: full scale is the rating.
            Observed::BranchLoading => Some(Scale { sigma: sigmas.flow_pu, ..Scale::default() }),
            Observed::BusEnergised
            | Observed::UnitStatus
            | Observed::BranchStatus
            | Observed::BranchTap
            | Observed::ShuntStep => Some(Scale::default()),
            _ => None,
        }
    }
}

/// The devices of one rollout.
#[derive(Debug)]
pub(crate) struct Sensor {
    sensing: Arc<Sensing>,
    streams: Streams,
    /// By quantity, in the order of [`Observed::LIST`]; `None` until somebody looks.
    lines: Vec<Option<Line>>,
    meters: Line,
    /// Time stamps, scanned and shown like everything else: how old it is must not depend on who looks at what.
    stamps: Vec<Line>,
    /// The last usable estimate.
    picture: Option<Picture>,
    /// Clock error of each bus, degrees of phase; of phasor units.
    clock_deg: Vec<f64>,
    step: u64,
    tally: EstimationTally,
}

impl Sensor {
    /// Before the first step of a scenario.
    pub(crate) fn new(sensing: &Arc<Sensing>, seed: Seed, scenario: &Scenario) -> Self {
        let streams = streams(seed, &scenario.population, scenario.index).within("sensing");
        // What is estimated is late once: as readings, not again as estimates.
        let meters = Line::new("meters", sensing.pace(), &streams);
        let phasors = (sensing.observe == Observe::Pmu).then(|| sensing.phasor_pace());
        let paces = [Some(sensing.pace()), phasors].into_iter().flatten();
        let stamp = |pace: Pace| Line::new("stamp", Pace { skew_s: 0.0, loss: 0.0, ..pace }, &streams);
        Sensor {
            sensing: Arc::clone(sensing),
            lines: Observed::LIST.iter().map(|_| None).collect(),
            stamps: paces.map(stamp).collect(),
            meters,
            picture: None,
            clock_deg: Vec::new(),
            step: 0,
            tally: EstimationTally::default(),
            streams,
        }
    }

    /// What estimation came to; `None` where nothing is estimated.
    pub(crate) fn tally(&self) -> Option<EstimationTally> {
        (self.sensing.observe == Observe::Estimated).then_some(self.tally)
    }

    /// Turns the truth in one row of what is seen into what is reported. Returns the age of the last scan that is shown, or of the estimate, s.
    pub(crate) fn report(
        &mut self,
        (seen, row): (&mut Observations, usize),
        (grid, solver): (&Grid, &mut Solver),
        estimators: &mut Estimators,
        now: Moment,
        looks_at: &[Observed],
    ) -> f64 {
        self.step += 1;
        let sensing = Arc::clone(&self.sensing);
        let estimates = sensing.observe == Observe::Estimated;
        let phasors = sensing.observe == Observe::Pmu;
        if phasors {
            self.turn((seen, row), grid, looks_at);
        }
        let mut oldest = now;
        for stamp in &mut self.stamps {
            oldest = oldest.min(stamp.report(&mut [0.0], &|_| Scale::default(), now));
        }
        for quantity in looks_at {
            let by_phasor = phasors && matches!(quantity, Observed::BusVm | Observed::BusVa);
            let cells = seen.tensors[*quantity as usize].row_mut(row);
            if estimates && SHOWN.contains(quantity) {
                continue;
            }
            if sensing.observe == Observe::Scada && *quantity == Observed::BusVa {
                // No telemetry measures an angle.
                cells.fill(0.0);
                continue;
            }
            let (pace, scale) = if by_phasor {
                (sensing.phasor_pace(), Scale::default())
            } else if let Some(scale) = sensing.scale(*quantity, grid.network().base) {
                (sensing.pace(), scale)
            } else {
                continue;
            };
            let new = || Line::new(quantity.id(), pace, &self.streams);
            let line = self.lines[*quantity as usize].get_or_insert_with(new);
            line.report(cells, &|_| scale, now);
        }
        if estimates {
            self.estimate((grid, solver), estimators, now);
            for (quantity, at) in SHOWN.iter().zip(0..).filter(|(quantity, _)| looks_at.contains(quantity)) {
                let cells = seen.tensors[*quantity as usize].row_mut(row);
                match &self.picture {
                    Some(picture) => cells.copy_from_slice(&picture.cells[at]),
                    // Nothing has ever been known: every bus is as dead.
                    None => cells.fill(0.0),
                }
            }
            oldest = oldest.min(self.picture.as_ref().map_or(Moment(0), |picture| picture.known));
        }
        Moment(now.0 - oldest.0).seconds()
    }

    /// Reads every meter, and estimates; what comes of it replaces the last estimate, or leaves it where nothing does.
    fn estimate(&mut self, (grid, solver): (&Grid, &mut Solver), estimators: &mut Estimators, now: Moment) {
        let sensing = &self.sensing;
        let meters = &sensing.meters;
        let estimator =
            grid.solution().and_then(|_| estimators.of(solver, grid.state(), meters, sensing.base.as_ref()));
        let (Some(estimator), Some(solution)) = (estimator, grid.solution()) else {
            self.tally.missing += 1;
            return;
        };
        let truth = estimator.readings(solution);
        let mut cells: Vec<f64> = truth.iter().map(|z| z.unwrap_or(0.0)).collect();
        let scale = |meter: usize| match meters.meters[meter].kind {
            MeterKind::Voltage(_) => sensing.voltage(),
            _ => sensing.power(MvaBase(1.0), meters.meters[meter].sigma),
        };
        let known = self.meters.report(&mut cells, &scale, now);
        let readings: Vec<Option<f64>> = truth.iter().zip(&cells).map(|(z, cell)| z.map(|_| *cell)).collect();
        match estimator.estimate(&readings) {
            Ok(estimate) => {
                let network = grid.network();
                self.tally.count(&estimate, Some(solution), network, sensing.settings.alarm_alpha);
                let rating = |branch| grid.rating_pu(branch);
                self.picture = Some(Picture::of(network, &estimator, &estimate, &rating, known));
            }
            Err(_) => self.tally.missing += 1,
        }
    }

    /// Errors of phasor units: noise of every step, and the clock of each bus.
    fn turn(&mut self, (seen, row): (&mut Observations, usize), grid: &Grid, looks_at: &[Observed]) {
        let (settings, network) = (&self.sensing.settings, grid.network());
        let buses = network.buses.id.len();
        if self.clock_deg.is_empty() && settings.phasor_clock_s > 0.0 {
            let mut clock = self.streams.named("clock");
            let degrees = |error_s: f64| {
                scenarios::attack::time::phase_error_rad(network.frequency_hz, error_s).to_degrees()
            };
            self.clock_deg = (0..buses).map(|_| degrees(settings.phasor_clock_s * clock.normal())).collect();
        }
        let voltage = |bus| grid.solution().and_then(|solution| solution.voltage(bus));
        let live: Vec<bool> = network.buses.id.indices().map(|bus| voltage(bus).is_some()).collect();
        let looks = |quantity: Observed| looks_at.contains(&quantity);
        if settings.phasor_tve > 0.0 {
            let mut noise = self.streams.named(&format!("phasor/{}", self.step));
            // Two parts of equal size: the root mean square of their sum is the total vector error.
            let part = settings.phasor_tve * std::f64::consts::FRAC_1_SQRT_2;
            for (bus, live) in live.iter().enumerate() {
                let (re, im) = (part.mul_add(noise.normal(), 1.0), part * noise.normal());
                if looks(Observed::BusVm) {
                    seen.tensors[Observed::BusVm as usize].row_mut(row)[bus] *= (re * re + im * im).sqrt();
                }
                if looks(Observed::BusVa) {
                    let turned = if *live { libm::atan2(im, re).to_degrees() } else { 0.0 };
                    seen.tensors[Observed::BusVa as usize].row_mut(row)[bus] += turned;
                }
            }
        }
        if looks(Observed::BusVa) {
            let cells = seen.tensors[Observed::BusVa as usize].row_mut(row);
            for ((cell, clock), live) in cells.iter_mut().zip(&self.clock_deg).zip(&live) {
                *cell += if *live { *clock } else { 0.0 };
            }
        }
    }
}
