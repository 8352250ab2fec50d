//! What a candidate may see: every tensor is `[batch, n]`, f64, in file order of the case.

use powerflow::{BusStatus, Index, Network};
use scenarios::Moment;

use crate::grid::Grid;

/// A row-major table of numbers: one row per rollout of the batch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tensor {
    /// Number of rows (batch).
    pub rows: usize,
    /// Number of columns (elements).
    pub cols: usize,
    /// `rows * cols` values, row by row.
    pub data: Vec<f64>,
}

impl Tensor {
    /// A tensor of zeros.
    pub fn zeros(rows: usize, cols: usize) -> Self {
        Self { rows, cols, data: vec![0.0; rows * cols] }
    }

    /// One row.
    pub fn row(&self, row: usize) -> &[f64] {
        &self.data[row * self.cols..(row + 1) * self.cols]
    }

    /// One row, mutable.
    pub fn row_mut(&mut self, row: usize) -> &mut [f64] {
        &mut self.data[row * self.cols..(row + 1) * self.cols]
    }
}

/// What the columns of a tensor stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    /// One column.
    Scalar,
    /// One column per bus.
    Bus,
    /// One column per generating unit.
    Unit,
    /// One column per branch.
    Branch,
    /// One column per shunt element.
    Shunt,
}

macro_rules! quantities {
    ($(#[$doc:meta])* $name:ident { $($(#[$item_doc:meta])* $item:ident = $id:literal, $axis:ident, $unit:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$item_doc])* $item),+ }

        impl $name {
            /// Every quantity, in the order of the contract.
            pub const LIST: &'static [$name] = &[$($name::$item),+];

            /// Its canonical name.
            pub fn id(self) -> &'static str {
                match self { $($name::$item => $id),+ }
            }

            /// What its columns stand for.
            pub fn axis(self) -> Axis {
                match self { $($name::$item => Axis::$axis),+ }
            }

            /// Its canonical unit.
            pub fn unit(self) -> &'static str {
                match self { $($name::$item => $unit),+ }
            }

            /// The quantity of that canonical name.
            pub fn from_id(id: &str) -> Option<Self> {
                Self::LIST.iter().copied().find(|q| q.id() == id)
            }
        }
    };
}
pub(crate) use quantities;

quantities! {
    /// Everything that can be observed.
    Observed {
        /// Simulated time since the episode began.
        TimeS = "obs.time_s", Scalar, "s";
        /// Voltage magnitude; 0 where the bus is not energised (see `obs.bus.energised`).
        BusVm = "obs.bus.vm", Bus, "pu";
        /// Voltage angle; 0 where the bus is not energised.
        BusVa = "obs.bus.va", Bus, "deg";
        /// Active demand that wants to be served.
        BusPd = "obs.bus.pd", Bus, "MW";
        /// Reactive demand that wants to be served.
        BusQd = "obs.bus.qd", Bus, "Mvar";
        /// 1 where the bus has a voltage.
        BusEnergised = "obs.bus.energised", Bus, "1";
        /// Active power of each unit.
        UnitP = "obs.gen.p", Unit, "MW";
        /// Reactive power of each unit.
        UnitQ = "obs.gen.q", Unit, "Mvar";
        /// Voltage set-point.
        UnitVSet = "obs.gen.v_set", Unit, "pu";
        /// Scheduled active power.
        UnitPSet = "obs.gen.p_set", Unit, "MW";
        /// 1 where the unit runs.
        UnitStatus = "obs.gen.status", Unit, "1";
        /// Lowest active power; -1e6 where the file leaves it open.
        UnitPMin = "obs.gen.p_min", Unit, "MW";
        /// Highest active power that it can deliver now; 1e6 where the file leaves it open.
        UnitPMax = "obs.gen.p_max", Unit, "MW";
        /// Active power into the branch at its from end.
        BranchPFrom = "obs.branch.p_from", Branch, "MW";
        /// Reactive power into the branch at its from end.
        BranchQFrom = "obs.branch.q_from", Branch, "Mvar";
        /// Apparent power as a share of the rating; 0 where there is no rating or the branch is out.
        BranchLoading = "obs.branch.loading", Branch, "1";
        /// Rating as it is now; 0 where there is none.
        BranchRating = "obs.branch.rating", Branch, "MVA";
        /// 1 where the branch is connected.
        BranchStatus = "obs.branch.status", Branch, "1";
        /// Turns ratio.
        BranchTap = "obs.branch.tap", Branch, "1";
        /// Step of each shunt; 0 is out.
        ShuntStep = "obs.shunt.step", Shunt, "1";
        /// Frequency that each bus measures over its window; nominal where the suite's frequency does not move, 0 where the bus is not energised.
        Frequency = "obs.frequency_hz", Bus, "Hz";
        /// Slope of that frequency over its window; 0 where the frequency does not move.
        Rocof = "obs.rocof_hz_per_s", Bus, "Hz/s";
        /// Age of what is seen.
        Age = "obs.age_s", Scalar, "s";
    }
}

/// A range that the file leaves open, as a number that a model can swallow.
fn finite(value: f64) -> f64 {
    const OPEN: f64 = 1e6;
    value.clamp(-OPEN, OPEN)
}

/// What a batch of rollouts shows at one moment.
#[derive(Clone, Debug, Default)]
pub struct Observations {
    /// Number of rows: the rollouts of the cohort, finished ones included as padding.
    pub rows: usize,
    /// Which rows are decided for: rollouts that go on and whose candidate is not busy. The others hold their last values, and whatever is
    /// decided for them is ignored.
    pub alive: Vec<bool>,
    /// One tensor per quantity, in the order of [`Observed::LIST`].
    pub tensors: Vec<Tensor>,
}

impl Observations {
    /// Room for `rows` rollouts of a network, nothing alive.
    pub fn zeros(network: &Network, rows: usize) -> Self {
        let cols = |axis: Axis| match axis {
            Axis::Scalar => 1,
            Axis::Bus => network.buses.id.len(),
            Axis::Unit => network.units.bus.len(),
            Axis::Branch => network.branches.from.len(),
            Axis::Shunt => network.shunts.bus.len(),
        };
        Observations {
            rows,
            alive: vec![false; rows],
            tensors: Observed::LIST.iter().map(|q| Tensor::zeros(rows, cols(q.axis()))).collect(),
        }
    }

    /// What a grid shows at a moment, as far as somebody looks at it: the truth, which is what `observe = "truth"` promises.
    pub fn fill(&mut self, row: usize, grid: &Grid, now: Moment, looks_at: &[Observed]) {
        for quantity in looks_at {
            let cells = self.tensors[*quantity as usize].row_mut(row);
            let put = |value: &dyn Fn(usize) -> f64| {
                cells.iter_mut().enumerate().for_each(|(i, cell)| *cell = value(i));
            };
            show(*quantity, grid, now, put);
        }
    }

    /// The tensor of a quantity.
    pub fn of(&self, quantity: Observed) -> &Tensor {
        &self.tensors[quantity as usize]
    }
}

/// Hands over what a grid shows of a quantity: a number for each of its columns.
fn show(quantity: Observed, grid: &Grid, now: Moment, put: impl FnOnce(&dyn Fn(usize) -> f64)) {
    let network = grid.network();
    let (base, state, solution, flows) = (network.base, grid.state(), grid.solution(), grid.flows());
    let flag = |yes: bool| f64::from(u8::from(yes));
    let bus = |i: usize| powerflow::BusIdx::from_row(i);
    let unit = |i: usize| powerflow::UnitIdx::from_row(i);
    let branch = |i: usize| powerflow::BranchIdx::from_row(i);
    let shunt = |i: usize| powerflow::ShuntIdx::from_row(i);
    let live = |i: usize| solution.is_some_and(|s| s.status[bus(i)] == BusStatus::Live);
    let living = grid.frequency();
    // Without a power flow nothing flows.
    let flow = |pu: &dyn Fn() -> f64| if solution.is_some() { base.from_pu(pu()) } else { 0.0 };
    match quantity {
        Observed::TimeS => put(&|_| now.seconds()),
        Observed::BusVm => put(&|i| solution.and_then(|s| s.vm_pu(bus(i))).unwrap_or(0.0)),
        Observed::BusVa => put(&|i| solution.and_then(|s| s.va_rad(bus(i))).map_or(0.0, f64::to_degrees)),
        Observed::BusPd => put(&|i| base.from_pu(grid.wanted_p_pu(bus(i)))),
        Observed::BusQd => put(&|i| base.from_pu(grid.wanted_q_pu(bus(i)))),
        Observed::BusEnergised => put(&|i| flag(live(i))),
        Observed::UnitP => put(&|i| solution.map_or(0.0, |s| base.from_pu(s.unit_p_pu[unit(i)]))),
        Observed::UnitQ => put(&|i| solution.map_or(0.0, |s| base.from_pu(s.unit_q_pu[unit(i)]))),
        Observed::UnitVSet => put(&|i| state.unit_v_set_pu[unit(i)]),
        Observed::UnitPSet => put(&|i| base.from_pu(state.unit_p_pu[unit(i)])),
        Observed::UnitStatus => put(&|i| flag(state.unit_on[unit(i)])),
        Observed::UnitPMin => put(&|i| finite(base.from_pu(network.units.p_min_pu[unit(i)]))),
        Observed::UnitPMax => put(&|i| finite(base.from_pu(grid.p_max_pu(unit(i))))),
        Observed::BranchPFrom => put(&|i| flow(&|| flows.p_from_pu[branch(i)])),
        Observed::BranchQFrom => put(&|i| flow(&|| flows.q_from_pu[branch(i)])),
        Observed::BranchLoading => put(&|i| match grid.rating_pu(branch(i)) {
            Some(rating) if solution.is_some() => flows.apparent_pu(branch(i)) / rating,
            _ => 0.0,
        }),
        Observed::BranchRating => {
            put(&|i| grid.rating_pu(branch(i)).map_or(0.0, |rating| base.from_pu(rating)));
        }
        Observed::BranchStatus => put(&|i| flag(state.branch_on[branch(i)])),
        Observed::BranchTap => put(&|i| state.tap_ratio[branch(i)]),
        Observed::ShuntStep => put(&|i| f64::from(state.shunt_step[shunt(i)])),
        Observed::Frequency => put(&|i| match living {
            Some(living) if live(i) => living.measured_hz(bus(i), now).unwrap_or(0.0),
            None if live(i) => network.frequency_hz,
            _ => 0.0,
        }),
        Observed::Rocof => put(&|i| {
            let measured =
                living.filter(|_| live(i)).and_then(|living| living.measured_rocof_hz_per_s(bus(i)));
            measured.unwrap_or(0.0)
        }),
        Observed::Age => put(&|_| 0.0),
    }
}
