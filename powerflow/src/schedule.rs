//! The elimination of a plan, compiled for what is unknown in each row.
//!
//! A row has two unknowns (angle and magnitude), one (angle: the magnitude is held) or none (a reference, or dead).
//! [`Schedule::uniform`] gives every row two and leaves it to masks which equations hold: any state of the topology can be
//! solved with it. [`Schedule::of_base`] has blocks of 2x2, 2x1, 1x2 and 1x1 and no masks: less to compute and to move, and
//! good for all states whose rows are those of the base. Both do the same operations on the same numbers in the same order,
//! except for products with exact zeros, so their results are the same to the bit.
//!
//! What a row needs lies together, in the order in which it is used.

use std::ops::Range;

use crate::plan::Plan;
use crate::solution::Complex;

/// Numbers in the scratch of a row, at most.
pub(crate) const SCRATCH: usize = 1 << 16;

/// A part of one of the schedule's lists.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Part {
    start: u32,
    end: u32,
}

impl Part {
    fn new(range: Range<usize>) -> Self {
        Part { start: range.start as u32, end: range.end as u32 }
    }

    #[inline(always)]
    pub(crate) fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// One row. "Offset" counts numbers (lanes wide), not blocks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Row {
    /// Unknowns.
    pub(crate) unknowns: u8,
    /// Admittance to itself.
    pub(crate) diagonal: Complex,
    /// Its slots with columns of two unknowns, of one, and of none.
    pub(crate) slots_two: Part,
    pub(crate) slots_one: Part,
    pub(crate) slots_none: Part,
    /// Offsets that elimination fills in: they begin at zero.
    pub(crate) filled_in: Part,
    /// Offset of the diagonal block in the scratch, and the length of the scratch.
    pub(crate) diagonal_at: u32,
    pub(crate) len: u32,
    /// Columns left of the diagonal with unknowns, ascending.
    pub(crate) lower: Part,
    /// Targets of all its lower blocks.
    pub(crate) targets: Part,
    /// Columns right of the diagonal with two unknowns, and with one.
    pub(crate) upper_two: Part,
    pub(crate) upper_one: Part,
    /// Values of the row in U.
    pub(crate) values: Part,
}

/// One admittance off the diagonal.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Slot {
    pub(crate) y: Complex,
    pub(crate) column: u32,
    /// Offset of its block in the scratch of its row.
    pub(crate) at: u16,
}

/// One block left of the diagonal, and the row of U that eliminates it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lower {
    pub(crate) row: u32,
    pub(crate) unknowns: u16,
    /// Columns of that row with two unknowns, and with one.
    pub(crate) two: u16,
    pub(crate) one: u16,
    pub(crate) values: Part,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    pub(crate) rows: Vec<Row>,
    /// As in the plan.
    pub(crate) slots: Vec<Slot>,
    pub(crate) lower: Vec<Lower>,
    pub(crate) upper: Vec<u32>,
    pub(crate) filled_in: Vec<u16>,
    /// For every lower block of row i, in order: offsets in the scratch of row i of the columns of the row of U that
    /// eliminates it, in their order.
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
        let mut schedule = Schedule::default();
        schedule.slots.reserve(plan.column.len());
        schedule.lower.reserve(plan.lower.len());
        schedule.upper.reserve(plan.upper.len());
        schedule.targets.reserve(plan.targets.len());
        let size = |i: u32| usize::from(unknowns[i as usize]);
        let mut offset_of = vec![0usize; n];
        let mut assembled = vec![u32::MAX; n];
        let mut values = 0;
        let mut right: Vec<u32> = Vec::new();
        for (i, own_unknowns) in unknowns.iter().enumerate() {
            let own = usize::from(*own_unknowns);
            let left = &plan.lower[plan.lower_start[i] as usize..plan.lower_start[i + 1] as usize];
            right.clear();
            right.extend(&plan.upper[plan.upper_start[i] as usize..plan.upper_start[i + 1] as usize]);
            // The plan orders columns by the unknowns of the base, whatever this schedule's are: so sums are the same.
            right.sort_by_key(|k| std::cmp::Reverse(plan.unknowns[*k as usize]));
            let slots = plan.row_start[i] as usize..plan.row_start[i + 1] as usize;
            for column in &plan.column[slots.clone()] {
                assembled[*column as usize] = i as u32;
            }

            let mut at = 0;
            let filled_from = schedule.filled_in.len();
            let mut place = |column: u32, at: &mut usize, filled_in: &mut Vec<u16>| {
                offset_of[column as usize] = *at;
                let end = *at + own * size(column);
                if assembled[column as usize] != i as u32 && column as usize != i {
                    filled_in.extend((*at..end).map(|offset| offset as u16));
                }
                *at = end;
                assert!(end <= SCRATCH, "no grid has a bus that elimination couples with {} others", end / 4);
            };
            for j in left.iter().filter(|j| own > 0 && size(**j) > 0) {
                place(*j, &mut at, &mut schedule.filled_in);
            }
            let diagonal_at = at;
            place(i as u32, &mut at, &mut schedule.filled_in);
            let values_from = at;
            let upper_from = schedule.upper.len();
            let mut upper_one = upper_from;
            for k in right.iter().filter(|k| own > 0 && size(**k) > 0) {
                place(*k, &mut at, &mut schedule.filled_in);
                schedule.upper.push(*k);
                if size(*k) == 2 {
                    upper_one = schedule.upper.len();
                }
            }

            let (mut one, mut none) = (slots.start, slots.start);
            for slot in slots.clone() {
                let column = plan.column[slot];
                let counts = own > 0 && size(column) > 0;
                schedule.slots.push(Slot {
                    y: plan.off_diagonal[slot],
                    column,
                    at: if counts { offset_of[column as usize] as u16 } else { 0 },
                });
                if counts {
                    none = slot + 1;
                    if size(column) == 2 {
                        one = slot + 1;
                    }
                }
            }

            let (lower_from, targets_from) = (schedule.lower.len(), schedule.targets.len());
            for j in left.iter().filter(|j| own > 0 && size(**j) > 0) {
                let row = &schedule.rows[*j as usize];
                let (two, one) = (row.upper_two, row.upper_one);
                schedule.lower.push(Lower {
                    row: *j,
                    unknowns: row.unknowns.into(),
                    two: two.range().len() as u16,
                    one: one.range().len() as u16,
                    values: row.values,
                });
                let columns = &schedule.upper[two.range().start..one.range().end];
                schedule.targets.extend(columns.iter().map(|k| offset_of[*k as usize] as u16));
            }
            schedule.rows.push(Row {
                unknowns: *own_unknowns,
                diagonal: plan.diagonal[i],
                slots_two: Part::new(slots.start..one),
                slots_one: Part::new(one..none),
                slots_none: Part::new(none..slots.end),
                filled_in: Part::new(filled_from..schedule.filled_in.len()),
                diagonal_at: diagonal_at as u32,
                len: at as u32,
                lower: Part::new(lower_from..schedule.lower.len()),
                targets: Part::new(targets_from..schedule.targets.len()),
                upper_two: Part::new(upper_from..upper_one),
                upper_one: Part::new(upper_one..schedule.upper.len()),
                values: Part::new(values..values + (at - values_from)),
            });
            values += at - values_from;
        }
        schedule
    }

    /// Numbers that one factorisation stores.
    pub(crate) fn values(&self) -> usize {
        self.rows.last().map_or(0, |row| row.values.range().end)
    }
}
