//! What is in a case, counted.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::case::islands::Islands;
use crate::case::{BusKind, Case};
use crate::diagnostic::{Diagnostics, Severity};

/// Schema of [`Census`].
pub const CENSUS_SCHEMA: &str = "gridgate/census/1";

/// Buses by kind, as the file says.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BusCensus {
    /// All.
    pub total: usize,
    /// Demand given, voltage unknown.
    pub pq: usize,
    /// Voltage magnitude held.
    pub pv: usize,
    /// Voltage magnitude and angle held.
    pub reference: usize,
    /// Out of service.
    pub isolated: usize,
    /// Buses with longitude and latitude.
    pub located: usize,
}

/// Branches.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BranchCensus {
    /// All.
    pub total: usize,
    /// Lines.
    pub lines: usize,
    /// Transformers.
    pub transformers: usize,
    /// Those that shift the phase.
    pub phase_shifters: usize,
    /// Out of service, by themselves or because a bus at their end is isolated.
    pub out_of_service: usize,
    /// With a long-term rating.
    pub rated: usize,
}

/// Units. Sums are over running units.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UnitCensus {
    /// All.
    pub total: usize,
    /// In service at a bus that is in service.
    pub running: usize,
    /// Sum of largest active power, MW; `None` where one is infinite.
    pub capacity_mw: Option<f64>,
    /// Sum of scheduled active power, MW.
    pub scheduled_mw: f64,
    /// Sum of lower reactive limits, Mvar; `None` where one is infinite.
    pub q_min_mvar: Option<f64>,
    /// Sum of upper reactive limits, Mvar; `None` where one is infinite.
    pub q_max_mvar: Option<f64>,
}

/// Demands in service.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DemandCensus {
    /// How many.
    pub total: usize,
    /// Active, MW.
    pub p_mw: f64,
    /// Reactive, Mvar.
    pub q_mvar: f64,
}

/// Shunt elements in service.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ShuntCensus {
    /// How many.
    pub total: usize,
    /// Those with steps.
    pub switched: usize,
    /// Consumed at 1 pu, MW.
    pub g_mw: f64,
    /// Injected at 1 pu, Mvar.
    pub b_mvar: f64,
}

/// Buses of one nominal voltage.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VoltageLevel {
    /// Nominal voltage, kV; 0 where the file has none.
    pub kv: f64,
    /// How many buses.
    pub buses: usize,
}

/// One connected part.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct IslandCensus {
    /// Number of its first bus in the file.
    pub first_bus: u64,
    /// How many buses.
    pub buses: usize,
    /// Whether a running unit holds a voltage in it.
    pub live: bool,
    /// Active demand, MW.
    pub demand_mw: f64,
}

/// What is in a case. Sums are in file order.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Census {
    /// Name and version of this document: [`CENSUS_SCHEMA`].
    #[cfg_attr(feature = "schema", schemars(description = "Name and version of this document.", extend("const" = CENSUS_SCHEMA)))]
    pub schema: &'static str,
    /// Name of the case.
    pub name: String,
    /// Power base, MVA.
    pub base_mva: f64,
    /// Nominal frequency, Hz.
    pub frequency_hz: f64,
    /// Buses.
    pub buses: BusCensus,
    /// Branches.
    pub branches: BranchCensus,
    /// Units.
    pub units: UnitCensus,
    /// Demand.
    pub demand: DemandCensus,
    /// Shunts.
    pub shunts: ShuntCensus,
    /// Nominal voltages, highest first.
    pub voltage_levels: Vec<VoltageLevel>,
    /// Islands, by their first bus; isolated buses are none.
    pub islands: Vec<IslandCensus>,
    /// Area number -> buses.
    pub areas: BTreeMap<u64, usize>,
    /// What the file holds and the case leaves out.
    pub ignored: Vec<String>,
    /// Complaints of reading and of checking, errors first.
    pub diagnostics: Diagnostics,
}

/// A sum in order; that of nothing is 0, where the standard library's is -0.
pub(super) fn sum(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(0.0, |sum, value| sum + value)
}

/// Counts a case; the complaints are those of reading it and of [`check`](super::check()).
pub fn census(case: &Case) -> Census {
    let islands = Islands::of(case);
    let kind = |kind| case.buses.iter().filter(|b| b.kind == kind).count();
    let transformers = case.branches.iter().filter(|b| b.transformer).count();
    let in_service = |b: &&super::CaseBranch| b.in_service && islands.ends(case, b).is_some();
    let running: Vec<_> =
        case.units.iter().filter(|u| u.in_service && islands.connected(case, u.bus).is_some()).collect();
    let loads: Vec<_> =
        case.loads.iter().filter(|l| l.in_service && islands.connected(case, l.bus).is_some()).collect();
    let shunts: Vec<_> =
        case.shunts.iter().filter(|s| s.in_service && islands.connected(case, s.bus).is_some()).collect();
    let finite = |sum: f64| sum.is_finite().then_some(sum);
    let mut levels: Vec<VoltageLevel> = Vec::new();
    let mut kvs: Vec<f64> = case.buses.iter().map(|b| b.base_kv).collect();
    kvs.sort_by(|a, b| b.total_cmp(a));
    for kv in kvs {
        match levels.last_mut() {
            Some(level) if level.kv == kv => level.buses += 1,
            _ => levels.push(VoltageLevel { kv, buses: 1 }),
        }
    }
    let mut areas = BTreeMap::new();
    for bus in &case.buses {
        *areas.entry(bus.area).or_insert(0) += 1;
    }
    let mut demand = vec![0.0; case.buses.len()];
    for load in &loads {
        if let Some(row) = islands.row(load.bus) {
            demand[row] += load.p_mw;
        }
    }
    let mut diagnostics = case.diagnostics.clone();
    diagnostics.0.extend(super::check(case).0);
    diagnostics.0.sort_by_key(|d| std::cmp::Reverse(d.severity));
    Census {
        schema: CENSUS_SCHEMA,
        name: case.name.clone(),
        base_mva: case.base_mva.0,
        frequency_hz: case.frequency_hz,
        buses: BusCensus {
            total: case.buses.len(),
            pq: kind(BusKind::Pq),
            pv: kind(BusKind::Pv),
            reference: kind(BusKind::Reference),
            isolated: kind(BusKind::Isolated),
            located: case.buses.iter().filter(|b| b.location.is_some()).count(),
        },
        branches: BranchCensus {
            total: case.branches.len(),
            lines: case.branches.len() - transformers,
            transformers,
            phase_shifters: case.branches.iter().filter(|b| b.shift_deg != 0.0).count(),
            out_of_service: case.branches.len() - case.branches.iter().filter(in_service).count(),
            rated: case.branches.iter().filter(|b| b.rate_a_mva.is_some()).count(),
        },
        units: UnitCensus {
            total: case.units.len(),
            running: running.len(),
            capacity_mw: finite(sum(running.iter().map(|u| u.p_max_mw))),
            scheduled_mw: sum(running.iter().map(|u| u.p_mw)),
            q_min_mvar: finite(sum(running.iter().map(|u| u.q_min_mvar))),
            q_max_mvar: finite(sum(running.iter().map(|u| u.q_max_mvar))),
        },
        demand: DemandCensus {
            total: loads.len(),
            p_mw: sum(loads.iter().map(|l| l.p_mw)),
            q_mvar: sum(loads.iter().map(|l| l.q_mvar)),
        },
        shunts: ShuntCensus {
            total: shunts.len(),
            switched: shunts.iter().filter(|s| !s.steps_mvar.is_empty()).count(),
            g_mw: sum(shunts.iter().map(|s| s.g_mw)),
            b_mvar: sum(shunts.iter().map(|s| s.b_mvar)),
        },
        voltage_levels: levels,
        islands: islands
            .all
            .iter()
            .map(|i| IslandCensus {
                first_bus: case.buses[i.buses[0]].id.0,
                buses: i.buses.len(),
                live: i.live,
                demand_mw: sum(i.buses.iter().map(|&row| demand[row])),
            })
            .collect(),
        areas,
        ignored: case.ignored.clone(),
        diagnostics,
    }
}

impl std::fmt::Display for Census {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bound = |sum: Option<f64>| sum.map_or("unbounded".to_owned(), |q| format!("{q:.1}"));
        let (b, br, u, d, s) = (&self.buses, &self.branches, &self.units, &self.demand, &self.shunts);
        writeln!(f, "case      {}, {} MVA base, {} Hz", self.name, self.base_mva, self.frequency_hz)?;
        writeln!(
            f,
            "buses     {}: {} PQ, {} PV, {} reference, {} isolated",
            b.total, b.pq, b.pv, b.reference, b.isolated
        )?;
        writeln!(
            f,
            "branches  {}: {} lines, {} transformers ({} shift the phase), {} out of service, {} rated",
            br.total, br.lines, br.transformers, br.phase_shifters, br.out_of_service, br.rated
        )?;
        writeln!(
            f,
            "units     {}: {} running, {:.1} MW scheduled of {} MW, {} to {} Mvar",
            u.total,
            u.running,
            u.scheduled_mw,
            bound(u.capacity_mw),
            bound(u.q_min_mvar),
            bound(u.q_max_mvar)
        )?;
        writeln!(f, "demand    {}: {:.1} MW, {:.1} Mvar", d.total, d.p_mw, d.q_mvar)?;
        writeln!(
            f,
            "shunts    {} ({} with steps): {:.1} MW, {:.1} Mvar at 1 pu",
            s.total, s.switched, s.g_mw, s.b_mvar
        )?;
        let levels: Vec<String> =
            self.voltage_levels.iter().take(8).map(|l| format!("{} kV: {}", l.kv, l.buses)).collect();
        let more = self.voltage_levels.len().saturating_sub(8);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        writeln!(f, "voltages  {}{more}", levels.join(", "))?;
        let live = self.islands.iter().filter(|i| i.live).count();
        let largest = self.islands.iter().map(|i| i.buses).max().unwrap_or(0);
        let dead_mw: f64 = sum(self.islands.iter().filter(|i| !i.live).map(|i| i.demand_mw));
        writeln!(
            f,
            "islands   {}: {live} live, {} dead ({dead_mw:.1} MW); the largest has {largest} buses",
            self.islands.len(),
            self.islands.len() - live
        )?;
        writeln!(f, "areas     {}", self.areas.len())?;
        writeln!(f, "located   {} buses", b.located)?;
        for line in self.ignored.iter().take(6) {
            writeln!(f, "ignored   {line}")?;
        }
        if self.ignored.len() > 6 {
            writeln!(f, "ignored   and {} more", self.ignored.len() - 6)?;
        }
        let count = |severity| self.diagnostics.0.iter().filter(|d| d.severity == severity).count();
        write!(
            f,
            "checks    {} errors, {} warnings, {} notes",
            count(Severity::Error),
            count(Severity::Warning),
            count(Severity::Note)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::CaseBus;
    use crate::index::BusId;

    #[test]
    fn islands_levels_and_kinds_are_counted() {
        let bus = |id, kind, base_kv| CaseBus {
            id: BusId(id),
            kind,
            vm_pu: 1.0,
            va_deg: 0.0,
            base_kv,
            vm_max_pu: 1.1,
            vm_min_pu: 0.9,
            area: id % 2,
            name: None,
            location: (id == 1).then_some((7.0, 46.0)),
            line: None,
        };
        let case = Case {
            name: "three".to_owned(),
            frequency_hz: 50.0,
            buses: vec![
                bus(1, BusKind::Pq, 20.0),
                bus(2, BusKind::Pq, 110.0),
                bus(3, BusKind::Isolated, 20.0),
            ],
            ..Case::default()
        };
        let census = census(&case);
        assert_eq!((census.buses.pq, census.buses.isolated, census.buses.located), (2, 1, 1));
        let levels: Vec<_> = census.voltage_levels.iter().map(|l| (l.kv, l.buses)).collect();
        assert_eq!(levels, [(110.0, 1), (20.0, 2)]);
        assert_eq!(
            census.islands.iter().map(|i| (i.first_bus, i.live)).collect::<Vec<_>>(),
            [(1, false), (2, false)]
        );
        assert_eq!(census.areas, BTreeMap::from([(0, 1), (1, 2)]));
        let text = census.to_string();
        assert!(text.contains("islands   2: 0 live, 2 dead"), "{text}");
        assert!(text.ends_with("checks    1 errors, 0 warnings, 0 notes"), "{text}");
    }
}
