//! What each unit of a network is to the frequency: its inertia, its governor, its place among fast devices.

use powerflow::{Index, Network, UnitIdx};

use crate::frequency::{Governor, RideThrough, UnitKind, UnitModel};

/// What drives a unit, where nothing more is known of it. Inertia constants are the middle of P. Kundur, Power System Stability and Control
/// (1994), table 3.2; governors are the defaults of [`UnitModel`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Technology {
    /// Steam, TGOV1, H = 4 s.
    Steam,
    /// Gas turbine, GGOV1, H = 5 s.
    Gas,
    /// Hydro, transient droop and water column, H = 3 s.
    Hydro,
    /// Synchronous condenser: a rotor without a turbine, H = 1.5 s.
    Condenser,
    /// Inverter that follows the grid: no inertia, constant power.
    Inverter,
    /// Inverter that makes its voltage: emulated inertia, H = 3 s where none is given, and droop.
    GridForming,
}

/// Inertia constant of a synchronous condenser, s: the table has 1 to 2.
const CONDENSER_INERTIA_S: f64 = 1.5;
/// Emulated inertia of an inverter that makes its voltage, s: no more than what a hydro unit has, since nothing sets it but a contract.
const EMULATED_INERTIA_S: f64 = 3.0;
/// Least rating that a unit is taken to have, pu: a rotor cannot weigh nothing.
const RATING_MIN_PU: f64 = 1e-3;

impl Technology {
    /// Every technology by its name in suites.
    pub const LIST: [(&str, Technology); 6] = [
        ("steam", Technology::Steam),
        ("gas", Technology::Gas),
        ("hydro", Technology::Hydro),
        ("condenser", Technology::Condenser),
        ("inverter", Technology::Inverter),
        ("grid_forming", Technology::GridForming),
    ];

    /// Its name in suites.
    pub fn id(self) -> &'static str {
        Self::LIST.iter().find(|(_, technology)| *technology == self).map_or("", |(id, _)| id)
    }

    /// A unit of it with this rating, at no power.
    fn model(self, rating_pu: f64) -> UnitModel {
        match self {
            Technology::Steam => UnitModel::steam(rating_pu, 0.0),
            Technology::Gas => UnitModel::gas(rating_pu, 0.0),
            Technology::Hydro => UnitModel::hydro(rating_pu, 0.0),
            Technology::Condenser => UnitModel {
                inertia_s: CONDENSER_INERTIA_S,
                governor: Governor::Fixed,
                ..UnitModel::steam(rating_pu, 0.0)
            },
            Technology::Inverter => UnitModel::inverter(rating_pu, 0.0),
            Technology::GridForming => UnitModel::grid_forming(rating_pu, 0.0, EMULATED_INERTIA_S),
        }
    }
}

/// What a suite says of a unit; the rest is its technology's.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WrittenUnit {
    /// What drives it.
    pub technology: Option<Technology>,
    /// Inertia constant H on its rating, s.
    pub inertia_s: Option<f64>,
    /// Rating, MVA.
    pub rating_mva: Option<f64>,
    /// Its governor.
    pub governor: Option<Governor>,
    /// Dead zone, Hz to each side.
    pub deadband_hz: Option<f64>,
    /// Share of the unit that its governor moves.
    pub governed_share: Option<f64>,
    /// How it answers fast, where it does.
    pub fast: Option<Fast>,
}

/// A unit that changes its power within a second: a battery, a wind park with a reserve, a load that may be interrupted. It has no inertia, and
/// the balance of the power flow leaves it where its set-point is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fast {
    /// Fastest change of its power, MW/s; infinite is a step.
    pub ramp_mw_per_s: f64,
    /// Energy that it has above its schedule, MWh; `None` is without limit.
    pub energy_mwh: Option<f64>,
    /// The frequency at which it fires by itself, Hz; `None` waits for commands.
    pub trigger_hz: Option<f64>,
    /// From the trigger until its power changes, s.
    pub delay_s: f64,
    /// Power that it then adds, MW.
    pub power_mw: f64,
}

/// A unit of a network as the frequency sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct UnitData {
    /// The unit at no power; its limits are the network's.
    pub model: UnitModel,
    /// How it answers fast, where it does; it is then no machine.
    pub fast: Option<Fast>,
    /// What drives it.
    pub technology: Technology,
}

impl UnitData {
    /// A unit of a network with what a suite says of it, or of all of which it says nothing.
    ///
    /// A rating that nobody gave is the largest power that the unit may give or draw, active or reactive: the MVA base of a file is mostly
    /// the system's, so it is not asked. Without active power a unit is a condenser.
    pub fn new(
        network: &Network,
        unit: UnitIdx,
        written: &WrittenUnit,
        ride_through: Option<&RideThrough>,
    ) -> Self {
        let units = &network.units;
        let finite = |value: f64| if value.is_finite() { value.abs() } else { 0.0 };
        let active = finite(units.p_max_pu[unit]).max(finite(units.p_pu[unit]));
        let technology = written.technology.unwrap_or(match written.fast {
            Some(_) => Technology::Inverter,
            None if active > 0.0 => Technology::Steam,
            None => Technology::Condenser,
        });
        let reactive =
            if active > 0.0 { 0.0 } else { finite(units.q_max_pu[unit]).max(finite(units.q_min_pu[unit])) };
        let rating = written.rating_mva.map(|mva| network.base.to_pu(mva));
        let mut model = technology.model(rating.unwrap_or_else(|| active.max(reactive).max(RATING_MIN_PU)));
        model.inertia_s = written.inertia_s.unwrap_or(model.inertia_s);
        model.governor = written.governor.unwrap_or(model.governor);
        model.deadband_hz = written.deadband_hz.unwrap_or(model.deadband_hz);
        model.governed_share = written.governed_share.unwrap_or(model.governed_share);
        model.ride_through = ride_through.cloned();
        let (low, high) = (units.p_min_pu[unit], units.p_max_pu[unit]);
        model.power_min_pu = if low.is_finite() { low } else { -model.rating_pu };
        model.power_max_pu = if high.is_finite() { high } else { model.rating_pu.max(units.p_pu[unit]) };
        UnitData { model, fast: written.fast, technology }
    }

    /// The unit at this power, pu. A schedule outside the unit's own range is the file's, and one that its governor could not hold is held by
    /// nobody: it then stays as it is.
    pub fn at(&self, power_pu: f64, nominal_hz: f64) -> UnitModel {
        let mut model = self.model.clone();
        model.power_pu = power_pu;
        model.power_min_pu = model.power_min_pu.min(power_pu);
        model.power_max_pu = model.power_max_pu.max(power_pu);
        if model.governor != Governor::Fixed && !model.wrong(nominal_hz).is_empty() {
            model.governor = Governor::Fixed;
        }
        model
    }

    /// What is wrong with what a suite says of the unit, in words.
    pub fn wrong(&self, network: &Network, unit: UnitIdx) -> Vec<String> {
        let mut model = self.model.clone();
        model.power_pu = network.units.p_pu[unit];
        model.power_min_pu = model.power_min_pu.min(model.power_pu);
        model.power_max_pu = model.power_max_pu.max(model.power_pu);
        let mut wrong = model.wrong(network.frequency_hz);
        if self.fast.is_some() && model.kind != UnitKind::GridFollowing {
            wrong.push(
                "a fast unit has neither rotor nor governor: leave out its technology, or that it is fast"
                    .into(),
            );
        }
        if let Some(Fast { trigger_hz: Some(hz), .. }) = self.fast
            && !(hz < network.frequency_hz)
        {
            wrong.push(format!("its trigger of {hz} Hz is not below the nominal frequency"));
        }
        wrong
    }
}

/// The data of every unit: `listed` are rows from 0 with what is said of them, `default` is said of all others.
pub fn of_network(
    network: &Network,
    default: &WrittenUnit,
    listed: &[(usize, WrittenUnit)],
    ride_through: Option<&RideThrough>,
) -> Vec<UnitData> {
    let written =
        |row: usize| listed.iter().find(|(of, _)| *of == row).map_or(default, |(_, written)| written);
    let indices = network.units.bus.indices();
    indices.map(|unit| UnitData::new(network, unit, written(unit.row()), ride_through)).collect()
}
