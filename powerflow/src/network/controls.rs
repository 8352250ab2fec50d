//! Automatic controls of a network, dense and per unit.

use std::collections::HashMap;

use crate::case::Case;
use crate::index::{BranchIdx, BusId, BusIdx, Index, ShuntIdx, UnitIdx};

/// A transformer that keeps a voltage in a band.
#[derive(Clone, Debug, PartialEq)]
pub struct TapControl {
    /// The transformer.
    pub branch: BranchIdx,
    /// The bus whose voltage it keeps.
    pub bus: BusIdx,
    /// Band, pu: lower and upper end.
    pub band_pu: (f64, f64),
    /// Whether a larger ratio raises the voltage.
    pub raises: bool,
    /// Lowest ratio, highest ratio, number of positions.
    pub range: (f64, f64, u32),
}

/// A switched shunt that keeps a voltage in a band.
#[derive(Clone, Debug, PartialEq)]
pub struct ShuntControl {
    /// The shunt.
    pub shunt: ShuntIdx,
    /// The bus whose voltage it keeps.
    pub bus: BusIdx,
    /// Band, pu: lower and upper end.
    pub band_pu: (f64, f64),
}

/// A unit that holds another bus than its own.
#[derive(Clone, Debug, PartialEq)]
pub struct RemoteControl {
    /// The unit.
    pub unit: UnitIdx,
    /// The bus whose voltage its set-point in the file is.
    pub bus: BusIdx,
}

/// An area that holds its exchange.
#[derive(Clone, Debug, PartialEq)]
pub struct AreaControl {
    /// Its number in the file.
    pub number: u64,
    /// Units that balance it: those of its slack bus.
    pub units: Vec<UnitIdx>,
    /// Its slack bus.
    pub slack_bus: BusIdx,
    /// Scheduled export, pu.
    pub export_pu: f64,
    /// How far from it is near enough, pu.
    pub tolerance_pu: f64,
}

/// A part of a bus's demand that follows the voltage.
#[derive(Clone, Debug, PartialEq)]
pub struct DemandPart {
    /// The bus.
    pub bus: BusIdx,
    /// Active power at 1 pu, pu, and the exponent of its voltage.
    pub p: (f64, f64),
    /// Reactive power at 1 pu, pu, and the exponent of its voltage.
    pub q: (f64, f64),
}

/// What controls a network, in file order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Controls {
    /// Transformers that hold a voltage.
    pub taps: Vec<TapControl>,
    /// Shunts that hold a voltage.
    pub shunts: Vec<ShuntControl>,
    /// Units that hold another bus.
    pub remote: Vec<RemoteControl>,
    /// Areas that hold an exchange.
    pub areas: Vec<AreaControl>,
    /// Demand that follows the voltage.
    pub demand_parts: Vec<DemandPart>,
}

impl Controls {
    /// Those of a case whose buses are all known; a control that names a bus that does not exist is left out (the reader has
    /// complained of it).
    pub(super) fn of(case: &Case, row_of: &HashMap<BusId, BusIdx>) -> Self {
        let bus = |id: &BusId| row_of.get(id).copied();
        let pu = |mw: f64| case.base_mva.to_pu(mw);
        let controls = &case.controls;
        Controls {
            taps: controls
                .taps
                .iter()
                .filter_map(|c| {
                    Some(TapControl {
                        branch: BranchIdx::from_row(c.branch),
                        bus: bus(&c.bus)?,
                        band_pu: (c.low_pu, c.high_pu),
                        raises: c.from_side,
                        range: case.branches.get(c.branch)?.tap_range?,
                    })
                })
                .collect(),
            shunts: controls
                .shunts
                .iter()
                .filter(|c| c.shunt < case.shunts.len())
                .filter_map(|c| {
                    let (shunt, band_pu) = (ShuntIdx::from_row(c.shunt), (c.low_pu, c.high_pu));
                    Some(ShuntControl { shunt, bus: bus(&c.bus)?, band_pu })
                })
                .collect(),
            remote: controls
                .remote
                .iter()
                .filter(|c| c.unit < case.units.len())
                .filter_map(|c| Some(RemoteControl { unit: UnitIdx::from_row(c.unit), bus: bus(&c.bus)? }))
                .collect(),
            areas: controls
                .areas
                .iter()
                .filter_map(|area| {
                    let at_slack = |(_, u): &(usize, &crate::case::CaseUnit)| u.bus == area.slack_bus;
                    Some(AreaControl {
                        number: area.number,
                        units: case
                            .units
                            .iter()
                            .enumerate()
                            .filter(at_slack)
                            .map(|(row, _)| UnitIdx::from_row(row))
                            .collect(),
                        slack_bus: bus(&area.slack_bus)?,
                        export_pu: pu(area.export_mw),
                        tolerance_pu: pu(area.tolerance_mw),
                    })
                })
                .collect(),
            demand_parts: case
                .demand_parts
                .iter()
                .filter_map(|part| {
                    let load = case.loads.get(part.load).filter(|l| l.in_service)?;
                    Some(DemandPart {
                        bus: bus(&load.bus)?,
                        p: (pu(part.p_mw), part.p_exponent),
                        q: (pu(part.q_mvar), part.q_exponent),
                    })
                })
                .collect(),
        }
    }
}
