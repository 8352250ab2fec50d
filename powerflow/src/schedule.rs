//! The elimination of a plan, compiled for what is unknown in each row.
//!
//! A row has two unknowns (angle and magnitude), one (angle: the magnitude is held) or none (a reference, or dead).
//! [`Schedule::uniform`] gives every row two and leaves it to masks which equations hold: any state of the topology can be
//! solved with it. [`Schedule::of_base`] has blocks of 2x2, 2x1, 1x2 and 1x1 and no masks: less to compute and to move, and
//! good for all states whose rows are those of the base. Both do the same operations on the same numbers in the same order,
//! except for products with exact zeros, so their results are the same to the bit.

use crate::plan::Plan;

/// Numbers in the scratch of a row, at most.
pub(crate) const SCRATCH: usize = 1 << 14;

/// See the module. "Offset" counts numbers (lanes wide), not blocks.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    /// Unknowns of each row.
    pub(crate) unknowns: Vec<u8>,
    /// For every slot of the plan: offset of its block in the scratch of its row.
    pub(crate) slot_at: Vec<u16>,
    /// Slots of row i whose columns have two unknowns end here, those with one there; the rest only feeds the sums.
    pub(crate) slots_two: Vec<u32>,
    pub(crate) slots_one: Vec<u32>,
    /// Columns left of the diagonal with unknowns, ascending: `lower_start[i]..lower_start[i + 1]`.
    pub(crate) lower_start: Vec<u32>,
    pub(crate) lower: Vec<u32>,
    /// Columns right of the diagonal with unknowns: first those with two, up to `upper_two[i]`, then those with one.
    pub(crate) upper_start: Vec<u32>,
    pub(crate) upper_two: Vec<u32>,
    pub(crate) upper: Vec<u32>,
    /// Offset of row i in the values of U.
    pub(crate) value_start: Vec<u32>,
    /// Offset of the diagonal block in the scratch of row i, and the length of the scratch.
    pub(crate) diagonal_at: Vec<u32>,
    pub(crate) row_len: Vec<u32>,
    /// For every lower entry (i, j), in order: offsets in the scratch of row i of the columns of U's row j, in their order.
    pub(crate) targets: Vec<u16>,
}

impl Schedule {
    /// Two unknowns in every row.
    pub(crate) fn uniform(plan: &Plan) -> Self {
        Self::compile(plan, &vec![2; plan.node_count()])
    }

    /// The unknowns of the network as its file has it.
    pub(crate) fn of_base(plan: &Plan) -> Self {
        Self::compile(plan, &plan.unknowns)
    }

    fn compile(plan: &Plan, unknowns: &[u8]) -> Self {
        let n = plan.node_count();
        let mut schedule = Schedule {
            unknowns: unknowns.to_vec(),
            slot_at: vec![0; plan.column.len()],
            lower_start: vec![0],
            upper_start: vec![0],
            value_start: vec![0],
            ..Schedule::default()
        };
        let size = |i: u32| usize::from(unknowns[i as usize]);
        // The plan orders columns by the unknowns of the base, whatever this schedule's are: so sums are the same.
        let class = |i: &u32| std::cmp::Reverse(plan.unknowns[*i as usize]);
        let mut offset_of = vec![0usize; n];
        for i in 0..n {
            let own = usize::from(unknowns[i]);
            let mut at = 0;
            let left = &plan.lower[plan.lower_start[i] as usize..plan.lower_start[i + 1] as usize];
            let mut right =
                plan.upper[plan.upper_start[i] as usize..plan.upper_start[i + 1] as usize].to_vec();
            right.sort_by_key(class);
            if own > 0 {
                for j in left.iter().filter(|j| size(**j) > 0) {
                    schedule.lower.push(*j);
                    offset_of[*j as usize] = at;
                    at += own * size(*j);
                }
            }
            schedule.diagonal_at.push(at as u32);
            offset_of[i] = at;
            at += own * own;
            let values = at;
            let mut two = schedule.upper.len();
            for k in right.iter().filter(|k| own > 0 && size(**k) > 0) {
                offset_of[*k as usize] = at;
                at += own * size(*k);
                schedule.upper.push(*k);
                if size(*k) == 2 {
                    two = schedule.upper.len();
                }
            }
            schedule.upper_two.push(two as u32);
            schedule.upper_start.push(schedule.upper.len() as u32);
            schedule.value_start.push(schedule.value_start[i] + (at - values) as u32);
            schedule.lower_start.push(schedule.lower.len() as u32);
            schedule.row_len.push(at as u32);
            assert!(at <= SCRATCH, "no grid has a bus that elimination couples with {} others", at / 4);

            let slots = plan.row_start[i] as usize..plan.row_start[i + 1] as usize;
            let (mut two, mut one) = (slots.start, slots.start);
            for slot in slots {
                let column = plan.column[slot];
                if own > 0 && size(column) > 0 {
                    schedule.slot_at[slot] = offset_of[column as usize] as u16;
                    one = slot + 1;
                    if size(column) == 2 {
                        two = slot + 1;
                    }
                }
            }
            schedule.slots_two.push(two as u32);
            schedule.slots_one.push(one.max(two) as u32);

            let (start, end) = (schedule.lower_start[i] as usize, schedule.lower_start[i + 1] as usize);
            for at in start..end {
                let j = schedule.lower[at] as usize;
                let row = schedule.upper_start[j] as usize..schedule.upper_start[j + 1] as usize;
                let targets = schedule.upper[row].iter().map(|k| offset_of[*k as usize] as u16);
                schedule.targets.extend(targets);
            }
        }
        schedule
    }

    /// Numbers that one factorisation stores.
    pub(crate) fn values(&self) -> usize {
        self.value_start.last().map_or(0, |end| *end as usize)
    }
}
