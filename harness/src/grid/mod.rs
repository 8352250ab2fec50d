//! The simulated grid: a network living through time. Only this module changes a grid.

pub mod grant;

use std::sync::Arc;

use powerflow::{
    BranchIdx, BusIdx, BusStatus, Column, Divergence, DivergenceReason, Flows, Index, Network, Solution,
    State, UnitIdx,
};
use scenarios::{Event, Moment, Scenario};

/// Rules of the simulated physics that a suite may set.
#[derive(Clone, Debug, PartialEq)]
pub struct GridRules {
    /// Ramp of a unit whose file gives none, as a share of its largest power per minute; `None`: only its range binds.
    pub ramp_share_per_min: Option<f64>,
    /// How long a branch that a candidate switched must be left alone, s.
    pub cooldown_s: f64,
    /// Lowest and highest ratio and number of positions of a tap changer, for transformers whose file gives none.
    pub tap_range: (f64, f64, u32),
}

impl Default for GridRules {
    fn default() -> Self {
        // Tap range: the defaults that PSS/E documents for an unset winding-control block.
        Self { ramp_share_per_min: None, cooldown_s: 900.0, tap_range: (0.9, 1.1, 33) }
    }
}

/// Demand that is not served, MW, by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Unserved {
    /// On buses without a source.
    pub island_dead_mw: f64,
    /// On buses whose island has no solution, or everything where no power flow was found.
    pub unsolved_mw: f64,
}

impl Unserved {
    /// All causes.
    pub fn total_mw(self) -> f64 {
        self.island_dead_mw + self.unsolved_mw
    }
}

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

/// What moved the demand last.
#[derive(Clone, Debug)]
struct Ramp {
    from: Vec<f64>,
    to: Vec<f64>,
    start: Moment,
    until: Moment,
}

/// A network living through time: switches, set-points, last solution. Owned by one rollout.
#[derive(Clone, Debug)]
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
    factor: Vec<f64>,
    ramp: Option<Ramp>,
    /// Taken out by an event: a candidate cannot close it.
    forced_out: Column<BranchIdx, bool>,
    /// When a candidate last switched a branch.
    switched: Column<BranchIdx, Option<Moment>>,
    /// What each unit delivered in the last settled state, pu: where its ramp starts.
    delivered_pu: Option<Column<UnitIdx, f64>>,
    dirty: bool,
}

impl Grid {
    /// A grid at the operating point of the file, before anything has happened.
    pub fn new(network: &Arc<Network>, rules: &Arc<GridRules>, scenario: Arc<Scenario>) -> Self {
        let branches = network.branches.from.len();
        Grid {
            network: Arc::clone(network),
            rules: Arc::clone(rules),
            state: network.initial_state(),
            solution: None,
            flows: Flows::default(),
            life: Life::Alive,
            divergence: None,
            scenario,
            next_event: 0,
            factor: vec![1.0; network.buses.id.len()],
            ramp: None,
            forced_out: Column::filled(false, branches),
            switched: Column::filled(None, branches),
            delivered_pu: None,
            dirty: true,
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
        let consumed = self.state.demand_p_pu.iter().map(|(_, p)| p.max(0.0)).sum();
        self.network.base.from_pu(consumed)
    }

    /// Demand that is not served, MW. Buses out of service in the file want nothing.
    pub fn unserved(&self) -> Unserved {
        let base = self.network.base;
        match (self.life, &self.solution) {
            (Life::Dark, _) => Unserved { island_dead_mw: self.demand_mw(), unsolved_mw: 0.0 },
            (_, None) | (Life::Unsolved, _) => {
                Unserved { island_dead_mw: 0.0, unsolved_mw: self.demand_mw() }
            }
            (_, Some(solution)) => {
                let dead = |unsolved: bool| {
                    let mut sum = 0.0;
                    for (bus, status) in solution.status.iter() {
                        if *status == BusStatus::Dead && solution.unsolved.contains(&bus) == unsolved {
                            sum += self.state.demand_p_pu[bus].max(0.0);
                        }
                    }
                    base.from_pu(sum)
                };
                Unserved { island_dead_mw: dead(false), unsolved_mw: dead(true) }
            }
        }
    }

    /// Whether something is lost at the very beginning. Then the state before it has to be solved first, since that is
    /// where ramps start.
    pub fn begins_with_a_loss(&self) -> bool {
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
        match event {
            Event::BranchOut { branch } => {
                self.forced_out[*branch] = true;
                self.state.branch_on[*branch] = false;
            }
            Event::BranchBack { branch } => {
                self.forced_out[*branch] = false;
                self.state.branch_on[*branch] = true;
            }
            Event::UnitOut { unit } => self.state.unit_on[*unit] = false,
            Event::UnitBack { unit } => self.state.unit_on[*unit] = true,
            Event::DemandRamp { until, factor } => {
                self.move_demand(at);
                self.ramp =
                    Some(Ramp { from: self.factor.clone(), to: factor.clone(), start: at, until: *until });
            }
        }
    }

    fn move_demand(&mut self, now: Moment) {
        let Some(ramp) = &self.ramp else { return };
        let share = if now >= ramp.until || ramp.until <= ramp.start {
            1.0
        } else {
            (now.0 - ramp.start.0) as f64 / (ramp.until.0 - ramp.start.0) as f64
        };
        for (factor, (from, to)) in self.factor.iter_mut().zip(ramp.from.iter().zip(&ramp.to)) {
            *factor = (to - from).mul_add(share, *from);
        }
        if share >= 1.0 {
            self.ramp = None;
        }
        let buses = &self.network.buses;
        for (row, factor) in self.factor.iter().enumerate() {
            let bus = BusIdx::from_row(row);
            self.state.demand_p_pu[bus] = buses.demand_p_pu[bus] * factor;
            self.state.demand_q_pu[bus] = buses.demand_q_pu[bus] * factor;
        }
        self.dirty = true;
    }

    /// Begins a step: from here, units can move by `minutes` of their ramp.
    pub fn begin_step(&mut self, minutes: f64) {
        let units = &self.network.units;
        for unit in units.bus.indices() {
            let (mut low, mut high) = (units.p_min_pu[unit], units.p_max_pu[unit]);
            let scheduled = self.state.unit_p_pu[unit];
            // A schedule outside the unit's own range is the file's; the balance neither mends nor worsens it.
            (low, high) = (low.min(scheduled), high.max(scheduled));
            if let (Some(delivered), Some(ramp)) = (&self.delivered_pu, self.ramp_pu_per_min(unit)) {
                low = low.max(delivered[unit] - ramp * minutes);
                high = high.min(delivered[unit] + ramp * minutes);
            }
            // A unit that goes on ramping is a change of state, also where nothing else happens.
            self.dirty |= (low, high) != (self.state.unit_p_low_pu[unit], self.state.unit_p_high_pu[unit]);
            self.state.unit_p_low_pu[unit] = low;
            self.state.unit_p_high_pu[unit] = high;
        }
    }

    /// Ramp of a unit, pu per minute, where it has one.
    pub(crate) fn ramp_pu_per_min(&self, unit: UnitIdx) -> Option<f64> {
        let units = &self.network.units;
        units.ramp_pu_per_min[unit]
            .or_else(|| self.rules.ramp_share_per_min.map(|s| s * units.p_max_pu[unit].abs()))
    }

    /// Whether a power flow is pending.
    pub fn is_pending(&self) -> bool {
        self.dirty && self.life == Life::Alive
    }

    /// Takes the answer of the pending power flow.
    pub fn settle(&mut self, answer: Result<(Solution, Flows), Divergence>) {
        self.dirty = false;
        match answer {
            Ok((solution, flows)) => {
                self.solution = Some(solution);
                self.flows = flows;
            }
            Err(divergence) => {
                self.life =
                    if divergence.reason == DivergenceReason::NoSource { Life::Dark } else { Life::Unsolved };
                self.divergence = Some(divergence);
                self.solution = None;
            }
        }
    }

    /// Ends a step: what units deliver now is where their ramps start next.
    pub fn end_step(&mut self) {
        if let Some(solution) = &self.solution {
            self.delivered_pu = Some(solution.unit_p_pu.clone());
        }
    }
}
