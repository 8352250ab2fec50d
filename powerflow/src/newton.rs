//! Newton's iterations, on as many states side by side as a lane is wide.
//!
//! Every lane has its own tolerance, its own count and its own end. A lane that is finished keeps its bits while its
//! neighbours go on; what a lane does next depends on its own numbers alone, so its result does not know who its neighbours
//! were, where it sat, or how wide the lane is.

use crate::kernel::shared::Factor;
use crate::kernel::{self, Arena, FromBase};
use crate::lane::{Lane, Work};
use crate::schedule::Schedule;
use crate::solution::DivergenceReason;

/// Below this step the next mismatch may be within tolerance, so it is worth computing on its own.
const NEARLY: f64 = 3e-3;

/// What a lane does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Run {
    /// Nothing: there is no state in it.
    Idle,
    /// It iterates.
    Active,
    /// Its largest mismatch, pu, is within its tolerance.
    Converged(f64),
    /// It has given up.
    Failed(DivergenceReason),
}

/// The distributed slack of one island.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Balanced {
    /// Number of the island in its problem.
    pub(crate) island: u32,
    /// Row that holds its angle.
    pub(crate) row: u32,
    /// Power moved so far, pu.
    pub(crate) moved_pu: f64,
    /// What the present step adds, pu.
    pub(crate) more_pu: f64,
}

impl Balanced {
    pub(crate) fn new(island: u32, row: u32, moved_pu: f64) -> Self {
        Balanced { island, row, moved_pu, more_pu: 0.0 }
    }
}

/// One lane.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    pub(crate) run: Run,
    /// Mismatch that counts as solved, pu.
    pub(crate) tolerance_pu: f64,
    /// Iterations so far, and how many there may be.
    pub(crate) iterations: u32,
    pub(crate) iterations_max: u32,
    /// Whether the mismatch may be within tolerance.
    pub(crate) check: bool,
    /// Islands with distributed slack.
    pub(crate) balanced: Vec<Balanced>,
    /// Island of each row, where there are several with distributed slack.
    pub(crate) island_at: Vec<u32>,
    /// Mismatch before each iteration, pu, where it is wanted.
    pub(crate) trend_pu: Option<Vec<f64>>,
}

impl Progress {
    pub(crate) fn idle() -> Self {
        Progress {
            run: Run::Idle,
            tolerance_pu: 0.0,
            iterations: 0,
            iterations_max: 0,
            check: false,
            balanced: Vec::new(),
            island_at: Vec::new(),
            trend_pu: None,
        }
    }

    /// Begins to iterate from the voltages in the arena.
    pub(crate) fn start(&mut self, tolerance_pu: f64, iterations_max: u32) {
        self.run = Run::Active;
        self.tolerance_pu = tolerance_pu;
        self.iterations = 0;
        self.iterations_max = iterations_max;
        // The first elimination computes the mismatch anyway, except where slack is distributed.
        self.check = !self.balanced.is_empty();
    }
}

/// Iterates until at most `leave` lanes are active.
pub(crate) struct Newton<'a, L> {
    pub(crate) schedule: &'a Schedule,
    /// Whether the arena's masks say which equations hold; otherwise the schedule does.
    pub(crate) masked: bool,
    pub(crate) arena: &'a mut Arena<L>,
    pub(crate) lanes: &'a mut [Progress],
    pub(crate) leave: usize,
    /// Whether steps are shortened until the mismatch falls. One lane wide only.
    pub(crate) damped: bool,
    /// Where all lanes stand at one base: their first iteration takes from there what did not change.
    pub(crate) from_base: Option<FromBase<'a>>,
}

impl<L: Lane> Work for Newton<'_, L> {
    type Answer = ();

    #[inline(always)]
    fn run(self) {
        let Newton { schedule, masked, arena, lanes, leave, damped, mut from_base } = self;
        let slack = lanes.iter().any(|lane| !lane.balanced.is_empty());
        loop {
            if lanes.iter().any(|lane| lane.run == Run::Active && lane.check) {
                judge(lanes, kernel::mismatch(schedule, arena));
            }
            for lane in lanes.iter_mut() {
                if lane.run == Run::Active && lane.iterations == lane.iterations_max {
                    lane.run = Run::Failed(DivergenceReason::IterationLimit);
                }
            }
            if lanes.iter().filter(|lane| lane.run == Run::Active).count() <= leave {
                return;
            }
            let base = from_base.take();
            let before = match (masked, slack) {
                _ if let Some(base) = base => kernel::forward_from_base(schedule, arena, base),
                (true, false) => kernel::forward::<L, true, false>(schedule, arena),
                (true, true) => kernel::forward::<L, true, true>(schedule, arena),
                (false, false) => kernel::forward::<L, false, false>(schedule, arena),
                (false, true) => kernel::forward::<L, false, true>(schedule, arena),
            };
            let mut moving = L::splat(0.0);
            for (i, lane) in lanes.iter_mut().enumerate().filter(|(_, lane)| lane.run == Run::Active) {
                let before = before.get(i);
                if lane.iterations == 0 && lane.balanced.is_empty() && before <= lane.tolerance_pu {
                    lane.run = Run::Converged(before);
                    continue;
                }
                lane.iterations += 1;
                if let Some(trend) = &mut lane.trend_pu {
                    trend.push(before);
                }
                if before.is_finite() {
                    moving.set(i, 1.0);
                } else {
                    lane.run = Run::Failed(DivergenceReason::NotFinite);
                }
            }
            let largest = match (slack || damped, masked) {
                _ if let Some(base) = base => kernel::backward_from_base(schedule, arena, moving, base),
                (false, true) => kernel::backward_and_advance::<L, true>(schedule, arena, moving),
                (false, false) => kernel::backward_and_advance::<L, false>(schedule, arena, moving),
                (true, _) => {
                    match (masked, slack) {
                        (true, true) => kernel::backward::<L, true, true>(schedule, arena),
                        (true, false) => kernel::backward::<L, true, false>(schedule, arena),
                        (false, true) => kernel::backward::<L, false, true>(schedule, arena),
                        (false, false) => kernel::backward::<L, false, false>(schedule, arena),
                    }
                    if slack {
                        border(schedule, arena, lanes);
                    }
                    if damped {
                        damped_advance(schedule, arena, lanes, before, slack)
                    } else {
                        if slack {
                            move_slack(arena, lanes, 1.0);
                        }
                        kernel::advance(arena, moving)
                    }
                }
            };
            for (i, lane) in lanes.iter_mut().enumerate().filter(|(_, lane)| lane.run == Run::Active) {
                let largest = largest.get(i);
                if !largest.is_finite() {
                    lane.run = Run::Failed(DivergenceReason::NotFinite);
                }
                lane.check = damped || largest < NEARLY;
            }
        }
    }
}

/// Corrects by one factor that all lanes share, until at most `leave` lanes are active.
pub(crate) struct Shared<'a, L> {
    pub(crate) schedule: &'a Schedule,
    pub(crate) factor: &'a Factor,
    pub(crate) arena: &'a mut Arena<L>,
    pub(crate) lanes: &'a mut [Progress],
    pub(crate) leave: usize,
    /// Whether every lane stands where the factor was made.
    pub(crate) at_base: bool,
}

impl<L: Lane> Work for Shared<'_, L> {
    type Answer = ();

    #[inline(always)]
    fn run(self) {
        let Shared { schedule, factor, arena, lanes, leave, mut at_base } = self;
        // The largest mismatch of the active lanes, before the last correction and before the one before it.
        let (mut last, mut last_but_one) = (f64::INFINITY, f64::INFINITY);
        loop {
            // Corrections shrink the mismatch by about the same factor each time. Where that says that nothing is left to
            // correct, the mismatch alone is looked at first. Which of the two is computed changes no bit.
            let nearly =
                last * (last / last_but_one) < 0.5 * lanes.first().map_or(0.0, |lane| lane.tolerance_pu);
            if nearly {
                judge_shared(lanes, kernel::shared::mismatch(schedule, arena));
                if lanes.iter().filter(|lane| lane.run == Run::Active).count() <= leave {
                    return;
                }
            }
            let mismatch = if std::mem::take(&mut at_base) {
                kernel::shared::mismatch_forward::<L, true>(schedule, factor, arena)
            } else {
                kernel::shared::mismatch_forward::<L, false>(schedule, factor, arena)
            };
            (last_but_one, last) = (last, judge_shared(lanes, mismatch));
            let mut moving = L::splat(0.0);
            let mut active = 0;
            for (i, _) in lanes.iter().enumerate().filter(|(_, lane)| lane.run == Run::Active) {
                moving.set(i, 1.0);
                active += 1;
            }
            if active <= leave {
                return;
            }
            kernel::shared::backward_and_advance(schedule, factor, arena, moving);
            for lane in lanes.iter_mut().filter(|lane| lane.run == Run::Active) {
                lane.iterations += 1;
            }
        }
    }
}

/// Ends the lanes that are solved, and those that cannot be. Answers the largest mismatch of those that go on, pu.
#[inline(always)]
fn judge_shared<L: Lane>(lanes: &mut [Progress], mismatch: L) -> f64 {
    let mut largest = 0.0f64;
    for (i, lane) in lanes.iter_mut().enumerate().filter(|(_, lane)| lane.run == Run::Active) {
        let mismatch = mismatch.get(i);
        if mismatch <= lane.tolerance_pu {
            lane.run = Run::Converged(mismatch);
        } else if !mismatch.is_finite() {
            lane.run = Run::Failed(DivergenceReason::NotFinite);
        } else if lane.iterations == lane.iterations_max {
            lane.run = Run::Failed(DivergenceReason::IterationLimit);
        } else {
            largest = largest.max(mismatch);
        }
    }
    largest
}

/// Ends the lanes that are solved.
#[inline(always)]
fn judge<L: Lane>(lanes: &mut [Progress], mismatch: L) {
    for (i, lane) in lanes.iter_mut().enumerate() {
        let mismatch = mismatch.get(i);
        if lane.run == Run::Active && lane.check && mismatch <= lane.tolerance_pu {
            lane.run = Run::Converged(mismatch);
        }
    }
}

/// Completes the step where slack is distributed: how much more each island moves, from the active equation of the row that
/// holds its angle, and what that adds to the step.
#[inline(always)]
fn border<L: Lane>(schedule: &Schedule, arena: &mut Arena<L>, lanes: &mut [Progress]) {
    let mut more = L::splat(0.0);
    let mut solved: Option<(u32, L)> = None;
    for (i, lane) in lanes.iter_mut().enumerate() {
        for of in &mut lane.balanced {
            let row = of.row;
            // Most lanes hold the angle of the same row: one evaluation serves them all.
            let amount = match solved {
                Some((same, amount)) if same == row => amount,
                _ => {
                    let (gap, along_step, along_response) =
                        kernel::slack_equation(schedule, arena, row as usize);
                    let amount = gap.sub(along_step).div(along_response.sub(arena.share[row as usize]));
                    solved = Some((row, amount));
                    amount
                }
            };
            of.more_pu = amount.get(i);
        }
        // One island: its rows alone respond, so its amount may be applied to all.
        if let [only] = lane.balanced[..] {
            more.set(i, only.more_pu);
        }
    }
    for (step, response) in arena.steps.iter_mut().zip(&arena.response) {
        step[0] = response[0].mul_add(more, step[0]);
        step[1] = response[1].mul_add(more, step[1]);
    }
    for (i, lane) in lanes.iter().enumerate().filter(|(_, lane)| lane.balanced.len() > 1) {
        for (row, island) in lane.island_at.iter().enumerate() {
            if let Some(of) = lane.balanced.iter().find(|b| b.island == *island) {
                for k in 0..2 {
                    let response = arena.response[row][k].get(i);
                    let step = arena.steps[row][k].get(i);
                    arena.steps[row][k].set(i, response.mul_add(of.more_pu, step));
                }
            }
        }
    }
}

/// Moves `scale` times what the step adds to the units that share.
#[inline(always)]
pub(crate) fn move_slack<L: Lane>(arena: &mut Arena<L>, lanes: &mut [Progress], scale: f64) {
    let mut more = L::splat(0.0);
    for (i, lane) in lanes.iter_mut().enumerate().filter(|(_, lane)| lane.run == Run::Active) {
        for of in &mut lane.balanced {
            of.moved_pu += of.more_pu * scale;
        }
        if let [only] = lane.balanced[..] {
            more.set(i, only.more_pu * scale);
        }
    }
    for (schedule, share) in arena.schedule.iter_mut().zip(&arena.share) {
        schedule[0] = share.mul_add(more, schedule[0]);
    }
    let several = |lane: &&Progress| lane.run == Run::Active && lane.balanced.len() > 1;
    for (i, lane) in lanes.iter().enumerate().filter(|(_, lane)| several(lane)) {
        for (row, island) in lane.island_at.iter().enumerate() {
            if let Some(of) = lane.balanced.iter().find(|b| b.island == *island) {
                let share = arena.share[row].get(i);
                let schedule = arena.schedule[row][0].get(i);
                arena.schedule[row][0].set(i, share.mul_add(of.more_pu * scale, schedule));
            }
        }
    }
}

/// Shortens the step until the mismatch falls, at most to a thirty-second.
#[inline(always)]
fn damped_advance<L: Lane>(
    schedule: &Schedule,
    arena: &mut Arena<L>,
    lanes: &mut [Progress],
    before: L,
    slack: bool,
) -> L {
    if lanes.iter().all(|lane| lane.run != Run::Active) {
        return L::splat(0.0);
    }
    let (voltage, scheduled, progress) = (arena.voltage.clone(), arena.schedule.clone(), lanes.to_vec());
    let mut scale = 1.0;
    loop {
        if slack {
            move_slack(arena, lanes, scale);
        }
        let largest = kernel::advance(arena, L::splat(scale));
        let after = kernel::mismatch(schedule, arena);
        if after.get(0) < before.get(0) || scale < 0.05 {
            return largest;
        }
        arena.voltage.copy_from_slice(&voltage);
        arena.schedule.copy_from_slice(&scheduled);
        lanes.clone_from_slice(&progress);
        scale *= 0.5;
    }
}
