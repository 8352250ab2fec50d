//! A small linear problem: move as little as possible so that no quantity is beyond its limit.

use powerflow::UnitIdx;

/// Moves below this are none, pu.
pub(super) const MOVE_MIN: f64 = 1e-5;
/// A violation weighs this many times as much as a move of the same size.
pub(super) const VIOLATION_COST: f64 = 1e3;
/// Moves of the greedy operator at most: a control room sends that many orders.
const ORDERS_MAX: usize = 40;

/// One monitored quantity: `sum effect x move <= room`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Limit {
    /// What a pu of each move adds, in the order of the moves.
    pub(super) effect: Vec<f64>,
    /// What may be added, pu; below zero it is violated now.
    pub(super) room: f64,
}

/// The problem.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Correction {
    /// What moves.
    pub(super) units: Vec<UnitIdx>,
    /// How far down (at most zero) and up (at least zero) each can go, pu.
    pub(super) reach: Vec<(f64, f64)>,
    /// What is watched.
    pub(super) limits: Vec<Limit>,
    /// Whether all moves together are zero.
    pub(super) balanced: bool,
    /// What one pu of a move is in the unit of the request.
    pub(super) unit_of_moves: f64,
}

impl Correction {
    /// All violations together, pu.
    pub(super) fn violation(&self, moves: &[f64]) -> f64 {
        self.limits.iter().map(|limit| (-limit.left(moves)).max(0.0)).sum()
    }

    /// Orders one after the other: whatever helps the worst violation most, as far as it is needed and possible. One that makes the
    /// sum of violations no smaller is not given, and the next worst is looked at.
    pub(super) fn greedy(&self) -> Vec<f64> {
        let mut moves = vec![0.0; self.units.len()];
        let mut left_alone = vec![false; self.limits.len()];
        for _ in 0..ORDERS_MAX {
            let worst = (0..self.limits.len())
                .filter(|at| !left_alone[*at])
                .map(|at| (self.limits[at].left(&moves), at))
                .filter(|(left, _)| *left < 0.0)
                .min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            let Some((left, at)) = worst else { break };
            let before = self.violation(&moves);
            let order = self.order(&self.limits[at], &moves, -left);
            let better = order.filter(|order| self.violation(order) < before - MOVE_MIN * 1e-3);
            match better {
                Some(order) => moves = order,
                None => left_alone[at] = true,
            }
        }
        moves
    }

    /// The moves after the one order that lowers a limit's quantity by up to `needed` with the least movement.
    fn order(&self, limit: &Limit, moves: &[f64], needed: f64) -> Option<Vec<f64>> {
        // How far each can still go, down and up.
        let room = |at: usize| (moves[at] - self.reach[at].0, self.reach[at].1 - moves[at]);
        let all = 0..self.units.len();
        let mut after = moves.to_vec();
        if self.balanced {
            let up = all.clone().filter(|at| room(*at).1 > MOVE_MIN);
            let up = up.min_by(|a, b| limit.effect[*a].total_cmp(&limit.effect[*b]).then(a.cmp(b)))?;
            let down = all.filter(|at| room(*at).0 > MOVE_MIN);
            let down = down.max_by(|a, b| limit.effect[*a].total_cmp(&limit.effect[*b]).then(b.cmp(a)))?;
            let gain = limit.effect[down] - limit.effect[up];
            if up == down || !(gain > 1e-9) {
                return None;
            }
            let by = (needed / gain).min(room(up).1).min(room(down).0);
            after[up] += by;
            after[down] -= by;
        } else {
            let useful = |at: &usize| {
                let (down, up) = room(*at);
                limit.effect[*at].abs() > 1e-9
                    && if limit.effect[*at] < 0.0 { up > MOVE_MIN } else { down > MOVE_MIN }
            };
            let best = all.filter(useful);
            let size = |at: usize| limit.effect[at].abs();
            let best = best.max_by(|a, b| size(*a).total_cmp(&size(*b)).then(b.cmp(a)))?;
            let (down, up) = room(best);
            let by = needed / size(best);
            after[best] += if limit.effect[best] < 0.0 { by.min(up) } else { -by.min(down) };
        }
        Some(after)
    }
}

impl Limit {
    /// What may still be added after some moves, pu.
    fn left(&self, moves: &[f64]) -> f64 {
        self.room - self.effect.iter().zip(moves).map(|(effect, by)| effect * by).sum::<f64>()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use powerflow::Index;

    /// A branch 0.3 pu too full, of which unit 0 feeds 0.8 of a pu and unit 1 0.2, and a second one that unit 1 must not fill.
    pub(in super::super) fn pair(second_room: f64) -> Correction {
        Correction {
            units: (0..2).map(UnitIdx::from_row).collect(),
            reach: vec![(-1.0, 1.0), (-1.0, 1.0)],
            limits: vec![
                Limit { effect: vec![0.8, 0.2], room: -0.3 },
                Limit { effect: vec![0.0, 1.0], room: second_room },
            ],
            balanced: true,
            unit_of_moves: 100.0,
        }
    }

    #[test]
    fn the_pair_with_the_largest_effect_moves_as_far_as_it_must() {
        // 0.3 / (0.8 - 0.2).
        let moves = pair(1.0).greedy();
        assert!((moves[0] + 0.5).abs() < 1e-12 && (moves[1] - 0.5).abs() < 1e-12, "{moves:?}");
    }

    #[test]
    fn an_order_that_only_moves_the_trouble_is_not_given() {
        assert_eq!(pair(0.0).greedy(), [0.0, 0.0]);
    }

    #[test]
    fn one_unit_alone_moves_where_nothing_must_balance() {
        let alone = Correction { balanced: false, ..pair(0.0) };
        let moves = alone.greedy();
        assert!((moves[0] + 0.375).abs() < 1e-12 && moves[1] == 0.0, "{moves:?}");
        assert!(alone.violation(&moves) < 1e-12);
    }
}
