//! The simulated grid: a network living through time. Only this module changes a grid.

pub mod agc;
pub mod autonomous;
pub mod device;
mod doubt;
pub mod frequency;
pub mod grant;
pub mod protection;
pub mod remedial;
mod saturation;
mod shedding;
pub mod slow;
mod time;
pub mod units;

use std::sync::Arc;

use powerflow::{
    BranchIdx, BusIdx, BusStatus, Column, Divergence, DivergenceReason, Flows, Index, Network, Rung,
    Solution, State, UnitIdx,
};
use scenarios::{Event, Moment, Scenario, Seed, streams};

use crate::cascade::Shed;
use autonomous::Autonomous;
use device::Device;
pub(crate) use doubt::Answer;
use protection::Protection;
use protection::frequency::Balance;
use protection::hidden_failure::HiddenFailures;
use shedding::{Demand, ShedCause};
pub use time::{Logged, Moved};

/// Rules of the simulated physics that a suite may set.
#[derive(Clone, Debug, PartialEq)]
pub struct GridRules {
    /// Ramp of a unit whose file gives none, as a share of its largest power per minute; `None`: only its range binds.
    pub ramp_share_per_min: Option<f64>,
    /// How long a branch that a candidate switched must be left alone, s.
    pub cooldown_s: f64,
    /// Lowest and highest ratio and number of positions of a tap changer, for transformers whose file gives none.
    pub tap_range: (f64, f64, u32),
    /// Relays that act by themselves; `None`: nothing trips.
    pub protection: Option<Arc<Protection>>,
    /// What units are to the frequency; `None`: it stays nominal, and relays say where it would settle.
    pub frequency: Option<Arc<frequency::Elements>>,
    /// Whether candidates measure frequencies while they move.
    pub measures_frequency: bool,
    /// Slow controls, generation control, remedial schemes and kinds of units; `None`: there are none.
    pub autonomous: Option<Arc<Autonomous>>,
    /// Seed of what the grid itself draws.
    pub seed: Seed,
}

impl Default for GridRules {
    fn default() -> Self {
        // Tap range: the defaults that PSS/E documents for an unset winding-control block.
        Self {
            ramp_share_per_min: None,
            cooldown_s: 900.0,
            tap_range: (0.9, 1.1, 33),
            protection: None,
            frequency: None,
            measures_frequency: false,
            autonomous: None,
            seed: Seed::default(),
        }
    }
}

/// Ramp of a unit whose file gives none where the balance is limited by ramps: this share of its largest power per minute, and at least
/// one megawatt. Source: M. Eppstein, P. Hines, IEEE Trans. Power Systems 27(3), 2012.
const RAMP_SHARE_PER_MIN: f64 = 0.05;
/// The least of it, MW per minute.
const RAMP_MIN_MW_PER_MIN: f64 = 1.0;

/// How far a rollout has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It goes on.
    Alive,
    /// Everything is dark: no bus has a source.
    Dark,
    /// The solver found no power flow for what is left; nobody knows what the grid does.
    Unsolved,
    /// The candidate gave no usable decision.
    CandidateFailed,
    /// Padding: it never lived.
    Absent,
}

/// No grid has such a voltage, pu: it is another root of the equations, in which line charging or a unit held at a reactive limit feeds
/// itself.
const VOLTAGE_MAX_PU: f64 = 2.0;

/// What moved the demand last.
#[derive(Clone, Debug)]
struct Ramp {
    from: Vec<f64>,
    to: Vec<f64>,
    start: Moment,
    until: Moment,
}

/// A network living through time: switches, set-points, last solution. Owned by one rollout.
#[derive(Debug)]
pub struct Grid {
    network: Arc<Network>,
    pub(crate) rules: Arc<GridRules>,
    state: State,
    solution: Option<Solution>,
    flows: Flows,
    life: Life,
    divergence: Option<Divergence>,
    scenario: Arc<Scenario>,
    next_event: usize,
    demand: Demand,
    ramp: Option<Ramp>,
    /// Largest power of each unit now, as a share of the file's; empty where that is all of it.
    capability: Vec<f64>,
    /// What transformers take in a geomagnetic storm.
    saturation: Option<saturation::Saturation>,
    /// Whether some power flow was answered with what no grid has: losses that did not settle, a voltage beyond [`VOLTAGE_MAX_PU`].
    implausible: bool,
    /// What of each unit's schedule is withheld because it cannot deliver it, pu.
    withheld_pu: Vec<f64>,
    /// Buses that an event took, in the order of their loss.
    lost_buses: Vec<BusIdx>,
    /// Taken out by an event: a candidate cannot close it.
    forced_out: Column<BranchIdx, bool>,
    /// When a candidate last switched a branch.
    switched: Column<BranchIdx, Option<Moment>>,
    /// What each unit delivered in the last settled state, pu: where its ramp starts.
    delivered_pu: Option<Column<UnitIdx, f64>>,
    dirty: bool,
    /// Whether nothing has happened to it yet, not even a power flow.
    pristine: bool,
    /// What acts by itself.
    devices: Vec<Box<dyn Device>>,
    hidden: Option<HiddenFailures>,
    /// The frequency of each island, where it lives.
    frequency: Option<Box<frequency::Frequency>>,
    /// Whether the demand has jumped since the last look.
    jumped: bool,
    /// Whether devices have yet to look at the last solution.
    unseen: bool,
    /// Everything that acted by itself, in order.
    log: Vec<Logged>,
    /// What controls moved, in order.
    moves: Vec<Moved>,
    /// Units that are off for a while.
    paused: Vec<UnitIdx>,
    generation: u32,
    solves: u64,
    /// Power flows by the rung that answered.
    rungs: [u64; RUNGS.len()],
    doubtful: bool,
}

/// Every rung, in its order.
pub const RUNGS: [Rung; 7] = [
    Rung::Newton,
    Rung::FlatStart,
    Rung::DcStart,
    Rung::Damped,
    Rung::LimitsRelaxed,
    Rung::Pivoted,
    Rung::Continuation,
];

impl Grid {
    /// A grid at the operating point of the file, before anything has happened.
    pub fn new(network: &Arc<Network>, rules: &Arc<GridRules>, scenario: Arc<Scenario>) -> Self {
        let branches = network.branches.from.len();
        let protection = rules.protection.as_deref();
        let hidden = protection.and_then(|protection| {
            let probability = protection.settings.hidden_failure_probability;
            HiddenFailures::new(probability, rules.seed, &scenario.population, scenario.index)
        });
        let living = rules.frequency.as_ref().map(|elements| {
            let mut living = frequency::Frequency::new(elements, network);
            if rules.measures_frequency {
                living.remember_angles();
            }
            Box::new(living)
        });
        let mut devices = protection.map_or_else(Vec::new, |protection| protection.devices(living.is_some()));
        if let Some(autonomous) = &rules.autonomous {
            devices.extend(autonomous.devices(&streams(rules.seed, &scenario.population, scenario.index)));
        }
        Grid {
            devices,
            hidden,
            frequency: living,
            jumped: false,
            unseen: false,
            log: Vec::new(),
            moves: Vec::new(),
            paused: Vec::new(),
            generation: 0,
            solves: 0,
            rungs: [0; RUNGS.len()],
            doubtful: false,
            network: Arc::clone(network),
            rules: Arc::clone(rules),
            state: network.initial_state(),
            solution: None,
            flows: Flows::default(),
            life: Life::Alive,
            divergence: None,
            scenario,
            next_event: 0,
            demand: Demand::of(network),
            ramp: None,
            capability: Vec::new(),
            lost_buses: Vec::new(),
            saturation: None,
            implausible: false,
            withheld_pu: Vec::new(),
            forced_out: Column::filled(false, branches),
            switched: Column::filled(None, branches),
            delivered_pu: None,
            dirty: true,
            pristine: true,
        }
    }

    /// A row that is only there so that batches keep their shape.
    pub fn padding(network: &Arc<Network>, rules: &Arc<GridRules>) -> Self {
        let nothing =
            Scenario { population: String::new(), index: 0, timeline: Vec::new(), log_likelihood: None };
        Grid { life: Life::Absent, ..Self::new(network, rules, Arc::new(nothing)) }
    }

    /// The network it is made of.
    pub fn network(&self) -> &Arc<Network> {
        &self.network
    }

    /// What happens to it.
    pub fn scenario(&self) -> &Arc<Scenario> {
        &self.scenario
    }

    /// Switches and set-points.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The last solved state; `None` where there is none.
    pub fn solution(&self) -> Option<&Solution> {
        self.solution.as_ref()
    }

    /// Flows of the last solved state.
    pub fn flows(&self) -> &Flows {
        &self.flows
    }

    /// The frequency of its islands; `None` where it is taken as nominal.
    pub fn frequency(&self) -> Option<&frequency::Frequency> {
        self.frequency.as_deref()
    }

    /// Keeps the curves of its frequencies, where there are any.
    pub(crate) fn keep_frequency_curves(&mut self) {
        if let Some(living) = &mut self.frequency {
            living.keep_curves();
        }
    }

    /// Whether anything acts by itself.
    fn acts_by_itself(&self) -> bool {
        !self.devices.is_empty() || self.frequency.is_some()
    }

    /// Whether it goes on, and if not, why.
    pub fn life(&self) -> Life {
        self.life
    }

    /// Why there was no power flow, where there was none.
    pub fn divergence(&self) -> Option<&Divergence> {
        self.divergence.as_ref()
    }

    /// Whether an event keeps a branch out.
    pub fn is_forced_out(&self, branch: BranchIdx) -> bool {
        self.forced_out[branch]
    }

    /// Ends the rollout because its candidate failed.
    pub fn candidate_failed(&mut self) {
        self.life = Life::CandidateFailed;
    }

    /// Demand that wants to be served, MW. A negative demand is a source that nobody waits for: it does not count.
    pub fn demand_mw(&self) -> f64 {
        let wanted = self.network.buses.id.indices().map(|bus| self.wanted_p_pu(bus).max(0.0));
        self.network.base.from_pu(wanted.sum())
    }

    /// Demand that is served, MW: summed over live buses, apart from what is not.
    pub fn served_mw(&self) -> f64 {
        let Some(solution) = &self.solution else { return 0.0 };
        let live = solution.status.iter().filter(|(_, status)| **status == BusStatus::Live);
        // What a bus draws less at a low voltage is not taken from it: it is served at that voltage.
        let at_nominal = |bus: BusIdx| self.state.demand_p_pu[bus].max(0.0) / self.demand.of_voltage(bus)[0];
        let served: f64 = live.map(|(bus, _)| at_nominal(bus)).sum();
        self.network.base.from_pu(served)
    }

    /// Active demand that a bus wants, pu: also what has been shed.
    pub fn wanted_p_pu(&self, bus: BusIdx) -> f64 {
        self.network.buses.demand_p_pu[bus] * self.demand.factor[bus.row()]
    }

    /// Reactive demand that a bus wants, pu: also what has been shed.
    pub fn wanted_q_pu(&self, bus: BusIdx) -> f64 {
        self.network.buses.demand_q_pu[bus] * self.demand.factor[bus.row()]
    }

    /// Demand that is not served, MW, by cause. What was shed at a bus that died later stays with the cause that shed it. Buses
    /// out of service in the file want nothing.
    pub fn unserved(&self) -> Shed {
        let buses = self.network.buses.id.indices();
        let lost = buses.fold(Shed::default(), |lost, bus| lost.plus(&self.unserved_at(bus)));
        lost.times(self.network.base.from_pu(1.0))
    }

    /// The same of one bus, pu.
    pub fn unserved_at(&self, bus: BusIdx) -> Shed {
        let mut lost = Shed::default();
        let wanted = self.wanted_p_pu(bus).max(0.0);
        if wanted == 0.0 {
            return lost;
        }
        let shed = self.demand.shed_at(bus);
        for (cause, share) in ShedCause::LIST.into_iter().zip(shed) {
            *cause.of(&mut lost) += share * wanted;
        }
        let kept = self.demand.kept(bus) * wanted;
        match (self.life, &self.solution) {
            (Life::Dark, _) => lost.island_dead_mw += kept,
            (_, None) | (Life::Unsolved, _) => lost.unsolved_mw += kept,
            (_, Some(solution)) if solution.status[bus] == BusStatus::Dead => {
                // In file order, so that it can be looked up.
                if solution.unsolved.binary_search(&bus).is_ok() {
                    lost.unsolved_mw += kept;
                } else {
                    lost.island_dead_mw += kept;
                }
            }
            _ => {}
        }
        lost
    }

    /// Whether something is lost at the very beginning. Then the state before it has to be solved first, since that is
    /// where ramps start. A frequency that moves always needs it: the balance that everything disturbs.
    pub fn begins_with_a_loss(&self) -> bool {
        if self.life == Life::Alive && self.frequency.is_some() {
            return true;
        }
        let first = self.scenario.timeline.iter().take_while(|e| e.at == Moment(0));
        self.life == Life::Alive && first.into_iter().any(|e| !matches!(e.event, Event::DemandRamp { .. }))
    }

    /// Moves the demand to where it is when the episode begins, and nothing else. Applying the same events again with
    /// [`Self::apply_events`] changes nothing more.
    pub fn apply_first_demand(&mut self) {
        let scenario = Arc::clone(&self.scenario);
        for timed in scenario.timeline.iter().take_while(|e| e.at == Moment(0)) {
            if matches!(timed.event, Event::DemandRamp { .. }) {
                self.apply(timed.at, &timed.event);
            }
        }
        self.move_demand(Moment(0));
    }

    /// Applies everything that is due at `now`, and moves the demand along its ramp.
    pub fn apply_events(&mut self, now: Moment) {
        let scenario = Arc::clone(&self.scenario);
        while let Some(timed) = scenario.timeline.get(self.next_event).filter(|e| e.at <= now) {
            self.next_event += 1;
            self.apply(timed.at, &timed.event);
        }
        self.move_demand(now);
    }

    fn apply(&mut self, at: Moment, event: &Event) {
        self.dirty = true;
        self.pristine = false;
        match event {
            Event::BranchOut { branch } => {
                let was_on = std::mem::replace(&mut self.state.branch_on[*branch], false);
                self.forced_out[*branch] = true;
                if was_on {
                    self.expose_neighbours(at, *branch);
                }
            }
            Event::BranchBack { branch } => {
                let ends = [self.network.branches.from[*branch], self.network.branches.to[*branch]];
                // Nothing returns to a bus that is lost.
                if !ends.iter().any(|bus| self.lost_buses.contains(bus)) {
                    self.forced_out[*branch] = false;
                    self.state.branch_on[*branch] = true;
                }
            }
            Event::UnitOut { unit } => {
                self.state.unit_on[*unit] = false;
                self.paused.retain(|paused| paused != unit);
            }
            Event::UnitBack { unit } => {
                self.state.unit_on[*unit] |= !self.lost_buses.contains(&self.network.units.bus[*unit]);
            }
            Event::BusOut { bus } => self.lose_bus(*bus),
            Event::DemandRamp { until, factor } => {
                self.move_demand(at);
                self.jumped |= *until <= at && at > Moment(0);
                let from = self.demand.factor.clone();
                self.ramp = Some(Ramp { from, to: factor.clone(), start: at, until: *until });
            }
            Event::Ratings { factor } => {
                self.state.rating_factor = Some(Arc::new(factor.clone().into()));
            }
            Event::Capability { factor } => self.limit_units(factor),
            Event::Saturation { loss_mvar } => {
                let loss_pu = loss_mvar.iter().map(|mvar| self.network.base.to_pu(*mvar)).collect();
                let losses = saturation::Saturation::of(loss_pu, self.solution.as_ref());
                self.saturation = Some(losses);
                self.place_losses();
            }
        }
    }

    /// Puts what transformers take into the state.
    fn place_losses(&mut self) {
        if let Some(losses) = &self.saturation {
            losses.enter(&mut self.state);
            self.dirty = true;
        }
    }

    /// Whether what transformers take fits the solution; where not, another power flow is pending.
    fn fit_losses(&mut self) {
        let (Some(losses), Some(solution)) = (&mut self.saturation, &self.solution) else { return };
        match losses.fit(solution) {
            saturation::Fit::Settled => {}
            saturation::Fit::Again => self.place_losses(),
            saturation::Fit::Lost => self.implausible = true,
        }
    }

    /// Units can deliver these shares of their largest power from now on: what they cannot is withheld, and comes back first.
    fn limit_units(&mut self, factor: &[f64]) {
        self.capability = factor.to_vec();
        self.withheld_pu.resize(factor.len(), 0.0);
        for unit in self.network.units.bus.indices() {
            let row = unit.row();
            let most = self.p_max_pu(unit);
            let wanted = self.state.unit_p_pu[unit] + self.withheld_pu[row];
            let delivers = wanted.min(most);
            self.withheld_pu[row] = wanted - delivers;
            self.state.unit_p_pu[unit] = delivers;
            self.state.unit_p_high_pu[unit] = self.state.unit_p_high_pu[unit].min(most);
            self.state.unit_p_low_pu[unit] = self.state.unit_p_low_pu[unit].min(most);
        }
    }

    /// A unit has a schedule of its own again: nothing of the one before comes back.
    fn forget_withheld(&mut self, unit: UnitIdx) {
        if let Some(withheld_pu) = self.withheld_pu.get_mut(unit.row()) {
            *withheld_pu = 0.0;
        }
    }

    /// The largest power that a unit can deliver now, pu.
    pub(crate) fn p_max_pu(&self, unit: UnitIdx) -> f64 {
        let share = self.capability.get(unit.row()).copied().unwrap_or(1.0);
        let p_max = self.network.units.p_max_pu[unit];
        // A unit without a limit, or one that only consumes, has nothing to lose.
        if p_max.is_finite() && p_max > 0.0 { p_max * share } else { p_max }
    }

    /// What a branch may carry now, pu; `None` where the file gives no rating.
    pub fn rating_pu(&self, branch: BranchIdx) -> Option<f64> {
        self.state.rating_pu(&self.network, branch)
    }

    /// A bus is gone with all that is connected to it.
    fn lose_bus(&mut self, bus: BusIdx) {
        self.lost_buses.push(bus);
        let network = Arc::clone(&self.network);
        for (branch, from) in network.branches.from.iter() {
            if *from == bus || network.branches.to[branch] == bus {
                self.forced_out[branch] = true;
                self.state.branch_on[branch] = false;
            }
        }
        for (unit, _) in network.units.bus.iter().filter(|(_, at)| **at == bus) {
            self.state.unit_on[unit] = false;
        }
        for (shunt, _) in network.shunts.bus.iter().filter(|(_, at)| **at == bus) {
            self.state.shunt_step[shunt] = 0;
        }
        self.demand.shed(bus, ShedCause::BusOutage, 1.0);
        self.place_demand(bus);
    }

    fn move_demand(&mut self, now: Moment) {
        let Some(ramp) = &self.ramp else { return };
        let share = if now >= ramp.until || ramp.until <= ramp.start {
            1.0
        } else {
            (now.0 - ramp.start.0) as f64 / (ramp.until.0 - ramp.start.0) as f64
        };
        for (factor, (from, to)) in self.demand.factor.iter_mut().zip(ramp.from.iter().zip(&ramp.to)) {
            *factor = (to - from).mul_add(share, *from);
        }
        if share >= 1.0 {
            self.ramp = None;
        }
        for bus in self.network.buses.id.indices() {
            self.place_demand(bus);
        }
        self.dirty = true;
    }

    /// Puts the demand of a bus into the state: what it wants, less what was shed.
    fn place_demand(&mut self, bus: BusIdx) {
        let kept = self.demand.kept(bus);
        let (p, q) = (self.wanted_p_pu(bus), self.wanted_q_pu(bus));
        let [p_factor, q_factor] = self.demand.of_voltage(bus);
        self.state.demand_p_pu[bus] = p * kept * p_factor;
        self.state.demand_q_pu[bus] = q * kept * q_factor;
        self.dirty = true;
    }

    /// Begins a step: from here, units can move by `minutes` of their ramp; where ramps limit the balance, by one minute, and only
    /// if something has changed.
    pub fn begin_step(&mut self, minutes: f64) {
        let limited = self.balance() == Balance::RampLimited;
        if limited && !self.dirty {
            return;
        }
        let minutes = if limited { 1.0 } else { minutes };
        let units = &self.network.units;
        for unit in units.bus.indices() {
            let (mut low, mut high) = (units.p_min_pu[unit], self.p_max_pu(unit));
            let scheduled = self.state.unit_p_pu[unit];
            // A schedule outside the unit's own range is the file's; the balance neither mends nor worsens it.
            (low, high) = (low.min(scheduled), high.max(scheduled));
            if let Some(elements) = &self.rules.frequency {
                // What is missing at once comes from rotors and governors, whatever ramps allow; units without either stay.
                if elements.holds_its_power(powerflow::Index::row(unit)) {
                    (low, high) = (scheduled, scheduled);
                }
            } else if let (Some(delivered), Some(ramp)) = (&self.delivered_pu, self.ramp_pu_per_min(unit)) {
                low = low.max(delivered[unit] - ramp * minutes);
                high = high.min(delivered[unit] + ramp * minutes);
            }
            // What a unit cannot deliver any more it loses at once, whatever its ramp.
            low = low.min(high);
            // A unit that goes on ramping is a change of state, also where nothing else happens.
            self.dirty |= (low, high) != (self.state.unit_p_low_pu[unit], self.state.unit_p_high_pu[unit]);
            self.state.unit_p_low_pu[unit] = low;
            self.state.unit_p_high_pu[unit] = high;
        }
    }

    /// Ramp of a unit, pu per minute, where it has one.
    pub(crate) fn ramp_pu_per_min(&self, unit: UnitIdx) -> Option<f64> {
        let units = &self.network.units;
        let p_max = units.p_max_pu[unit].abs();
        let of_rules = || self.rules.ramp_share_per_min.map(|share| share * p_max);
        let of_balance = || {
            let least = self.network.base.to_pu(RAMP_MIN_MW_PER_MIN);
            (self.balance() == Balance::RampLimited).then(|| (RAMP_SHARE_PER_MIN * p_max).max(least))
        };
        units.ramp_pu_per_min[unit].or_else(of_rules).or_else(of_balance)
    }

    /// Who provides an imbalance.
    fn balance(&self) -> Balance {
        self.rules.protection.as_ref().map_or_else(Balance::default, |p| p.settings.balance())
    }

    /// Whether nothing has happened to it yet: all such grids of one network are in one state.
    pub(crate) fn is_pristine(&self) -> bool {
        self.pristine
    }

    /// Whether some power flow was answered with what no grid has: then nobody knows the voltages.
    pub(crate) fn is_implausible(&self) -> bool {
        self.implausible
    }

    /// Whether a power flow is pending.
    pub fn is_pending(&self) -> bool {
        self.dirty && self.life == Life::Alive
    }

    /// Takes the answer of the pending power flow.
    pub fn settle(&mut self, now: Moment, answer: Result<(Solution, Flows), Divergence>) {
        self.dirty = false;
        self.pristine = false;
        self.solves += 1;
        let before = self.solution.take();
        match answer {
            Ok((solution, flows)) => {
                self.rungs[solution.rung as usize] += 1;
                self.doubtful |= is_doubtful(&solution);
                let beyond = |bus| solution.vm_pu(bus).is_some_and(|v| v > VOLTAGE_MAX_PU);
                self.implausible |= self.network.buses.id.indices().any(beyond);
                self.solution = Some(solution);
                self.flows = flows;
                self.unseen = true;
                self.fit_losses();
            }
            Err(divergence) => {
                self.life =
                    if divergence.reason == DivergenceReason::NoSource { Life::Dark } else { Life::Unsolved };
                self.doubtful |= self.life == Life::Unsolved;
                self.divergence = Some(divergence);
            }
        }
        if let Some(before) = before
            && self.acts_by_itself()
        {
            self.log_deaths(now, &before);
        }
    }

    /// Ends a step: what units deliver now is where their ramps start next.
    pub fn end_step(&mut self) {
        if let Some(solution) = &self.solution {
            self.delivered_pu = Some(solution.unit_p_pu.clone());
        }
    }
}

/// Whether an answer came from the last rungs, leaves an island without one, or a bus on the wrong side of a reactive limit.
fn is_doubtful(solution: &Solution) -> bool {
    solution.rung > Rung::Damped || !solution.unsolved.is_empty() || !solution.unsettled.is_empty()
}
