//! What a candidate may see: every tensor is `[batch, n]`, f64, in file order of the case.

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
        /// Lowest active power.
        UnitPMin = "obs.gen.p_min", Unit, "MW";
        /// Highest active power.
        UnitPMax = "obs.gen.p_max", Unit, "MW";
        /// Active power into the branch at its from end.
        BranchPFrom = "obs.branch.p_from", Branch, "MW";
        /// Reactive power into the branch at its from end.
        BranchQFrom = "obs.branch.q_from", Branch, "Mvar";
        /// Apparent power as a share of the rating; 0 where there is no rating or the branch is out.
        BranchLoading = "obs.branch.loading", Branch, "1";
        /// Rating; 0 where there is none.
        BranchRating = "obs.branch.rating", Branch, "MVA";
        /// 1 where the branch is connected.
        BranchStatus = "obs.branch.status", Branch, "1";
        /// Turns ratio.
        BranchTap = "obs.branch.tap", Branch, "1";
        /// Step of each shunt; 0 is out.
        ShuntStep = "obs.shunt.step", Shunt, "1";
        /// Frequency at each bus (nominal: this engine is quasi-static).
        Frequency = "obs.frequency_hz", Bus, "Hz";
        /// Age of what is seen.
        Age = "obs.age_s", Scalar, "s";
    }
}

/// What a batch of rollouts shows at one moment.
#[derive(Clone, Debug, Default)]
pub struct Observations {
    /// Number of rows: the rollouts of the cohort, finished ones included as padding.
    pub rows: usize,
    /// Which rows are alive; the others hold their last values and whatever is decided for them is ignored.
    pub alive: Vec<bool>,
    /// One tensor per quantity, in the order of [`Observed::LIST`].
    pub tensors: Vec<Tensor>,
}

impl Observations {
    /// The tensor of a quantity.
    pub fn of(&self, quantity: Observed) -> &Tensor {
        &self.tensors[quantity as usize]
    }
}
