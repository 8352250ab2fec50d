//! What a power flow answers: a [`Solution`], or a [`Divergence`] that says why not.

use serde::Serialize;

use crate::index::{BranchIdx, BusId, BusIdx, Column, Index, NodeIdx, UnitIdx};
use crate::network::Network;
use crate::network::admittance::TwoPort;
use crate::plan::Plan;
use crate::problem::Problem;
use crate::state::State;

/// Whether a bus has a voltage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum BusStatus {
    /// Energised and solved.
    Live,
    /// Its island has no source.
    Dead,
    /// Out of service in the file (type 4).
    Isolated,
}

/// Which start or method answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rung {
    /// Newton from the start that was asked for.
    Newton,
    /// Newton from set-point magnitudes and zero angles.
    FlatStart,
    /// Newton from the angles of the linear power flow.
    DcStart,
    /// Newton with shortened steps.
    Damped,
    /// Newton from the solution without reactive limits, which were then imposed again a few buses at a time.
    LimitsRelaxed,
    /// Newton with a pivoted factorisation.
    Pivoted,
    /// Newton from the solutions at a rising share of the load.
    Continuation,
}

impl Rung {
    /// Its name in documents.
    pub fn id(self) -> &'static str {
        match self {
            Rung::Newton => "newton",
            Rung::FlatStart => "flat_start",
            Rung::DcStart => "dc_start",
            Rung::Damped => "damped",
            Rung::LimitsRelaxed => "limits_relaxed",
            Rung::Pivoted => "pivoted",
            Rung::Continuation => "continuation",
        }
    }
}

/// A complex number, rectangular.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Complex {
    /// Real part.
    pub re: f64,
    /// Imaginary part.
    pub im: f64,
}

impl Complex {
    /// Magnitude.
    pub fn abs(self) -> f64 {
        (self.re * self.re + self.im * self.im).sqrt()
    }

    /// Whether it is zero.
    pub(crate) fn is_zero(self) -> bool {
        self.re == 0.0 && self.im == 0.0
    }
}

/// A bus whose units reached a reactive limit and stopped holding its voltage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum LimitSide {
    /// At the sum of its units' lower limits; the voltage is above the set-point.
    Low,
    /// At the sum of its units' upper limits; the voltage is below the set-point.
    High,
}

/// One energised island of a solution.
#[derive(Clone, Debug, PartialEq)]
pub struct Island {
    /// The bus whose angle is held.
    pub reference: BusIdx,
    /// Active power that no unit could provide (positive) or take back (negative), pu. The numbers of the solution
    /// need it to come from somewhere (the reference bus), so a state with an unmet balance is no state a grid can hold.
    pub unmet_pu: f64,
}

/// A solved power flow.
#[derive(Clone, Debug)]
pub struct Solution {
    /// Complex voltage of each node, pu; zero and meaningless where the bus is not live: read it through [`Self::voltage`].
    pub(crate) voltage: Column<NodeIdx, Complex>,
    /// Which buses are energised.
    pub status: Column<BusIdx, BusStatus>,
    /// Active power of each unit, pu, zero where it is off: the schedule plus its share of the imbalance.
    pub unit_p_pu: Column<UnitIdx, f64>,
    /// Reactive power of each unit, pu, zero where it is off.
    pub unit_q_pu: Column<UnitIdx, f64>,
    /// Energised islands, by their first bus.
    pub islands: Vec<Island>,
    /// Buses whose units are at a reactive limit, in file order.
    pub at_limit: Vec<(BusIdx, LimitSide)>,
    /// Buses that turned between limit and set-point too often and were left at their limit, in file order.
    pub unsettled: Vec<BusIdx>,
    /// Buses that are dead because their island has no solution, in file order.
    pub unsolved: Vec<BusIdx>,
    /// Newton iterations, over all passes and rungs.
    pub iterations: u32,
    /// Largest power that does not balance at a live bus, pu, recomputed from the case.
    pub mismatch_pu: f64,
    /// Who answered.
    pub rung: Rung,
    /// Whether the tolerance is below what double precision can reach in this network: rounding alone explains
    /// `mismatch_pu`, and it is above the tolerance.
    pub stagnated: bool,
}

impl Solution {
    /// Complex voltage of a bus (of its first busbar), pu; `None` where it is not energised.
    pub fn voltage(&self, bus: BusIdx) -> Option<Complex> {
        (self.status[bus] == BusStatus::Live).then(|| self.voltage[NodeIdx::from_row(bus.row())])
    }

    /// Whether a node (a bus, or one busbar of a split bus) is energised.
    pub fn is_live(&self, node: NodeIdx) -> bool {
        self.voltage.get(node).is_some_and(|v| !v.is_zero())
    }

    /// Voltage angle of a bus, rad in (-pi, pi]; `None` where it is not energised.
    pub fn va_rad(&self, bus: BusIdx) -> Option<f64> {
        self.voltage(bus).map(|v| libm::atan2(v.im, v.re))
    }

    /// Voltage magnitude of a bus, pu; `None` where it is not energised.
    pub fn vm_pu(&self, bus: BusIdx) -> Option<f64> {
        self.voltage(bus).map(Complex::abs)
    }

    /// Active power that no unit could provide or take back, pu: the sum of magnitudes over islands.
    pub fn unmet_pu(&self) -> f64 {
        self.islands.iter().map(|i| i.unmet_pu.abs()).sum()
    }
}

/// Power flowing into each branch at both ends, pu; zero where it is out of service or dead.
#[derive(Clone, Debug, Default)]
pub struct Flows {
    /// Active power into the branch at its from end.
    pub p_from_pu: Column<BranchIdx, f64>,
    /// Reactive power into the branch at its from end.
    pub q_from_pu: Column<BranchIdx, f64>,
    /// Active power into the branch at its to end.
    pub p_to_pu: Column<BranchIdx, f64>,
    /// Reactive power into the branch at its to end.
    pub q_to_pu: Column<BranchIdx, f64>,
}

impl Flows {
    /// Flows at the voltages of a solution, from branch two-ports.
    pub(crate) fn of(network: &Network, plan: &Plan, state: &State, solution: &Solution) -> Self {
        let n = network.branches.from.len();
        let mut flows = Flows {
            p_from_pu: Column::filled(0.0, n),
            q_from_pu: Column::filled(0.0, n),
            p_to_pu: Column::filled(0.0, n),
            q_to_pu: Column::filled(0.0, n),
        };
        for (branch, from) in plan.nodes.branch_from.iter() {
            if !Problem::branch_live(network, state, branch)
                || !solution.is_live(*from)
                || !solution.is_live(plan.nodes.branch_to[branch])
            {
                continue;
            }
            let (vf, vt) = (solution.voltage[*from], solution.voltage[plan.nodes.branch_to[branch]]);
            let ratio = state.tap_ratio[branch];
            // The plan has the two-ports of what is in service in the file, as the file has them.
            let as_planned =
                network.branches.in_service[branch] && ratio == network.branches.tap_ratio[branch];
            let y =
                if as_planned { plan.base[branch] } else { TwoPort::of(&network.branches, branch, ratio) };
            let into_from = current(y.from_from, vf, y.from_to, vt);
            let into_to = current(y.to_from, vf, y.to_to, vt);
            flows.p_from_pu[branch] = vf.re * into_from.re + vf.im * into_from.im;
            flows.q_from_pu[branch] = vf.im * into_from.re - vf.re * into_from.im;
            flows.p_to_pu[branch] = vt.re * into_to.re + vt.im * into_to.im;
            flows.q_to_pu[branch] = vt.im * into_to.re - vt.re * into_to.im;
        }
        flows
    }

    /// Apparent power at the more loaded end, pu.
    pub fn apparent_pu(&self, branch: BranchIdx) -> f64 {
        let square = |p: f64, q: f64| p * p + q * q;
        let from = square(self.p_from_pu[branch], self.q_from_pu[branch]);
        from.max(square(self.p_to_pu[branch], self.q_to_pu[branch])).sqrt()
    }

    /// Active losses, pu: what flows in and does not come out.
    pub fn losses_pu(&self) -> f64 {
        let sum = |column: &Column<BranchIdx, f64>| column.as_slice().iter().sum::<f64>();
        sum(&self.p_from_pu) + sum(&self.p_to_pu)
    }
}

/// `a v + b w`.
fn current(a: Complex, v: Complex, b: Complex, w: Complex) -> Complex {
    Complex {
        re: a.re * v.re - a.im * v.im + b.re * w.re - b.im * w.im,
        im: a.re * v.im + a.im * v.re + b.re * w.im + b.im * w.re,
    }
}

/// Why there is no solution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DivergenceReason {
    /// The iteration limit was reached while the mismatch did not settle.
    IterationLimit,
    /// A voltage or a mismatch stopped being a number, or collapsed to zero.
    NotFinite,
    /// No bus has a source: there is nothing to solve.
    NoSource,
    /// Newton found voltages near zero: another root of the equations, at which no grid operates.
    LowVoltage,
    /// Newton stopped, but Kirchhoff's law recomputed from the case does not hold at its voltages.
    FailedAudit,
    /// Rounding alone leaves a larger mismatch than can be told from a wrong answer: an impedance next to the worst bus is
    /// too small for double precision.
    RoundOff,
}

/// What a piece of evidence speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum EvidenceKind {
    /// There is no solution: no grid can be operated there.
    NoSolution,
    /// The solver gave up: there may be a solution.
    GaveUp,
    /// The data is odd: look there before believing either.
    OddData,
}

/// One finding about a power flow without an answer. It speaks for its kind and does not prove it, except where its
/// message says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Evidence {
    /// What it speaks for.
    pub kind: EvidenceKind,
    /// What was found, naming elements as the file does.
    pub message: String,
}

/// A power flow without an answer. That is a result: it says which bus is worst, by how much, and how the attempts went.
#[derive(Clone, Debug, PartialEq)]
pub struct Divergence {
    /// What stopped the last attempt.
    pub reason: DivergenceReason,
    /// The bus with the largest mismatch at the best point of all attempts, by its number in the file.
    pub worst_bus: BusId,
    /// Its active mismatch, MW: scheduled minus computed.
    pub mismatch_mw: f64,
    /// Its reactive mismatch, Mvar.
    pub mismatch_mvar: f64,
    /// Iterations of all attempts.
    pub iterations: u32,
    /// Largest mismatch of a bus after each iteration of the first attempt, pu.
    pub trend_pu: Vec<f64>,
    /// Attempts that were made, in order.
    pub tried: Vec<Rung>,
    /// The largest share of demand and schedules, both scaled alike, that has a solution, by continuation from below;
    /// `None` where that was not tried, or not even a small share has one.
    pub largest_solvable_share: Option<f64>,
    /// What speaks for which explanation, strongest kind first.
    pub evidence: Vec<Evidence>,
}

impl std::fmt::Display for Divergence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let why = match self.reason {
            DivergenceReason::IterationLimit => "the mismatch did not settle",
            DivergenceReason::NotFinite => "the voltages ran away",
            DivergenceReason::NoSource => "no bus has a source",
            DivergenceReason::LowVoltage => "only a collapsed root of the equations was found",
            DivergenceReason::FailedAudit => "Kirchhoff's law does not hold at the voltages that were found",
            DivergenceReason::RoundOff => "rounding leaves more mismatch than an answer may have",
        };
        write!(
            f,
            "no solution found: {why}; worst is bus {}, {:.3} MW and {:.3} Mvar out of balance after {} iterations",
            self.worst_bus, self.mismatch_mw, self.mismatch_mvar, self.iterations
        )?;
        match self.largest_solvable_share {
            Some(share) => write!(f, "; {:.1} % of demand and schedules have a solution", 100.0 * share),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Divergence {}
