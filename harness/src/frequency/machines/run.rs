//! From event to event: fixed steps, cut so that events are hit exactly, and a table at its own times.

use std::rc::Rc;

use reports::machines::{
    AngleRecord, BusSeries, DeadBusesRecord, MachineEventRecord, MachineIslandRecord, MachineKeyFigures,
    MachineSeries, MachineTable, Synchronism,
};

use super::case::SYSTEM_BASE_MVA;
use super::events::{Action, Event, seconds};
use super::model::{DELTA, Integrator, OMEGA, STATES, Scratch};
use super::network::{Reduced, Topology};
use super::phasor::Phasor;
use super::start::Start;
use super::watch::Watch;

/// How to simulate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub(super) integrator: Integrator,
    /// Longest step, s.
    pub(super) step_s: f64,
    /// Spacing of the table, ns.
    pub(super) sample_ns: i64,
    /// The end, ns.
    pub(super) horizon_ns: i64,
    /// End as soon as a machine falls out of step.
    pub(super) until_lost: bool,
}

/// What came of it.
pub(super) struct Outcome {
    pub(super) simulated_s: f64,
    /// Why it ended before its time, where its equations did.
    pub(super) stopped: Option<String>,
    pub(super) key_figures: Option<MachineKeyFigures>,
    pub(super) angles: Vec<AngleRecord>,
    pub(super) synchronism: Synchronism,
    /// Row of the first machine that fell out of step.
    pub(super) first_lost: Option<usize>,
    pub(super) events: Vec<MachineEventRecord>,
    pub(super) islands: Vec<MachineIslandRecord>,
    pub(super) dead: Vec<DeadBusesRecord>,
    pub(super) table: MachineTable,
    pub(super) warnings: Vec<String>,
}

/// Steps that end this close to a time end at it, as a share of a step: a segment is cut into whole parts.
const SLIVER: f64 = 1e-6;
/// Times closer than this are one, s: half the resolution of an event.
const SAME_S: f64 = 0.5e-9;

/// Simulates a case from its start.
pub(super) fn run(start: &mut Start<'_>, events: &[Event], settings: &Settings) -> Outcome {
    let case = start.case;
    let model = start.model.clone();
    let tripped = |m: usize| events.iter().any(|event| event.action == Action::TripMachine(m));
    let lasting =
        (0..case.machines.len()).filter(|m| start.topology.machine_on[*m] && !tripped(*m)).collect();
    let mut watch = Watch::new(case, &model, lasting);
    let states = start.states.clone();
    watch.switched(0.0, &start.reduced, &states);
    watch.see(0.0, &states);
    let table = empty_table(start);
    let topology = start.topology.clone();
    let off = (0..case.loads.len()).map(|at| start.load[at]).collect();
    let reduced = Rc::clone(&start.reduced);
    let mut run = Run {
        start,
        settings,
        reduced,
        topology,
        off,
        states,
        watch,
        table,
        next_sample: 0,
        scratch: Scratch::default(),
        rates: Default::default(),
        records: Vec::new(),
    };
    let reached = run.all(events);
    let (end_s, stopped) = match reached {
        Ok(end_s) => (end_s, None),
        Err((end_s, why)) => (end_s, Some(why)),
    };
    run.fill_ends();
    let (angles, synchronism) = run.watch.angles();
    let (islands, dead) = run.watch.end(end_s);
    Outcome {
        simulated_s: end_s,
        stopped,
        key_figures: run.watch.key_figures(events.first().map(Event::at_s)),
        angles,
        synchronism,
        first_lost: run.watch.first_lost().map(|(machine, _)| machine),
        events: run.records,
        islands,
        dead,
        table: run.table,
        warnings: run.watch.warnings,
    }
}

fn empty_table(start: &Start<'_>) -> MachineTable {
    let case = start.case;
    MachineTable {
        machines: (case.machines.iter().enumerate())
            .map(|(at, machine)| MachineSeries {
                id: machine.id.clone(),
                bus: case.buses[machine.bus].id.clone(),
                inertia_s: start.model.inertia_s(at),
                omega_pu: Vec::new(),
                delta_rad: Vec::new(),
                ended_at: None,
            })
            .collect(),
        buses: case.buses.iter().map(|bus| BusSeries { id: bus.id.clone(), vm_pu: Vec::new() }).collect(),
        ..MachineTable::default()
    }
}

struct Run<'a, 'b, 'w> {
    start: &'a mut Start<'b>,
    settings: &'a Settings,
    reduced: Rc<Reduced>,
    topology: Topology,
    /// Admittance that each demand comes back with, pu.
    off: Vec<Phasor>,
    states: Vec<f64>,
    watch: Watch<'w>,
    table: MachineTable,
    /// Number of the next row of the table.
    next_sample: i64,
    scratch: Scratch,
    /// Rates at both ends of a step that the table looks into.
    rates: [Vec<f64>; 2],
    records: Vec<MachineEventRecord>,
}

/// Where it ended early, and why.
type Early = (f64, String);

impl Run<'_, '_, '_> {
    /// All segments between events; the time at which it ended.
    fn all(&mut self, events: &[Event]) -> Result<f64, Early> {
        let mut at_ns = 0;
        let mut rest = events;
        self.sample_at(0.0);
        while let Some(next) = rest.first() {
            let end = self.advance(at_ns, next.at_ns)?;
            if let Some(lost_s) = end {
                return Ok(lost_s);
            }
            at_ns = next.at_ns;
            let together = rest.iter().take_while(|event| event.at_ns == at_ns).count();
            let (now, later) = rest.split_at(together);
            self.switch(now)?;
            rest = later;
        }
        let end = self.advance(at_ns, self.settings.horizon_ns)?;
        Ok(end.unwrap_or(seconds(self.settings.horizon_ns)))
    }

    /// Steps from one time to another; the time of the step in which a machine fell out, where that ends it.
    fn advance(&mut self, from_ns: i64, to_ns: i64) -> Result<Option<f64>, Early> {
        let (from_s, to_s) = (seconds(from_ns), seconds(to_ns));
        let parts = ((to_s - from_s) / self.settings.step_s - SLIVER).ceil().max(0.0) as u64;
        if to_ns == from_ns {
            return Ok(None);
        }
        let parts = parts.max(1);
        let step_s = (to_s - from_s) / parts as f64;
        let mut before = Vec::new();
        for part in 0..parts {
            let begun_s = from_s + part as f64 * step_s;
            let ended_s = if part + 1 == parts { to_s } else { from_s + (part + 1) as f64 * step_s };
            before.clone_from(&self.states);
            let integrator = self.settings.integrator;
            self.start
                .model
                .step(integrator, &self.reduced, &mut self.states, step_s, &mut self.scratch)
                .map_err(|_| (begun_s, format!("the equations were not solved beyond {begun_s} s")))?;
            self.sample(begun_s, &before, ended_s);
            self.watch.see(ended_s, &self.states);
            if self.settings.until_lost && self.watch.first_lost().is_some() {
                return Ok(Some(ended_s));
            }
        }
        Ok(None)
    }

    /// Does what happens at one time, and solves the network again at that time.
    fn switch(&mut self, now: &[Event]) -> Result<(), Early> {
        let t_s = now.first().map_or(0.0, Event::at_s);
        let (vm_before_pu, p_before_mw) = self.snapshot();
        for event in now {
            self.apply(event.action);
        }
        let singular = |_| (t_s, format!("the network after the event at {t_s} s has no unique voltages"));
        self.reduced = self.start.networks.reduced(&self.topology).map_err(singular)?;
        self.watch.switched(t_s, &self.reduced, &self.states);
        let (vm_after_pu, p_after_mw) = self.snapshot();
        let what = now.iter().map(|event| event.words.clone()).collect();
        self.records.push(MachineEventRecord {
            t_s,
            what,
            vm_before_pu,
            vm_after_pu,
            p_before_mw,
            p_after_mw,
        });
        Ok(())
    }

    fn apply(&mut self, action: Action) {
        let topology = &mut self.topology;
        match action {
            Action::TripMachine(at) => topology.machine_on[at] = false,
            Action::OpenLine(at) => topology.line_closed[at] = false,
            Action::CloseLine(at) => topology.line_closed[at] = true,
            Action::OpenLoad(at) => self.off[at] = std::mem::take(&mut topology.load[at]),
            Action::CloseLoad(at) => topology.load[at] = self.off[at],
            Action::ScaleLoad(at, by) => topology.load[at] = topology.load[at].scale(by),
            Action::AddLoad(at, p_pu) => {
                let bus = self.start.case.loads[at].bus;
                let square = self.start.base.voltage[bus].map_or(1.0, Phasor::square);
                topology.load[at] += Phasor::new(p_pu / square, 0.0);
            }
            Action::Fault(bus, r_pu, x_pu) => {
                topology.fault.insert(bus, (r_pu, x_pu));
            }
            Action::Clear(bus) => {
                topology.fault.remove(&bus);
            }
        }
    }

    /// Voltages of all buses, pu, and electrical powers of all machines, MW.
    fn snapshot(&self) -> (Vec<Option<f64>>, Vec<Option<f64>>) {
        let mut internal = Vec::new();
        self.start.model.internal(&self.states, &mut internal);
        let mut currents = vec![Phasor::ZERO; internal.len()];
        self.reduced.currents(&internal, &mut currents);
        let vm = (0..self.start.case.buses.len())
            .map(|bus| self.reduced.voltage(bus, &internal).map(Phasor::abs))
            .collect();
        let power = (internal.iter().zip(&currents).enumerate())
            .map(|(m, (e, i))| {
                self.reduced.island_of_machine[m].map(|_| SYSTEM_BASE_MVA * (*e * i.conj()).re)
            })
            .collect();
        (vm, power)
    }

    fn sample_s(&self) -> Option<f64> {
        let ns = self.next_sample.checked_mul(self.settings.sample_ns)?;
        (ns <= self.settings.horizon_ns).then(|| seconds(ns))
    }

    /// Rows of the table within a step, on the cubic through the states and rates at its ends.
    fn sample(&mut self, begun_s: f64, before: &[f64], ended_s: f64) {
        if self.sample_s().is_none_or(|t_s| t_s > ended_s + SAME_S) {
            return;
        }
        let mut rates = std::mem::take(&mut self.rates);
        let model = &self.start.model;
        model.rates(&self.reduced, before, &mut self.scratch, &mut rates[0]);
        model.rates(&self.reduced, &self.states, &mut self.scratch, &mut rates[1]);
        let step_s = ended_s - begun_s;
        while let Some(t_s) = self.sample_s().filter(|t_s| *t_s <= ended_s + SAME_S) {
            if (t_s - ended_s).abs() <= SAME_S {
                let states = std::mem::take(&mut self.states);
                self.row(t_s, &states);
                self.states = states;
                continue;
            }
            let u = (t_s - begun_s) / step_s;
            let (v, after) = (1.0 - u, &self.states);
            let (a, b) = (v * v * (1.0 + 2.0 * u), u * u * (3.0 - 2.0 * u));
            let (c, d) = (u * v * v * step_s, -(u * u * v * step_s));
            let between: Vec<f64> = (0..before.len())
                .map(|k| a * before[k] + b * after[k] + c * rates[0][k] + d * rates[1][k])
                .collect();
            self.row(t_s, &between);
        }
        self.rates = rates;
    }

    /// A row at a time that is not within a step.
    fn sample_at(&mut self, t_s: f64) {
        if self.sample_s().is_some_and(|next| (next - t_s).abs() <= SAME_S) {
            let states = self.states.clone();
            self.row(t_s, &states);
        }
    }

    fn row(&mut self, t_s: f64, states: &[f64]) {
        self.next_sample += 1;
        let mut internal = Vec::new();
        self.start.model.internal(states, &mut internal);
        self.table.t_s.push(t_s);
        self.table.f_coi_hz.push(self.watch.frequency_hz(states));
        for (m, series) in self.table.machines.iter_mut().enumerate() {
            let on = self.reduced.island_of_machine[m].is_some();
            series.omega_pu.push(on.then(|| states[m * STATES + OMEGA]));
            series.delta_rad.push(on.then(|| states[m * STATES + DELTA]));
        }
        for (bus, series) in self.table.buses.iter_mut().enumerate() {
            series.vm_pu.push(self.reduced.voltage(bus, &internal).map(Phasor::abs));
        }
    }

    /// States of machines that are off at the end: they have been what they are since their model ended.
    fn fill_ends(&mut self) {
        for (m, series) in self.table.machines.iter_mut().enumerate() {
            if self.reduced.island_of_machine[m].is_none() {
                series.ended_at = Some((self.states[m * STATES + OMEGA], self.states[m * STATES + DELTA]));
            }
        }
    }
}
