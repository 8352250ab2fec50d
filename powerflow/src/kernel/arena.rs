//! What one batch of lanes works on, by elimination position.

use crate::lane::Lane;
use crate::plan::Plan;
use crate::schedule::{SCRATCH, Schedule};
use crate::solution::Complex;

/// A 2x2 block by rows: `[P/theta, P/V, Q/theta, Q/V]`.
pub(super) type Block<L> = [L; 4];

/// What differs from the plan's shared admittances in one lane.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Patch {
    /// Row, by elimination position.
    pub(crate) row: u32,
    /// Off-diagonal slot, or [`Patch::DIAGONAL`].
    pub(crate) slot: u32,
    /// Lane.
    pub(crate) lane: u32,
    /// Added admittance, pu.
    pub(crate) g: f64,
    /// Added admittance, pu.
    pub(crate) b: f64,
}

impl Patch {
    /// The slot that means the diagonal of the row.
    pub(crate) const DIAGONAL: u32 = u32::MAX;
}

/// The patches of all lanes at one place; zero in lanes that have none there.
#[derive(Clone, Copy, Debug)]
pub(super) struct WidePatch<L> {
    pub(super) row: u32,
    pub(super) slot: u32,
    pub(super) g: L,
    pub(super) b: L,
}

/// Everything one batch of lanes needs, by elimination position; allocated once per thread.
#[derive(Clone, Debug)]
pub(crate) struct Arena<L> {
    /// Voltage, rectangular.
    pub(crate) voltage: Vec<[L; 2]>,
    /// Scheduled injection (P, Q).
    pub(crate) schedule: Vec<[L; 2]>,
    /// 1 where the angle, the magnitude is unknown and its equation holds; 0 makes an identity row.
    pub(crate) free: Vec<[L; 2]>,
    /// 1 where the active equation holds although the angle does not move: the slack of that island is distributed.
    pub(crate) balance: Vec<L>,
    /// Share of each row in the distributed slack; zero where there is none.
    pub(crate) share: Vec<L>,
    /// What the lanes differ in: [`Arena::gather_patches`] after a change.
    pub(crate) patches: Vec<Patch>,
    /// The same, sorted by row and slot.
    pub(super) wide_patches: Vec<WidePatch<L>>,
    /// The step of the last solve, `(d theta, dV/V)`; between both substitutions, its right-hand side.
    pub(crate) steps: Vec<[L; 2]>,
    /// Inverse of each diagonal block.
    pub(super) inverse: Vec<Block<L>>,
    /// The response of the step to one unit of slack.
    pub(crate) response: Vec<[L; 2]>,
    pub(super) upper: Vec<L>,
    pub(super) scratch: Vec<L>,
}

impl<L> Default for Arena<L> {
    fn default() -> Self {
        Arena {
            voltage: Vec::new(),
            schedule: Vec::new(),
            free: Vec::new(),
            balance: Vec::new(),
            share: Vec::new(),
            patches: Vec::new(),
            wide_patches: Vec::new(),
            steps: Vec::new(),
            inverse: Vec::new(),
            response: Vec::new(),
            upper: Vec::new(),
            scratch: Vec::new(),
        }
    }
}

impl<L: Lane> Arena<L> {
    /// Makes room for a plan; the contents of earlier solves are gone.
    pub(crate) fn fit(&mut self, plan: &Plan, schedule: &Schedule) {
        let n = plan.node_count();
        let zero = L::splat(0.0);
        self.voltage.resize(n, [zero; 2]);
        self.schedule.resize(n, [zero; 2]);
        self.free.resize(n, [zero; 2]);
        self.share.resize(n, zero);
        self.steps.resize(n, [zero; 2]);
        self.inverse.resize(n, [zero; 4]);
        self.response.resize(n, [zero; 2]);
        self.upper.resize(schedule.values(), zero);
        self.scratch.resize(SCRATCH + 4, zero);
        self.balance.resize(n, zero);
        self.patches.clear();
        self.wide_patches.clear();
    }

    /// Makes room for the values of another schedule of the same plan.
    pub(crate) fn fit_schedule(&mut self, schedule: &Schedule) {
        self.upper.resize(schedule.values(), L::splat(0.0));
    }

    /// Complex voltage of a row in a lane.
    pub(crate) fn voltage_of(&self, row: usize, lane: usize) -> Complex {
        let [re, im] = self.voltage[row];
        Complex { re: re.get(lane), im: im.get(lane) }
    }

    /// Replaces the voltage of a row in a lane.
    pub(crate) fn set_voltage(&mut self, row: usize, lane: usize, v: [f64; 2]) {
        self.voltage[row][0].set(lane, v[0]);
        self.voltage[row][1].set(lane, v[1]);
    }

    /// Scales the voltage of a row in a lane to a magnitude, keeping its angle.
    pub(crate) fn set_magnitude(&mut self, row: usize, lane: usize, magnitude: f64) {
        let v = self.voltage_of(row, lane);
        let scale = magnitude / (v.re * v.re + v.im * v.im).sqrt();
        let scaled = if scale.is_finite() { [v.re * scale, v.im * scale] } else { [magnitude, 0.0] };
        self.set_voltage(row, lane, scaled);
    }

    /// Replaces the patches of a lane.
    pub(crate) fn set_patches(&mut self, lane: u32, patches: &[Patch]) {
        self.patches.retain(|p| p.lane != lane);
        self.patches.extend_from_slice(patches);
        self.gather_patches();
    }

    /// Puts patches of the same place side by side. Several of one lane at one place are added up, in their order.
    pub(crate) fn gather_patches(&mut self) {
        self.patches.sort_by_key(|p| (p.row, p.slot, p.lane));
        self.wide_patches.clear();
        for patch in &self.patches {
            let (row, slot, lane) = (patch.row, patch.slot, patch.lane as usize);
            match self.wide_patches.last_mut() {
                Some(last) if (last.row, last.slot) == (row, slot) => {
                    last.g.set(lane, last.g.get(lane) + patch.g);
                    last.b.set(lane, last.b.get(lane) + patch.b);
                }
                _ => {
                    let mut wide = WidePatch { row, slot, g: L::splat(0.0), b: L::splat(0.0) };
                    wide.g.set(lane, patch.g);
                    wide.b.set(lane, patch.b);
                    self.wide_patches.push(wide);
                }
            }
        }
    }
}

/// A number of a factor: one for each lane, or the same for all.
pub(super) trait Broadcast<L>: Copy {
    fn lanes(self) -> L;
}

impl<L: Lane> Broadcast<L> for L {
    #[inline(always)]
    fn lanes(self) -> L {
        self
    }
}

/// The same number in every lane.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Same(pub(super) f64);

impl<L: Lane> Broadcast<L> for Same {
    #[inline(always)]
    fn lanes(self) -> L {
        L::splat(self.0)
    }
}

/// The arena as slices that the compiler can keep in registers while it writes through them.
pub(super) struct Board<'a, L> {
    pub(super) voltage: &'a mut [[L; 2]],
    pub(super) scheduled: &'a [[L; 2]],
    pub(super) free: &'a [[L; 2]],
    pub(super) share: &'a [L],
    pub(super) patches: &'a [WidePatch<L>],
    pub(super) steps: &'a mut [[L; 2]],
    pub(super) inverse: &'a mut [Block<L>],
    pub(super) response: &'a mut [[L; 2]],
    pub(super) upper: &'a mut [L],
    pub(super) scratch: &'a mut [L; SCRATCH + 4],
}

impl<L: Lane> Arena<L> {
    #[inline(always)]
    pub(super) fn board(&mut self) -> Board<'_, L> {
        Board {
            voltage: &mut self.voltage,
            scheduled: &self.schedule,
            free: &self.free,
            share: &self.share,
            patches: &self.wide_patches,
            steps: &mut self.steps,
            inverse: &mut self.inverse,
            response: &mut self.response,
            upper: &mut self.upper,
            // A known length lets every offset, which is masked to it, go unchecked.
            scratch: (&mut self.scratch[..]).try_into().expect("the arena fits the plan"),
        }
    }
}
