//! Which outages are worth a power flow of their own: every one is estimated first, side by side.
//!
//! An estimate is an AC solution with the dispatch of the state before: units deliver what they deliver, what the outage
//! adds in losses comes from the reference, and Newton stops at 1e-3 pu. Buses give up their voltage at reactive limits and
//! take it up again, in a few passes. What the estimate leaves open (no convergence, limits that go on turning, an outage
//! that splits an island) is confirmed like what it finds near a limit. Distribution factors would be quicker and blind to
//! voltages; this sees both.

use crate::index::{BranchIdx, Index};
use crate::kernel::{self, Arena, Patch};
use crate::lane::{Lane, WideWork, Work};
use crate::network::admittance::TwoPort;
use crate::plan::Plan;
use crate::problem::{NONE, Problem};
use crate::schedule::Schedule;
use crate::solution::{Complex, LimitSide};

/// Mismatch at which an estimate is good enough, pu.
const TOLERANCE_PU: f64 = 1e-3;
/// Mismatch at which reactive limits are looked at, pu.
const ROUGH_PU: f64 = 2e-2;
/// Iterations of an estimate, at most.
const ITERATIONS_MAX: u32 = 8;
/// Buses turn at limits less often than this.
const PASSES: u32 = 4;
/// A reactive limit is broken from here on, pu: well above what the tolerance leaves open.
const Q_TOLERANCE_PU: f64 = 2e-3;
/// A voltage has crossed its set-point from here on, pu.
const V_TOLERANCE_PU: f64 = 1e-4;
/// How far from a limit an estimate must be to be believed: a share of what the outage changed, and a fixed part (of the
/// rating, or in pu).
const MARGIN_OF_CHANGE: f64 = 0.15;
const MARGIN_LOADING: f64 = 5e-3;
const MARGIN_VOLTAGE_PU: f64 = 3e-4;

/// An outage that must be solved, and how far beyond its limits it seems: infinite where there is no estimate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Suspect {
    pub(super) branch: BranchIdx,
    pub(super) severity: f64,
}

/// A state as the estimates begin, by elimination position.
#[derive(Debug, Default)]
pub(crate) struct Point {
    pub(super) voltage: Vec<[f64; 2]>,
    pub(super) scheduled: Vec<[f64; 2]>,
    pub(super) free: Vec<[f64; 2]>,
    pub(super) patches: Vec<Patch>,
}

impl Point {
    /// What lies in the first lane of an arena.
    pub(crate) fn of(arena: &Arena<f64>) -> Self {
        Point {
            voltage: arena.voltage.clone(),
            scheduled: arena.schedule.clone(),
            free: arena.free.clone(),
            patches: arena.patches.clone(),
        }
    }
}

/// A rated branch.
pub(super) struct Rated {
    pub(super) row: usize,
    pub(super) ends: [u32; 2],
    pub(super) two_port: TwoPort,
    /// Apparent power that it may carry and carries before the outage, pu, and one over its rating.
    pub(super) limit_pu: f64,
    pub(super) now_pu: f64,
    pub(super) inverse_rating_pu: f64,
}

/// A node that is watched for its voltage.
pub(super) struct Watched {
    pub(super) at: usize,
    pub(super) low_pu: f64,
    pub(super) high_pu: f64,
    pub(super) now_pu: f64,
}

/// A node whose units hold its voltage, or would.
struct Holder {
    row: usize,
    at: usize,
}

/// Estimates outages of one state.
pub(super) struct Estimate<'a> {
    pub(super) plan: &'a Plan,
    pub(super) point: &'a Point,
    pub(super) problem: &'a Problem,
    /// None of them splits an island; each with its two-port in this state.
    pub(super) outages: &'a [(BranchIdx, TwoPort)],
    pub(super) rated: &'a [Rated],
    pub(super) watched: &'a [Watched],
    pub(super) desks: &'a mut crate::batch::SideBySide,
    pub(super) suspects: &'a mut Vec<Suspect>,
}

/// Working memory of one width.
#[derive(Debug)]
struct Desk<L> {
    arena: Arena<L>,
    injections: Vec<[L; 2]>,
}

impl<L: Lane> Default for Desk<L> {
    fn default() -> Self {
        Desk { arena: Arena::default(), injections: Vec::new() }
    }
}

impl WideWork for Estimate<'_> {
    type Answer = ();

    fn run<L: Lane>(self) {
        let Estimate { plan, point, problem, outages, rated, watched, desks, suspects } = self;
        let desk = desks.of_width::<Desk<L>>();
        desk.arena.fit(plan, plan.uniform());
        let holders: Vec<Holder> = (0..plan.node_count())
            .filter(|row| problem.island[*row] != NONE && problem.holds[*row])
            .map(|row| Holder { row, at: plan.position.as_slice()[row] as usize })
            .collect();
        for block in outages.chunks(L::WIDTH) {
            desk.begin(plan, point, block);
            let open = desk.iterate(plan, problem, &holders, block.len());
            let severity = L::dispatch(Judge {
                voltage: &desk.arena.voltage,
                free: &desk.arena.free,
                rated,
                watched,
                block,
            });
            for (lane, (branch, _)) in block.iter().enumerate() {
                let severity = if open[lane] { f64::INFINITY } else { severity.get(lane) };
                // Written so that a severity that is no number is a suspicion.
                if !(severity <= 0.0) {
                    suspects.push(Suspect { branch: *branch, severity });
                }
            }
        }
    }
}

impl<L: Lane> Desk<L> {
    /// Puts the state before into every lane, with one branch out in each.
    fn begin(&mut self, plan: &Plan, point: &Point, block: &[(BranchIdx, TwoPort)]) {
        let arena = &mut self.arena;
        L::dispatch(Splat { from: &point.voltage, to: &mut arena.voltage });
        L::dispatch(Splat { from: &point.scheduled, to: &mut arena.schedule });
        L::dispatch(Splat { from: &point.free, to: &mut arena.free });
        let zero = L::splat(0.0);
        arena.balance.fill(zero);
        arena.share.fill(zero);
        arena.patches.clear();
        for patch in &point.patches {
            arena.patches.extend((0..L::WIDTH as u32).map(|lane| Patch { lane, ..*patch }));
        }
        for (lane, (branch, y)) in block.iter().enumerate() {
            let (lane, slots) = (lane as u32, plan.branch_slots[*branch]);
            for (row, slot, y) in [
                (slots.from, Patch::DIAGONAL, y.from_from),
                (slots.from, slots.from_to, y.from_to),
                (slots.to, slots.to_from, y.to_from),
                (slots.to, Patch::DIAGONAL, y.to_to),
            ] {
                arena.patches.push(Patch { row, slot, lane, g: 0.0 - y.re, b: 0.0 - y.im });
            }
        }
        arena.gather_patches();
    }

    /// Newton and reactive limits in turn; answers which lanes are left open.
    fn iterate(&mut self, plan: &Plan, problem: &Problem, holders: &[Holder], rows: usize) -> [bool; 8] {
        let Desk { arena, injections } = self;
        let schedule = plan.uniform();
        let mut open: [bool; 8] = std::array::from_fn(|lane| lane < rows);
        let mut passes = [0; 8];
        for _ in 0..ITERATIONS_MAX {
            let mut moving = L::splat(0.0);
            for lane in (0..rows).filter(|lane| open[*lane]) {
                moving.set(lane, 1.0);
            }
            L::dispatch(Step { schedule, arena: &mut *arena, moving });
            kernel::injections(schedule, arena, injections);
            let gap = L::dispatch(Gap { arena, injections });
            for lane in 0..rows {
                // Limits are looked at as soon as reactive power is roughly known; what is no number stays open.
                if open[lane] && gap.get(lane) <= ROUGH_PU {
                    let turned = passes[lane] < PASSES && turn(arena, injections, problem, holders, lane);
                    passes[lane] += u32::from(turned);
                    open[lane] = turned || passes[lane] == PASSES || gap.get(lane) > TOLERANCE_PU;
                }
            }
            if open == [false; 8] {
                break;
            }
        }
        open
    }
}

/// One step of Newton's in the lanes that are moving.
struct Step<'a, L> {
    schedule: &'a Schedule,
    arena: &'a mut Arena<L>,
    moving: L,
}

impl<L: Lane> Work for Step<'_, L> {
    type Answer = ();
    #[inline(always)]
    fn run(self) {
        kernel::forward::<L, true, false>(self.schedule, self.arena);
        kernel::backward_and_advance::<L, true>(self.schedule, self.arena, self.moving);
    }
}

/// The largest mismatch of the equations that hold, pu, from injections that are at hand.
struct Gap<'a, L> {
    arena: &'a Arena<L>,
    injections: &'a [[L; 2]],
}

impl<L: Lane> Work for Gap<'_, L> {
    type Answer = L;
    #[inline(always)]
    fn run(self) -> L {
        let Gap { arena, injections } = self;
        let mut worst = L::splat(0.0);
        for (at, [p_now, q_now]) in injections.iter().enumerate() {
            let ([p, q], [angle, magnitude]) = (arena.schedule[at], arena.free[at]);
            worst = worst.max_abs(p.sub(*p_now).mul(angle)).max_abs(q.sub(*q_now).mul(magnitude));
        }
        worst
    }
}

/// Turns the buses of a lane that are beyond a reactive limit, or need not stay at one; answers whether there are any.
fn turn<L: Lane>(
    arena: &mut Arena<L>,
    injections: &[[L; 2]],
    problem: &Problem,
    holders: &[Holder],
    lane: usize,
) -> bool {
    let mut turned = false;
    for Holder { row, at } in holders {
        let (row, at) = (*row, *at);
        let fixed = problem.fixed_q_pu[row];
        let (low, high) = (problem.q_min_pu[row], problem.q_max_pu[row]);
        let scheduled = arena.schedule[at][1].get(lane) - fixed;
        let side = if arena.free[at][1].get(lane) == 0.0 {
            let q = injections[at][1].get(lane) - fixed;
            if q > high + Q_TOLERANCE_PU {
                Some(LimitSide::High)
            } else if q < low - Q_TOLERANCE_PU {
                Some(LimitSide::Low)
            } else {
                continue;
            }
        } else {
            let magnitude = arena.voltage_of(at, lane).abs();
            let set = problem.v_set_pu[row];
            let back = if scheduled > 0.5 * (low + high) {
                magnitude > set + V_TOLERANCE_PU
            } else {
                magnitude < set - V_TOLERANCE_PU
            };
            if !back {
                continue;
            }
            None
        };
        turned = true;
        match side {
            Some(side) => {
                let limit = if side == LimitSide::High { high } else { low };
                arena.free[at][1].set(lane, 1.0);
                arena.schedule[at][1].set(lane, fixed + limit);
            }
            None => {
                arena.set_magnitude(at, lane, problem.v_set_pu[row]);
                arena.free[at][1].set(lane, 0.0);
                arena.schedule[at][1].set(lane, fixed);
            }
        }
    }
    turned
}

/// The same numbers in every lane.
struct Splat<'a, L> {
    from: &'a [[f64; 2]],
    to: &'a mut [[L; 2]],
}

impl<L: Lane> Work for Splat<'_, L> {
    type Answer = ();
    #[inline(always)]
    fn run(self) {
        for (to, from) in self.to.iter_mut().zip(self.from) {
            *to = [L::splat(from[0]), L::splat(from[1])];
        }
    }
}

/// How far beyond its limits, margins included, each lane is: above zero is a suspicion.
struct Judge<'a, L> {
    voltage: &'a [[L; 2]],
    free: &'a [[L; 2]],
    rated: &'a [Rated],
    watched: &'a [Watched],
    block: &'a [(BranchIdx, TwoPort)],
}

impl<L: Lane> Work for Judge<'_, L> {
    type Answer = L;
    #[inline(always)]
    fn run(self) -> L {
        let Judge { voltage, free, rated, watched, block } = self;
        let zero = L::splat(0.0);
        let mut worst = L::splat(-1.0);
        let of_change = L::splat(MARGIN_OF_CHANGE);
        for branch in rated {
            let (vf, vt) = (voltage[branch.ends[0] as usize], voltage[branch.ends[1] as usize]);
            let y = &branch.two_port;
            let from = apparent_square(vf, y.from_from, vt, y.from_to);
            let to = apparent_square(vt, y.to_to, vf, y.to_from);
            let mut flow = from.max_abs(to).sqrt();
            for (lane, (out, _)) in block.iter().enumerate() {
                if out.row() == branch.row {
                    flow.set(lane, 0.0);
                }
            }
            let change = flow.sub(L::splat(branch.now_pu)).max_abs(zero);
            let beyond = flow.add(change.mul(of_change)).sub(L::splat(branch.limit_pu));
            let share = beyond.mul_add(L::splat(branch.inverse_rating_pu), L::splat(MARGIN_LOADING));
            worst = larger(share, worst);
        }
        for node in watched {
            let [re, im] = voltage[node.at];
            let magnitude = square([re, im]).sqrt();
            let change = magnitude.sub(L::splat(node.now_pu)).max_abs(zero);
            let margin = change.mul_add(of_change, L::splat(MARGIN_VOLTAGE_PU));
            let above = magnitude.sub(L::splat(node.high_pu));
            let below = L::splat(node.low_pu).sub(magnitude);
            // A magnitude that is held is known: the margin is for those that are not.
            let beyond = larger(above, below).add(margin.mul(free[node.at][1]));
            // In tenths of a pu, which hurt about as much as the whole of a rating.
            worst = larger(beyond.mul(L::splat(10.0)), worst);
        }
        worst
    }
}

/// The larger of both; NaN where `a` is NaN.
#[inline(always)]
fn larger<L: Lane>(a: L, b: L) -> L {
    b.sub(a).choose(b, a)
}

/// The square of the apparent power into one end of a branch.
#[inline(always)]
fn apparent_square<L: Lane>(v: [L; 2], own: Complex, w: [L; 2], other: Complex) -> L {
    let (a, b) = (product(own, v), product(other, w));
    square(v).mul(square([a[0].add(b[0]), a[1].add(b[1])]))
}

/// `y v`.
#[inline(always)]
fn product<L: Lane>(y: Complex, v: [L; 2]) -> [L; 2] {
    let (g, b) = (L::splat(y.re), L::splat(y.im));
    [b.neg_mul_add(v[1], g.mul(v[0])), b.mul_add(v[0], g.mul(v[1]))]
}

/// The square of a magnitude.
#[inline(always)]
fn square<L: Lane>(v: [L; 2]) -> L {
    v[0].mul_add(v[0], v[1].mul(v[1]))
}
