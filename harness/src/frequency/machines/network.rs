//! The network as machines see it: demand as admittance, reduced to internal voltages after every switching event.
//!
//! Source: Kundur, Power System Stability and Control, 1994, section 13.3; Anderson, Fouad, Power System Control and
//! Stability, 2nd ed., section 2.10.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::case::{Line, MachineCase};
use super::lu::Lu;
use super::phasor::Phasor;

/// What is connected at a moment.
#[derive(Clone, Debug)]
pub(super) struct Topology {
    /// Of each line.
    pub(super) line_closed: Vec<bool>,
    /// Of each machine.
    pub(super) machine_on: Vec<bool>,
    /// Admittance of each demand, pu; zero where it is off.
    pub(super) load: Vec<Phasor>,
    /// Resistance and reactance of the fault at each bus, pu, where there is one.
    pub(super) fault: BTreeMap<usize, (f64, f64)>,
}

/// What tells topologies apart, as bits.
type Key = Vec<u64>;

impl Topology {
    fn key(&self) -> Key {
        let flag = |flag: &bool| u64::from(*flag);
        let pair = |a: f64, b: f64| [a.to_bits(), b.to_bits()];
        (self.line_closed.iter().map(flag))
            .chain(self.machine_on.iter().map(flag))
            .chain(self.load.iter().flat_map(|y| pair(y.re, y.im)))
            .chain(self.fault.iter().flat_map(|(bus, (r, x))| {
                let [r, x] = pair(*r, *x);
                [*bus as u64, r, x]
            }))
            .collect()
    }
}

/// The network between two switching events.
#[derive(Debug)]
pub(super) struct Reduced {
    /// Machines, all of the case.
    n: usize,
    /// Current of machine `i` by internal voltage `k`, by rows.
    admittance: Vec<Phasor>,
    /// Voltage of bus `b` by internal voltage `k`, by rows; rows of dead and of shorted buses are zero.
    voltage: Vec<Phasor>,
    /// Island of each bus, by its first bus in file order; `None` where no machine feeds it.
    pub(super) island_of_bus: Vec<Option<usize>>,
    /// Island of each machine, `None` where it is off.
    pub(super) island_of_machine: Vec<Option<usize>>,
}

impl Reduced {
    /// Currents of all machines, at these internal voltages, pu of the system base.
    pub(super) fn currents(&self, internal: &[Phasor], currents: &mut [Phasor]) {
        for (row, current) in self.admittance.chunks_exact(self.n).zip(currents) {
            *current = row.iter().zip(internal).fold(Phasor::ZERO, |sum, (y, e)| sum + *y * *e);
        }
    }

    /// Voltage of a bus, pu; `None` where it is dead.
    pub(super) fn voltage(&self, bus: usize, internal: &[Phasor]) -> Option<Phasor> {
        self.island_of_bus[bus]?;
        let row = &self.voltage[bus * self.n..(bus + 1) * self.n];
        Some(row.iter().zip(internal).fold(Phasor::ZERO, |sum, (k, e)| sum + *k * *e))
    }
}

/// The fixed part of the network, and the reductions met so far.
pub(super) struct Networks {
    buses: usize,
    /// Buses of each line, and its two-port: own at the first end, mutual into the first, mutual into the second, own.
    lines: Vec<([usize; 2], [Phasor; 4])>,
    in_service: Vec<bool>,
    shunts: Vec<(usize, Phasor)>,
    load_bus: Vec<usize>,
    /// Bus and internal admittance of each machine, pu of the system base.
    machines: Vec<(usize, Phasor)>,
    met: BTreeMap<Key, Rc<Reduced>>,
}

/// The network of a topology cannot be reduced: its admittance matrix is singular.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Singular;

/// Two-port of a line: series impedance, shunts at both ends, ideal transformer `tap exp(j shift)` at the first.
/// Source: MATPOWER User's Manual, section 3.2.
fn two_port(line: &Line) -> [Phasor; 4] {
    let series = Phasor::new(line.r_pu, line.x_pu).recip();
    let turn = Phasor::polar(1.0 / line.tap, line.shift_rad);
    [
        (series + line.shunt[0]).scale(1.0 / (line.tap * line.tap)),
        -(series * turn),
        -(series * turn.conj()),
        series + line.shunt[1],
    ]
}

impl Networks {
    /// `machines` holds the bus and the internal admittance of each machine, pu of the system base.
    pub(super) fn new(case: &MachineCase, machines: Vec<(usize, Phasor)>) -> Self {
        Self {
            buses: case.buses.len(),
            lines: case.lines.iter().map(|line| ([line.from, line.to], two_port(line))).collect(),
            in_service: case.buses.iter().map(|bus| bus.in_service).collect(),
            shunts: (case.shunts.iter().filter(|shunt| shunt.in_service))
                .map(|shunt| (shunt.bus, shunt.admittance))
                .collect(),
            load_bus: case.loads.iter().map(|load| load.bus).collect(),
            machines,
            met: BTreeMap::new(),
        }
    }

    /// The reduction of a topology.
    pub(super) fn reduced(&mut self, topology: &Topology) -> Result<Rc<Reduced>, Singular> {
        let key = topology.key();
        if let Some(known) = self.met.get(&key) {
            return Ok(Rc::clone(known));
        }
        let reduced = Rc::new(self.reduce(topology)?);
        self.met.insert(key, Rc::clone(&reduced));
        Ok(reduced)
    }

    /// Lines that join two buses in service.
    fn closed<'a>(&'a self, topology: &'a Topology) -> impl Iterator<Item = &'a ([usize; 2], [Phasor; 4])> {
        let joins = |ends: &[usize; 2]| ends.iter().all(|bus| self.in_service[*bus]);
        self.lines
            .iter()
            .zip(&topology.line_closed)
            .filter(move |((ends, _), closed)| **closed && joins(ends))
            .map(|(line, _)| line)
    }

    /// Islands of all buses, each named by its first bus.
    fn islands(&self, topology: &Topology) -> Vec<usize> {
        let mut root: Vec<usize> = (0..self.buses).collect();
        fn find(root: &mut [usize], mut at: usize) -> usize {
            while root[at] != at {
                root[at] = root[root[at]];
                at = root[at];
            }
            at
        }
        for ([from, to], _) in self.closed(topology) {
            let (a, b) = (find(&mut root, *from), find(&mut root, *to));
            root[a.max(b)] = a.min(b);
        }
        (0..self.buses).map(|bus| find(&mut root, bus)).collect()
    }

    fn reduce(&self, topology: &Topology) -> Result<Reduced, Singular> {
        let n = self.machines.len();
        let island = self.islands(topology);
        let on = |machine: usize| topology.machine_on[machine] && self.in_service[self.machines[machine].0];
        let mut fed = vec![false; self.buses];
        for (machine, (bus, _)) in self.machines.iter().enumerate() {
            fed[island[*bus]] |= on(machine);
        }
        let live = |bus: usize| fed[island[bus]];
        // A bolted fault is a bus whose voltage is known: it leaves the equations.
        let shorted = |bus: usize| topology.fault.get(&bus).is_some_and(|z| *z == (0.0, 0.0));
        let mut row_of = vec![None; self.buses];
        let mut rows = 0;
        for (_, row) in row_of.iter_mut().enumerate().filter(|(bus, _)| live(*bus) && !shorted(*bus)) {
            *row = Some(rows);
            rows += 1;
        }
        let mut matrix = vec![Phasor::ZERO; rows * rows];
        let mut add = |from: usize, to: usize, y: Phasor| {
            if let (Some(row), Some(column)) = (row_of[from], row_of[to]) {
                matrix[row * rows + column] += y;
            }
        };
        for ([from, to], [own, into_from, into_to, far]) in self.closed(topology) {
            add(*from, *from, *own);
            add(*from, *to, *into_from);
            add(*to, *from, *into_to);
            add(*to, *to, *far);
        }
        for (bus, y) in &self.shunts {
            add(*bus, *bus, *y);
        }
        for (bus, y) in self.load_bus.iter().zip(&topology.load) {
            add(*bus, *bus, *y);
        }
        for (bus, (r, x)) in topology.fault.iter().filter(|(bus, _)| !shorted(**bus)) {
            add(*bus, *bus, Phasor::new(*r, *x).recip());
        }
        for (machine, (bus, y)) in self.machines.iter().enumerate() {
            if on(machine) {
                add(*bus, *bus, *y);
            }
        }
        let factor = Lu::factor(rows, matrix).ok_or(Singular)?;
        let mut voltage = vec![Phasor::ZERO; self.buses * n];
        let mut column = vec![Phasor::ZERO; rows];
        for (k, (bus, y)) in self.machines.iter().enumerate() {
            let Some(row) = row_of[*bus].filter(|_| on(k)) else { continue };
            column.fill(Phasor::ZERO);
            column[row] = *y;
            factor.solve(&mut column);
            for (bus, row) in row_of.iter().enumerate() {
                if let Some(row) = row {
                    voltage[bus * n + k] = column[*row];
                }
            }
        }
        let mut admittance = vec![Phasor::ZERO; n * n];
        for (i, (bus, y)) in self.machines.iter().enumerate().filter(|(i, _)| on(*i)) {
            for k in (0..n).filter(|k| on(*k)) {
                let own = if i == k { Phasor::ONE } else { Phasor::ZERO };
                admittance[i * n + k] = *y * (own - voltage[bus * n + k]);
            }
        }
        Ok(Reduced {
            n,
            admittance,
            voltage,
            island_of_bus: (0..self.buses).map(|bus| live(bus).then_some(island[bus])).collect(),
            island_of_machine: (0..n).map(|m| on(m).then(|| island[self.machines[m].0])).collect(),
        })
    }
}
