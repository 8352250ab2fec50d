//! What an island is made of, before anything happens to it.

use powerflow::{Diagnostic, Diagnostics};

use super::governor::{Droop, Governor, Hydro, Range, Reheat, Tgov1, UNGOVERNED_SHARE};
use super::plant::{Aggregate, Machine, Machines, Plant};
use super::response::FastResponse;
use super::ride_through::RideThrough;
use super::shedding::SheddingPlan;
use super::{DEADBAND_HZ, Ggov1};

/// How a unit is coupled to the frequency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnitKind {
    /// A rotor that turns with the frequency.
    Synchronous,
    /// An inverter that follows the voltage it finds: no inertia.
    GridFollowing,
    /// An inverter that makes a voltage: inertia is what its control emulates.
    GridForming,
}

impl UnitKind {
    /// Its name in documents.
    pub fn id(self) -> &'static str {
        match self {
            UnitKind::Synchronous => "synchronous",
            UnitKind::GridFollowing => "grid_following",
            UnitKind::GridForming => "grid_forming",
        }
    }
}

/// A unit. Powers in pu of the system's base; inertia and the governor's parameters on the unit's own rating.
#[derive(Clone, Debug, PartialEq)]
pub struct UnitModel {
    /// How it is coupled to the frequency.
    pub kind: UnitKind,
    /// Rating in pu of the system's base: `S_n / S_b`.
    pub rating_pu: f64,
    /// Inertia constant H on its rating, s; zero for a unit that follows the grid.
    pub inertia_s: f64,
    /// Power before the event, pu.
    pub power_pu: f64,
    /// Lowest power that its governor may reach, pu.
    pub power_min_pu: f64,
    /// Highest power that its governor may reach, pu: what lies above `power_pu` is its reserve.
    pub power_max_pu: f64,
    /// Fastest change of power that its valve may ask for, pu/s; infinite where only the model's own limits hold.
    pub ramp_pu_per_s: f64,
    /// How its power follows the frequency.
    pub governor: Governor,
    /// Dead zone of the governor, Hz to each side; beyond it the governor sees what exceeds it.
    pub deadband_hz: f64,
    /// Share of the unit that its governor moves, from 0 to 1.
    pub governed_share: f64,
    /// What frequencies it endures; `None` endures all.
    pub ride_through: Option<RideThrough>,
}

impl UnitModel {
    /// A synchronous unit at a power, with the default governor of its kind and inertia (Kundur, "Power System Stability and
    /// Control", table 3.2), the usual dead zone, and no reserve beyond its rating.
    fn typical(governor: Governor, inertia_s: f64, rating_pu: f64, power_pu: f64) -> Self {
        Self {
            kind: UnitKind::Synchronous,
            rating_pu,
            inertia_s,
            power_pu,
            power_min_pu: 0.0,
            power_max_pu: rating_pu,
            ramp_pu_per_s: f64::INFINITY,
            governor,
            deadband_hz: DEADBAND_HZ,
            governed_share: 1.0 - UNGOVERNED_SHARE,
            ride_through: None,
        }
    }

    /// A steam unit: TGOV1, H = 4 s.
    pub fn steam(rating_pu: f64, power_pu: f64) -> Self {
        Self::typical(Governor::Tgov1(Tgov1::default()), 4.0, rating_pu, power_pu)
    }

    /// A gas turbine: GGOV1, H = 5 s. Its no-load fuel and the gain of its turbine leave it 1.2 of its rating at full fuel.
    pub fn gas(rating_pu: f64, power_pu: f64) -> Self {
        Self::typical(Governor::Ggov1(Ggov1::default()), 5.0, rating_pu, power_pu)
    }

    /// A hydro unit: transient droop and water column, H = 3 s.
    pub fn hydro(rating_pu: f64, power_pu: f64) -> Self {
        Self::typical(Governor::Hydro(Hydro::default()), 3.0, rating_pu, power_pu)
    }

    /// An inverter that follows the grid and gives what it has.
    pub fn inverter(rating_pu: f64, power_pu: f64) -> Self {
        Self { kind: UnitKind::GridFollowing, ..Self::typical(Governor::Fixed, 0.0, rating_pu, power_pu) }
    }

    /// An inverter that makes its voltage, with an emulated inertia and a droop of 5 % behind a lag of 0.1 s.
    pub fn grid_forming(rating_pu: f64, power_pu: f64, inertia_s: f64) -> Self {
        let droop = Governor::Droop(Droop { droop_pu: 0.05, lag_s: 0.1 });
        Self {
            kind: UnitKind::GridForming,
            power_min_pu: -rating_pu,
            deadband_hz: 0.0,
            governed_share: 1.0,
            ..Self::typical(droop, inertia_s, rating_pu, power_pu)
        }
    }

    fn range(&self) -> Range {
        Range {
            low: self.power_min_pu / self.rating_pu,
            high: self.power_max_pu / self.rating_pu,
            ramp: self.ramp_pu_per_s / self.rating_pu,
            start: self.power_pu / self.rating_pu,
        }
    }

    fn machine(&self, nominal_hz: f64) -> Machine {
        let range = self.range();
        Machine {
            governor: self.governor,
            range,
            rating: self.rating_pu,
            inertia: 2.0 * self.inertia_s * self.rating_pu,
            deadband: self.deadband_hz / nominal_hz,
            governed: self.governed_share,
            connected: true,
            states: self.governor.start(&range),
        }
    }

    pub(crate) fn wrong(&self, nominal_hz: f64) -> Vec<String> {
        let mut wrong = self.governor.wrong();
        let mut number = |name: &str, value: f64, holds: bool, should: &str| {
            if !holds || value.is_nan() {
                wrong.push(format!("{name} is {value}, it should be {should}"));
            }
        };
        number(
            "the rating",
            self.rating_pu,
            self.rating_pu > 0.0 && self.rating_pu.is_finite(),
            "above zero",
        );
        let inertia = match self.kind {
            UnitKind::GridFollowing => (self.inertia_s == 0.0, "zero: the unit follows the grid"),
            UnitKind::Synchronous | UnitKind::GridForming => {
                (self.inertia_s > 0.0 && self.inertia_s.is_finite(), "above zero")
            }
        };
        number("the inertia, s,", self.inertia_s, inertia.0, inertia.1);
        let governed = self.governor != Governor::Fixed;
        let within = self.power_min_pu <= self.power_pu && self.power_pu <= self.power_max_pu;
        number("the power", self.power_pu, self.power_pu.is_finite(), "finite");
        number("the power", self.power_pu, !governed || within, "within the unit's limits");
        let finite = self.power_min_pu.is_finite() && self.power_max_pu.is_finite();
        number("the highest power", self.power_max_pu, finite, "finite, as should the lowest");
        number("the ramp", self.ramp_pu_per_s, self.ramp_pu_per_s > 0.0, "above zero");
        number(
            "the dead zone, Hz,",
            self.deadband_hz,
            (0.0..nominal_hz).contains(&self.deadband_hz),
            "between zero and the nominal frequency",
        );
        number(
            "the governed share",
            self.governed_share,
            (0.0..=1.0).contains(&self.governed_share),
            "between 0 and 1",
        );
        if matches!(self.governor, Governor::Reheat(_)) {
            number(
                "the ramp",
                self.ramp_pu_per_s,
                self.ramp_pu_per_s == f64::INFINITY,
                "absent: this turbine's valve has no rate",
            );
        }
        if wrong.is_empty() {
            // A valve that cannot hold the power it starts from would move before anything has happened.
            let mut states = self.governor.start(&self.range());
            let start = states;
            self.governor.limit(&mut states, &self.range());
            if states != start {
                wrong.push(format!(
                    "the power of {} pu is beyond what its governor's limits allow",
                    self.power_pu
                ));
            }
        }
        wrong.extend(self.ride_through.iter().flat_map(|settings| settings.wrong(nominal_hz)));
        wrong
    }
}

/// All units of an island as one turbine: the system-frequency-response model of Anderson and Mirheydar (1990). On the system's base.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AggregateModel {
    /// Inertia constant H of the island, s.
    pub inertia_s: f64,
    /// The turbine.
    pub turbine: Reheat,
    /// Reserve of all units together downwards, pu; infinite in the published model.
    pub reserve_down_pu: f64,
    /// Reserve of all units together upwards, pu; infinite in the published model.
    pub reserve_up_pu: f64,
}

impl AggregateModel {
    /// The published model: no limit.
    pub fn unlimited(inertia_s: f64, turbine: Reheat) -> Self {
        Self { inertia_s, turbine, reserve_down_pu: f64::INFINITY, reserve_up_pu: f64::INFINITY }
    }

    /// Units as one, for studies in which thousands of islands are simulated: inertia, steady-state stiffness and reserve are theirs; dead
    /// zones, rates and lags other than the reheater's are left out, and the share and time constant of the reheater are those of
    /// TGOV1's and the reheat model's units, by their stiffness. `None` where there is no inertia or no governor.
    pub fn of_units(units: &[UnitModel]) -> Option<Self> {
        let inertia_s: f64 = units.iter().map(|unit| unit.inertia_s * unit.rating_pu).sum();
        let (mut stiffness, mut fast, mut slow_s, mut slow) = (0.0, 0.0, 0.0, 0.0);
        let (mut up, mut down) = (0.0, 0.0);
        for unit in units {
            let of_unit = unit.governor.stiffness_pu() * unit.governed_share * unit.rating_pu;
            if of_unit <= 0.0 {
                continue;
            }
            let (share, reheat_s) = match &unit.governor {
                Governor::Tgov1(g) => (g.t2_s / g.t3_s, g.t3_s),
                Governor::Reheat(g) => (g.high_pressure_share, g.reheat_s),
                _ => (1.0, 0.0),
            };
            stiffness += of_unit;
            fast += of_unit * share;
            slow += of_unit * (1.0 - share);
            slow_s += of_unit * (1.0 - share) * reheat_s;
            up += unit.governed_share * (unit.power_max_pu - unit.power_pu);
            down += unit.governed_share * (unit.power_pu - unit.power_min_pu);
        }
        (inertia_s > 0.0 && stiffness > 0.0).then(|| Self {
            inertia_s,
            turbine: Reheat {
                droop_pu: 1.0 / stiffness,
                high_pressure_share: (fast / stiffness).clamp(0.0, 1.0),
                reheat_s: if slow > 0.0 { slow_s / slow } else { 1.0 },
                gain_pu: 1.0,
            },
            reserve_down_pu: down,
            reserve_up_pu: up,
        })
    }

    fn plant(&self) -> Aggregate {
        let Reheat { droop_pu, high_pressure_share, reheat_s, gain_pu } = self.turbine;
        Aggregate::new(
            2.0 * self.inertia_s,
            gain_pu / droop_pu,
            high_pressure_share,
            reheat_s,
            [self.reserve_down_pu, self.reserve_up_pu],
        )
    }

    pub(crate) fn wrong(&self) -> Vec<String> {
        let mut wrong = Governor::Reheat(self.turbine).wrong();
        // Without any governor the model is still one: a gain of zero is allowed here.
        if self.turbine.gain_pu == 0.0 {
            wrong.retain(|complaint| !complaint.starts_with("the mechanical gain"));
        }
        // Below these the series of the exact solution would need millions of terms for a step, and no grid is like that.
        for (name, value, least) in [
            ("the inertia, s,", self.inertia_s, 0.01),
            ("the time constant of the reheater, s,", self.turbine.reheat_s, 0.01),
            ("the droop", self.turbine.droop_pu, 1e-4),
        ] {
            if !(value >= least && value.is_finite()) {
                wrong.push(format!("{name} is {value}, it should be at least {least}"));
            }
        }
        for (name, value) in [("downwards", self.reserve_down_pu), ("upwards", self.reserve_up_pu)] {
            if !(value >= 0.0) {
                wrong.push(format!("the reserve {name} is {value} pu, it should not be negative"));
            }
        }
        wrong
    }
}

/// What turns and drives.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// All units as one, solved exactly between events.
    Aggregate(AggregateModel),
    /// Units one by one, integrated.
    Units(Vec<UnitModel>),
}

/// An island in balance, before anything happens to it. Powers in pu of the system's base.
#[derive(Clone, Debug, PartialEq)]
pub struct IslandModel {
    /// Nominal frequency, Hz; the frequency at the start.
    pub nominal_hz: f64,
    /// Demand in service, pu. Whatever is missing from the units' power to meet it (losses, imports, units not listed) is taken as
    /// constant.
    pub load_pu: f64,
    /// D: relative change of demand for a relative change of the frequency, 1 to 2.
    pub load_damping: f64,
    /// What turns and drives.
    pub source: Source,
    /// Under-frequency load shedding.
    pub shedding: Option<SheddingPlan>,
    /// Devices of fast frequency response.
    pub responses: Vec<FastResponse>,
    /// Limits that are watched and trip nothing.
    pub observed: Vec<RideThrough>,
    /// Longest step, s; `None` takes [`AGGREGATE_STEP_S`] or [`UNITS_STEP_S`].
    pub step_s: Option<f64>,
    /// Window of [`super::IslandFrequency::rocof_hz_per_s`], s: 0.1 to 0.5.
    pub rocof_window_s: f64,
}

/// Longest step of an aggregate, s. The solution is exact whatever the step; this is how often relays look.
pub const AGGREGATE_STEP_S: f64 = 0.05;
/// Longest step of units one by one, s; shortened to half of the shortest time constant.
pub const UNITS_STEP_S: f64 = 0.01;
/// Window of the slope of the frequency, s.
pub const ROCOF_WINDOW_S: f64 = 0.5;

impl IslandModel {
    /// An island of this demand and source, D = 1, without protection.
    pub fn new(nominal_hz: f64, load_pu: f64, source: Source) -> Self {
        Self {
            nominal_hz,
            load_pu,
            load_damping: 1.0,
            source,
            shedding: None,
            responses: Vec::new(),
            observed: Vec::new(),
            step_s: None,
            rocof_window_s: ROCOF_WINDOW_S,
        }
    }

    /// All that is wrong with it: `frequency.island`, `frequency.unit`, `frequency.shedding`, `frequency.response` and
    /// `frequency.limit`, each naming its element by its number from 1.
    pub fn check(&self) -> Diagnostics {
        let mut all = Diagnostics::default();
        let mut push = |code: &'static str, what: String, wrong: Vec<String>| {
            for complaint in wrong {
                all.push(Diagnostic::error(code, format!("{what}: {complaint}")));
            }
        };
        let nominal_hz = self.nominal_hz;
        push("frequency.island", "the island".into(), self.wrong());
        match &self.source {
            Source::Aggregate(aggregate) => {
                push("frequency.island", "the aggregate".into(), aggregate.wrong());
            }
            Source::Units(units) => {
                for (i, unit) in units.iter().enumerate() {
                    push("frequency.unit", format!("unit {}", i + 1), unit.wrong(nominal_hz));
                }
            }
        }
        if let Some(plan) = &self.shedding {
            push("frequency.shedding", "load shedding".into(), plan.wrong(nominal_hz));
        }
        for (i, response) in self.responses.iter().enumerate() {
            push("frequency.response", format!("fast response {}", i + 1), response.wrong(nominal_hz));
        }
        for (i, observed) in self.observed.iter().enumerate() {
            push("frequency.limit", format!("limit {}", i + 1), observed.wrong(nominal_hz));
        }
        all
    }

    /// What is wrong with the island as a whole, in words.
    pub(crate) fn wrong(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for (name, value, holds) in [
            ("the nominal frequency, Hz,", self.nominal_hz, self.nominal_hz > 0.0),
            ("the demand, pu,", self.load_pu, self.load_pu >= 0.0),
            ("the damping by demand", self.load_damping, self.load_damping >= 0.0),
            ("the longest step, s,", self.step_s.unwrap_or(1.0), self.step_s.is_none_or(|s| s > 0.0)),
            ("the window of the slope, s,", self.rocof_window_s, self.rocof_window_s > 0.0),
        ] {
            if !(holds && value.is_finite()) {
                wrong.push(format!("{name} is {value}"));
            }
        }
        if let Source::Units(units) = &self.source
            && !units.iter().any(|unit| unit.inertia_s * unit.rating_pu > 0.0)
        {
            wrong.push("no unit has inertia, so there is no frequency".into());
        }
        wrong
    }

    /// Its turbines, and the longest step, s.
    pub(super) fn plant(&self) -> (Plant, f64) {
        match &self.source {
            Source::Aggregate(aggregate) => {
                (Plant::Aggregate(aggregate.plant()), self.step_s.unwrap_or(AGGREGATE_STEP_S))
            }
            Source::Units(units) => {
                let machines: Vec<Machine> = units.iter().map(|unit| unit.machine(self.nominal_hz)).collect();
                let shortest_s =
                    units.iter().flat_map(|unit| unit.governor.times_s()).fold(f64::INFINITY, f64::min);
                let step_s = self.step_s.unwrap_or(UNITS_STEP_S).min(0.5 * shortest_s);
                (Plant::Machines(Machines::new(machines)), step_s)
            }
        }
    }
}
