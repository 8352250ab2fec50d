//! What meters would read at the voltages of several states side by side, and the gradient of the sum of squares.
//!
//! The gradient is the adjoint of the reading: what pulls at an injection pulls at every end that belongs to it, and an end pulls
//! at the voltages of its two nodes, see [`super::circuit`].

use super::circuit::{Circuit, Terminal};
use crate::lane::Lane;
use crate::solution::Complex;

/// Memory of one batch of lanes.
#[derive(Debug)]
pub(super) struct Board<L> {
    /// By node, rectangular, pu.
    pub(super) voltage: Vec<[L; 2]>,
    /// By quantity.
    pub(super) quantity: Vec<L>,
    /// By quantity: how hard the readings pull at it.
    pub(super) pull: Vec<L>,
    /// The way down, by place: angle and relative magnitude of each node in turn, then multipliers.
    pub(super) gradient: Vec<L>,
    /// How far the voltages went last, by place; zero where nothing is unknown.
    pub(super) change: Vec<L>,
    /// The step that the gain proposed before, by elimination position.
    pub(super) proposed: Vec<L>,
    /// By sight, those of meters first.
    pub(super) reading: Vec<L>,
    pub(super) residual: Vec<L>,
    /// Of the constraints.
    pub(super) multiplier: Vec<L>,
    /// By elimination position of the gain: right-hand side, then answer.
    pub(super) step: Vec<L>,
}

impl<L: Lane> Board<L> {
    pub(super) fn new(circuit: &Circuit, meters: usize, constraints: usize, order: usize) -> Self {
        let zero = L::splat(0.0);
        Board {
            voltage: vec![[zero; 2]; circuit.nodes],
            quantity: vec![zero; circuit.quantities()],
            pull: vec![zero; circuit.quantities()],
            gradient: vec![zero; 2 * circuit.nodes + constraints],
            change: vec![zero; 2 * circuit.nodes + constraints],
            reading: vec![zero; meters + constraints],
            residual: vec![zero; meters + constraints],
            multiplier: vec![zero; constraints],
            proposed: vec![zero; order],
            step: vec![zero; order],
        }
    }

    /// At these voltages, with nothing learnt from steps before.
    pub(super) fn begin(&mut self, voltage: &[Complex]) {
        let zero = L::splat(0.0);
        for (place, v) in self.voltage.iter_mut().zip(voltage) {
            *place = [L::splat(v.re), L::splat(v.im)];
        }
        for memory in [&mut self.multiplier, &mut self.change, &mut self.proposed] {
            memory.fill(zero);
        }
    }
}

/// The parts of the power into an end.
#[inline(always)]
fn power<L: Lane>(end: &Terminal, square: L, here: [L; 2], there: [L; 2]) -> [L; 4] {
    let (re, im) = (L::splat(end.mutual.re), L::splat(end.mutual.im));
    let current = [im.neg_mul_add(there[1], re.mul(there[0])), im.mul_add(there[0], re.mul(there[1]))];
    [
        square.mul(L::splat(end.own.re)),
        square.mul(L::splat(-end.own.im)),
        here[1].mul_add(current[1], here[0].mul(current[0])),
        here[0].neg_mul_add(current[1], here[1].mul(current[0])),
    ]
}

#[inline(always)]
fn square<L: Lane>(v: [L; 2]) -> L {
    v[1].mul_add(v[1], v[0].mul(v[0]))
}

/// All quantities at the voltages of the board, but for angles.
#[inline(always)]
pub(super) fn read<L: Lane>(circuit: &Circuit, board: &mut Board<L>) {
    let Board { voltage, quantity, .. } = board;
    let injections = circuit.injection(0);
    for at in injections..injections + 2 * circuit.buses {
        quantity[at] = L::splat(0.0);
    }
    for node in 0..circuit.nodes {
        let squared = square(voltage[node]);
        quantity[circuit.magnitude(node)] = squared.sqrt();
        let (y, at) = (circuit.shunt[node], circuit.injection(circuit.bus_of[node] as usize));
        if !y.is_zero() {
            quantity[at] = squared.mul_add(L::splat(y.re), quantity[at]);
            quantity[at + 1] = squared.mul_add(L::splat(-y.im), quantity[at + 1]);
        }
    }
    for at in 0..circuit.terminals.len() {
        let end = &circuit.terminals[at];
        let (here, there) = (voltage[end.node as usize], voltage[end.other as usize]);
        let [own_p, own_q, p, q] = power(end, square(here), here, there);
        let (p, q) = (own_p.add(p), own_q.add(q));
        let (flow, injection) = (circuit.flow(at), circuit.injection(end.bus as usize));
        quantity[flow] = p;
        quantity[flow + 1] = q;
        quantity[injection] = quantity[injection].add(p);
        quantity[injection + 1] = quantity[injection + 1].add(q);
    }
}

/// The gradient of what pulls at the quantities, halved and negative: the way down.
#[inline(always)]
pub(super) fn descend<L: Lane>(circuit: &Circuit, board: &mut Board<L>) {
    let Board { voltage, quantity, pull, gradient, .. } = board;
    let two = L::splat(2.0);
    for node in 0..circuit.nodes {
        let magnitude = circuit.magnitude(node);
        let mut relative = pull[magnitude].mul(quantity[magnitude]);
        let (y, at) = (circuit.shunt[node], circuit.injection(circuit.bus_of[node] as usize));
        if !y.is_zero() {
            let pulled = L::splat(y.im).neg_mul_add(pull[at + 1], L::splat(y.re).mul(pull[at]));
            relative = two.mul(square(voltage[node])).mul_add(pulled, relative);
        }
        gradient[2 * node] = pull[circuit.angle(node)];
        gradient[2 * node + 1] = relative;
    }
    for at in 0..circuit.terminals.len() {
        let end = &circuit.terminals[at];
        let (here, there) = (end.node as usize, end.other as usize);
        let [own_p, own_q, p, q] = power(end, square(voltage[here]), voltage[here], voltage[there]);
        let (flow, injection) = (circuit.flow(at), circuit.injection(end.bus as usize));
        let by_p = pull[flow].add(pull[injection]);
        let by_q = pull[flow + 1].add(pull[injection + 1]);
        let mutual = by_q.mul_add(q, by_p.mul(p));
        let turned = by_p.neg_mul_add(q, by_q.mul(p));
        let own = by_q.mul_add(own_q, by_p.mul(own_p));
        gradient[2 * here] = gradient[2 * here].add(turned);
        gradient[2 * here + 1] = two.mul_add(own, gradient[2 * here + 1].add(mutual));
        gradient[2 * there] = gradient[2 * there].sub(turned);
        gradient[2 * there + 1] = gradient[2 * there + 1].add(mutual);
    }
}

/// `V` after a step: its magnitude grows by the share `relative`, its angle by the arc tangent of `angle`.
#[inline(always)]
pub(super) fn moved<L: Lane>(v: [L; 2], angle: L, relative: L) -> [L; 2] {
    let one = L::splat(1.0);
    let scale = one.add(relative).div(angle.mul_add(angle, one).sqrt());
    [angle.neg_mul_add(v[1], v[0]).mul(scale), angle.mul_add(v[0], v[1]).mul(scale)]
}
