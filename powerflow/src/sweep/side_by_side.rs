//! Rows of a sweep in lanes: as many as a lane is wide begin together, at the base; when few are left of them, these are
//! parked, and go on later with others that were left.

use crate::desk::COLLAPSED_PU;
use crate::index::BranchIdx;
use crate::kernel::shared::Factor;
use crate::kernel::{Arena, FromBase, Patch};
use crate::lane::{Lane, Work};
use crate::network::admittance::TwoPort;
use crate::newton::{Newton, Progress, Run, Shared};
use crate::plan::Plan;
use crate::solution::{Complex, DivergenceReason};

/// The base by elimination position: what every row starts with.
#[derive(Debug, Default)]
pub(crate) struct Template {
    pub(crate) voltage: Vec<[f64; 2]>,
    pub(crate) scheduled: Vec<[f64; 2]>,
    pub(crate) free: Vec<[f64; 2]>,
    /// What the base's admittances differ in from the plan's.
    pub(crate) patches: Vec<Patch>,
    /// Whether the unknowns are those of the plan, so that no masks are needed.
    pub(crate) as_planned: bool,
    pub(crate) tolerance_pu: f64,
    pub(crate) iterations_max: u32,
    /// The base's factor, where rows without masks can share it.
    pub(crate) factor: Option<Factor>,
}

/// Corrections by the shared factor, at most; what needs more is nearer to Newton's business.
const CORRECTIONS_MAX: u32 = 12;

/// Iterations in lanes, at most: what needs more is solved alone, where it holds nobody up.
const ITERATIONS_MAX: u32 = 10;

/// A row that is not finished.
#[derive(Debug)]
struct Parked {
    row: usize,
    progress: Progress,
    voltage: Vec<[f64; 2]>,
    scheduled: Vec<[f64; 2]>,
    patches: Vec<Patch>,
}

/// A row that is finished.
#[derive(Debug)]
pub(super) struct Finished<'a> {
    pub(super) row: usize,
    pub(super) run: Run,
    pub(super) iterations: u32,
    /// Whether the voltages belong to another root of the equations, at which no grid operates.
    pub(super) collapsed: bool,
    /// By node, pu.
    pub(super) voltage: &'a [Complex],
}

/// The lanes of one thread.
#[derive(Debug)]
pub(super) struct Lanes<L> {
    arena: Arena<L>,
    progress: Vec<Progress>,
    row_of: Vec<Option<usize>>,
    parked: Vec<Parked>,
    voltage: Vec<Vec<Complex>>,
    /// What is scheduled in each lane.
    scheduled: Vec<Vec<[f64; 2]>>,
    /// Whether the schedule differs from row to row.
    own_schedules: bool,
    /// Whether rows are corrected by the shared factor.
    shared: bool,
    /// Whether every row stands at the base.
    fresh: bool,
    /// Rows that the outages of this batch change, directly or by elimination.
    changed: Vec<bool>,
}

impl<L: Lane> Default for Lanes<L> {
    fn default() -> Self {
        Lanes {
            arena: Arena::default(),
            progress: vec![Progress::idle(); L::WIDTH],
            row_of: vec![None; L::WIDTH],
            parked: Vec::new(),
            voltage: vec![Vec::new(); L::WIDTH],
            scheduled: vec![Vec::new(); L::WIDTH],
            own_schedules: false,
            shared: false,
            fresh: false,
            changed: Vec::new(),
        }
    }
}

impl<L: Lane> Lanes<L> {
    /// Makes ready for rows of a base; `own_schedules` says whether they differ in what is injected.
    pub(super) fn open(&mut self, plan: &Plan, template: &Template, own_schedules: bool, shared: bool) {
        self.shared = shared;
        let schedule = if template.as_planned { plan.of_base() } else { plan.uniform() };
        self.arena.fit(plan, schedule);
        self.own_schedules = own_schedules;
        self.row_of.fill(None);
        self.parked.clear();
        self.voltage.iter_mut().for_each(|v| v.resize(plan.node_count(), Complex::default()));
        if own_schedules {
            self.scheduled.iter_mut().for_each(|lane| lane.resize(plan.node_count(), [0.0; 2]));
        }
        for at in 0..plan.node_count() {
            self.arena.schedule[at] = template.scheduled[at].map(L::splat);
            self.arena.free[at] = template.free[at].map(L::splat);
            self.arena.share[at] = L::splat(0.0);
            self.arena.balance[at] = L::splat(0.0);
        }
    }

    /// Begins a batch: every lane at the base.
    pub(super) fn begin(&mut self, template: &Template) {
        L::dispatch(Splat { from: &template.voltage, to: &mut self.arena.voltage });
        self.arena.patches.clear();
        for patch in &template.patches {
            self.arena.patches.extend((0..L::WIDTH as u32).map(|lane| Patch { lane, ..*patch }));
        }
        self.row_of.fill(None);
        self.fresh = true;
        self.progress.iter_mut().for_each(|lane| lane.run = Run::Idle);
    }

    /// The first lane without a row.
    pub(super) fn free_lane(&self) -> Option<usize> {
        self.row_of.iter().position(Option::is_none)
    }

    /// Puts a row into a lane, with branches out.
    pub(super) fn seat(&mut self, lane: usize, row: usize, template: &Template) {
        self.row_of[lane] = Some(row);
        let most = if self.shared { CORRECTIONS_MAX } else { ITERATIONS_MAX };
        let most = most.min(template.iterations_max);
        self.progress[lane].start(template.tolerance_pu, most);
    }

    /// Takes branches out of a lane; branches that are in the base as they are in the file.
    pub(super) fn take_out(&mut self, lane: usize, plan: &Plan, branches: &[BranchIdx]) {
        let lane = lane as u32;
        for branch in branches {
            let (slots, y) = (plan.branch_slots[*branch], plan.base[*branch]);
            if y == TwoPort::default() {
                continue;
            }
            for (row, slot, y) in [
                (slots.from, Patch::DIAGONAL, y.from_from),
                (slots.from, slots.from_to, y.from_to),
                (slots.to, slots.to_from, y.to_from),
                (slots.to, Patch::DIAGONAL, y.to_to),
            ] {
                self.arena.patches.push(Patch { row, slot, lane, g: 0.0 - y.re, b: 0.0 - y.im });
            }
        }
    }

    /// Replaces all that a lane's admittances differ in.
    pub(super) fn set_patches(&mut self, lane: usize, patches: &[Patch]) {
        self.arena.patches.retain(|p| p.lane as usize != lane);
        self.arena.patches.extend_from_slice(patches);
    }

    /// What is scheduled in a lane, by elimination position, pu: written here, and moved into the lanes all at once.
    pub(super) fn scheduled(&mut self, lane: usize) -> &mut [[f64; 2]] {
        &mut self.scheduled[lane]
    }

    /// Iterates, corrected by the shared factor or by Newton's own; finished rows go to `visit`. Without `to_the_end`, a few that are
    /// left are parked.
    pub(super) fn run<const SHARED: bool>(
        &mut self,
        plan: &Plan,
        template: &Template,
        to_the_end: bool,
        visit: &mut dyn FnMut(Finished<'_>),
    ) {
        self.arena.gather_patches();
        let schedule = if template.as_planned { plan.of_base() } else { plan.uniform() };
        let leave = if to_the_end { 0 } else { L::WIDTH / 4 };
        let fresh = std::mem::take(&mut self.fresh);
        if fresh && self.own_schedules {
            let size = L::dispatch(Load { from: &self.scheduled, to: &mut self.arena.schedule });
            for (lane, progress) in self.progress.iter_mut().enumerate() {
                // Rows without unknowns are not looked at again: a number that is none must not hide there.
                if progress.run == Run::Active && !size.get(lane).is_finite() {
                    progress.run = Run::Failed(DivergenceReason::NotFinite);
                }
            }
        }
        if fresh && !self.own_schedules {
            self.changed.clear();
            self.changed.resize(plan.node_count(), false);
            for patch in &self.arena.patches {
                let mut next = Some(patch.row as usize);
                while let Some(row) = next.filter(|row| !self.changed[*row]) {
                    self.changed[row] = true;
                    next = plan.parent(row);
                }
            }
        }
        let Lanes { arena, progress, changed, own_schedules, .. } = self;
        let own_schedules = *own_schedules;
        if SHARED {
            // Only asked for where there is a factor; without one every row would stay active, and be parked for ever.
            let factor = template.factor.as_ref().expect("a stage that shares a factor has one");
            L::dispatch(Shared { schedule, factor, arena, lanes: progress, leave, at_base: fresh });
        } else {
            let from_base = template.factor.as_ref().filter(|_| fresh && !own_schedules);
            L::dispatch(Newton {
                schedule,
                masked: !template.as_planned,
                arena,
                lanes: progress,
                leave,
                damped: false,
                from_base: from_base.map(|factor| FromBase { factor, changed }),
            });
        }
        let low = L::dispatch(Unload { plan, from: &self.arena.voltage, to: &mut self.voltage });
        for lane in 0..L::WIDTH {
            let Some(row) = self.row_of[lane].take() else { continue };
            let progress = &self.progress[lane];
            if progress.run == Run::Active {
                let pair = |v: &[L; 2]| [v[0].get(lane), v[1].get(lane)];
                let own = self.own_schedules;
                self.parked.push(Parked {
                    row,
                    progress: progress.clone(),
                    voltage: self.arena.voltage.iter().map(pair).collect(),
                    scheduled: self.arena.schedule.iter().filter(|_| own).map(pair).collect(),
                    patches: self.arena.patches.iter().filter(|p| p.lane as usize == lane).copied().collect(),
                });
            } else {
                let (run, iterations) = (progress.run, progress.iterations);
                let collapsed = low.get(lane) > 0.0;
                visit(Finished { row, run, iterations, collapsed, voltage: &self.voltage[lane] });
            }
        }
    }

    /// Whether no row is parked.
    pub(super) fn is_empty(&self) -> bool {
        self.parked.is_empty()
    }

    /// Whether parked rows fill all lanes.
    pub(super) fn is_full(&self) -> bool {
        self.parked.len() >= L::WIDTH
    }

    /// Goes on with parked rows, as many as there are lanes; `false` where there are none.
    pub(super) fn resume(&mut self, template: &Template) -> bool {
        if self.parked.is_empty() {
            return false;
        }
        self.begin(template);
        self.fresh = false;
        self.arena.patches.clear();
        let from = self.parked.len().saturating_sub(L::WIDTH);
        for (lane, parked) in self.parked.drain(from..).enumerate() {
            self.row_of[lane] = Some(parked.row);
            self.progress[lane] = parked.progress;
            for (at, v) in parked.voltage.iter().enumerate() {
                self.arena.set_voltage(at, lane, *v);
            }
            for (at, s) in parked.scheduled.iter().enumerate() {
                self.arena.schedule[at][0].set(lane, s[0]);
                self.arena.schedule[at][1].set(lane, s[1]);
            }
            let lane = lane as u32;
            self.arena.patches.extend(parked.patches.iter().map(|p| Patch { lane, ..*p }));
        }
        true
    }
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

/// From one row after the other to lanes. Answers the largest magnitude, per lane.
struct Load<'a, L> {
    from: &'a [Vec<[f64; 2]>],
    to: &'a mut [[L; 2]],
}

impl<L: Lane> Work for Load<'_, L> {
    type Answer = L;
    #[inline(always)]
    fn run(self) -> L {
        let Load { from, to } = self;
        let mut largest = L::splat(0.0);
        for (at, to) in to.iter_mut().enumerate() {
            for (lane, from) in from.iter().enumerate() {
                let [p, q] = from[at];
                to[0].set(lane, p);
                to[1].set(lane, q);
            }
            largest = largest.max_abs(to[0]).max_abs(to[1]);
        }
        largest
    }
}

/// From elimination positions and lanes to nodes of one row after the other. Answers one in lanes where a voltage is so low
/// that it belongs to another root of the equations; rows that are dead stand at 1 pu.
struct Unload<'a, L> {
    plan: &'a Plan,
    from: &'a [[L; 2]],
    to: &'a mut [Vec<Complex>],
}

impl<L: Lane> Work for Unload<'_, L> {
    type Answer = L;
    #[inline(always)]
    fn run(self) -> L {
        let Unload { plan, from, to } = self;
        let (one, lowest) = (L::splat(1.0), L::splat(COLLAPSED_PU * COLLAPSED_PU));
        let mut low = L::splat(0.0);
        for (node, position) in plan.position.as_slice().iter().enumerate() {
            let [re, im] = from[*position as usize];
            for (lane, to) in to.iter_mut().enumerate() {
                to[node] = Complex { re: re.get(lane), im: im.get(lane) };
            }
            let above = im.mul_add(im, re.mul(re)).sub(lowest);
            low = above.choose(low, one);
        }
        low
    }
}
