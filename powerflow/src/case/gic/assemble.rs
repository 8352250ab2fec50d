//! A case and the records of its `.gic` file -> the quasi-dc network, with the rules for what the file leaves zero or blank.
//!
//! Source of the rules: found by comparing the public 150-bus case with its simulator's results (`docs/physics/gic.md`).

use std::collections::BTreeMap;

use crate::case::complaints::Complaints;
use crate::case::gic::GroundRule;
use crate::case::gic::file::{GicFile, Transformer};
use crate::case::{Case, CaseBranch};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::gic::{
    GicBus, GicLine, GicNetwork, GicShunt, GicStation, GicTransformer, JUMPER_R_OHM, Lengths, Windings,
    k_of_core,
};
use crate::index::{BusId, BusIdx, Column, Index, StationIdx};

/// Ground grids of the simulator that wrote the public cases: buses of the station, its highest nominal voltage, S.
///
/// Source: `uiuc150bus` (deduced from its published results) and `autotransformer.m` (2 buses, 345 kV).
const GROUND_S: [(usize, f64, f64); 7] = [
    (2, 230.0, 2.6037),
    (2, 345.0, 3.9056),
    (2, 500.0, 5.6603),
    (3, 500.0, 6.5359),
    (5, 500.0, 8.0049),
    (6, 500.0, 8.6462),
    (7, 500.0, 9.2432),
];

/// Resistance of a winding for which neither file gives one, ohm per phase.
const WINDING_R_OHM: f64 = 0.25;

/// What is known while records are put together.
struct Bench<'a> {
    case: &'a Case,
    file: &'a GicFile,
    rows: BTreeMap<u64, BusIdx>,
    station_of: BTreeMap<BusIdx, StationIdx>,
    generates: Vec<bool>,
    out: Complaints,
}

/// See the module.
pub(super) fn network(
    case: &Case,
    file: &GicFile,
    ground: GroundRule,
) -> Result<(GicNetwork, Diagnostics), Diagnostics> {
    let mut bench = Bench {
        case,
        file,
        rows: (0..).zip(&case.buses).map(|(row, bus)| (bus.id.0, BusIdx::from_row(row))).collect(),
        station_of: BTreeMap::new(),
        generates: vec![false; case.buses.len()],
        out: Complaints::default(),
    };
    for unit in &case.units {
        if let Some(bus) = bench.rows.get(&unit.bus.0) {
            bench.generates[bus.row()] = true;
        }
    }
    bench.place_buses();
    let network = GicNetwork {
        stations: bench.stations(ground),
        buses: bench.buses(),
        lines: bench.lines(),
        transformers: bench.transformers(),
        shunts: bench.shunts(),
    };
    let found = bench.out.finish();
    if found.has_errors() { Err(found) } else { Ok((network, found)) }
}

impl Bench<'_> {
    fn complain(&mut self, code: &'static str, message: String, line: u32) {
        self.out.push(Diagnostic::error(code, message).at(self.file.file.as_str(), Some(line)));
    }

    fn bus(&mut self, id: u64, line: u32) -> Option<BusIdx> {
        let row = self.rows.get(&id).copied();
        if row.is_none() {
            self.complain("gic.bus.unknown", format!("bus {id} is not in the case"), line);
        }
        row
    }

    fn kv(&self, bus: BusIdx) -> f64 {
        self.case.buses[bus.row()].base_kv
    }

    /// Which bus is in which station.
    fn place_buses(&mut self) {
        let mut stations = BTreeMap::new();
        for (row, station) in self.file.stations.iter().enumerate() {
            if stations.insert(station.id, StationIdx::from_row(row)).is_some() {
                self.complain(
                    "gic.station.twice",
                    format!("station {} is declared twice", station.id),
                    station.line,
                );
            }
        }
        for (bus, station, line) in &self.file.bus_stations {
            let Some(bus) = self.bus(*bus, *line) else { continue };
            match stations.get(station) {
                Some(station) => {
                    self.station_of.insert(bus, *station);
                }
                None => {
                    let message = format!("station {station} is not declared above");
                    self.complain("gic.station.unknown", message, *line);
                }
            }
        }
    }

    fn stations(&mut self, ground: GroundRule) -> Column<StationIdx, GicStation> {
        let mut buses = vec![(0usize, 0.0f64); self.file.stations.len()];
        for (bus, station) in &self.station_of {
            let of = &mut buses[station.row()];
            *of = (of.0 + 1, of.1.max(self.case.buses[bus.row()].base_kv));
        }
        let mut assumed = 0;
        let of = |(station, (count, kv)): (&super::file::Station, &(usize, f64))| {
            let conductance_s = if station.ground_ohm > 0.0 {
                Some(1.0 / station.ground_ohm)
            } else if station.ground_ohm < 0.0 || *count == 0 {
                None
            } else {
                assumed += 1;
                Some(assumed_ground_s(*count, *kv, ground))
            };
            let name = Some(station.name.clone()).filter(|name| !name.is_empty());
            GicStation { id: station.id, name, conductance_s }
        };
        let stations = self.file.stations.iter().zip(&buses).map(of).collect();
        if assumed > 0 {
            let message =
                format!("{assumed} stations have no grounding resistance: it follows from their size");
            self.out
                .push(Diagnostic::warning("gic.station.assumed", message).at(self.file.file.as_str(), None));
        }
        stations
    }

    fn buses(&self) -> Column<BusIdx, GicBus> {
        let bus = |(row, bus): (usize, &crate::case::CaseBus)| GicBus {
            id: bus.id,
            kv: bus.base_kv,
            place: self
                .station_of
                .get(&BusIdx::from_row(row))
                .map(|station| self.file.stations[station.row()].place),
            stored_vm_pu: Some(bus.vm_pu),
        };
        self.case.buses.iter().enumerate().map(bus).collect()
    }

    fn lines(&mut self) -> Vec<GicLine> {
        let mut stated: BTreeMap<(u64, u64, String), (f64, u32)> = BTreeMap::new();
        for branch in &self.file.branches {
            let (a, b) = (branch.from.min(branch.to), branch.from.max(branch.to));
            stated.insert((a, b, branch.circuit.clone()), (branch.ohm, branch.line));
        }
        let base_mva = self.case.base_mva.from_pu(1.0);
        let mut lines = Vec::new();
        for (row, branch) in self.case.branches.iter().enumerate().filter(|(_, branch)| !branch.transformer) {
            let ends = [branch.from, branch.to].map(|end| self.rows[&end.0]);
            let places = ends.map(|end| self.station_of.get(&end).map(|s| self.file.stations[s.row()].place));
            let [Some(from), Some(to)] = places else {
                let message = format!("{} has an end that is in no station", branch_name(row, branch));
                let hint = "the .gic file's section of bus substation data places every bus";
                self.out.push(
                    Diagnostic::error("gic.line.station", message)
                        .at(self.file.file.as_str(), None)
                        .hint(hint),
                );
                continue;
            };
            let circuit = circuit_of(branch);
            let key = (branch.from.0.min(branch.to.0), branch.from.0.max(branch.to.0), circuit.clone());
            let by_record = stated.get(&key).map_or(0.0, |(ohm, _)| *ohm);
            let kv = self.kv(ends[0]);
            let r_ohm = match (by_record, branch.r_pu * kv * kv / base_mva) {
                (0.0, 0.0) => JUMPER_R_OHM,
                (0.0, by_case) => by_case,
                (ohm, _) => ohm,
            };
            lines.push(GicLine {
                from: ends[0],
                to: ends[1],
                circuit,
                r_ohm,
                lengths: Lengths::between(from, to),
                // A negative reactance is a series capacitor, which direct current does not pass.
                conducts: branch.in_service && branch.x_pu >= 0.0,
            });
        }
        lines
    }

    fn transformers(&mut self) -> Vec<GicTransformer> {
        let file = self.file;
        let mut used = vec![false; self.case.branches.len()];
        let mut transformers = Vec::with_capacity(file.transformers.len());
        for record in &file.transformers {
            let third = (record.buses[2] != 0).then_some(record.buses[2]);
            let (from, to) = (self.bus(record.buses[0], record.line), self.bus(record.buses[1], record.line));
            let tertiary = third.and_then(|bus| self.bus(bus, record.line));
            let (Some(from), Some(to)) = (from, to) else { continue };
            let Some(station) = self.station_of.get(&from).or(self.station_of.get(&to)).copied() else {
                let message = format!("bus {} of a transformer is in no station", record.buses[0]);
                self.complain("gic.transformer.station", message, record.line);
                continue;
            };
            let branch = self.branch_of(record, &used);
            if let Some(row) = branch {
                used[row] = true;
            } else if third.is_none() {
                let message = format!(
                    "the case has no transformer {}-{} with circuit `{}`",
                    record.buses[0], record.buses[1], record.circuit
                );
                self.complain("gic.transformer.unknown", message, record.line);
                continue;
            }
            let branch = branch.map(|row| &self.case.branches[row]);
            let windings = match branch.is_none_or(|branch| branch.in_service) {
                true => self.windings(record, [from, to], branch),
                false => None,
            };
            transformers.push(GicTransformer {
                from,
                to,
                tertiary,
                circuit: record.circuit.clone(),
                station,
                windings,
                neutral_ohm: record.neutral_ohm.iter().copied().fold(0.0, f64::max),
                k_mvar_per_a: Some(record.k_mvar_per_a).filter(|k| *k > 0.0).or(k_of_core(record.core)),
            });
        }
        for (row, branch) in self.case.branches.iter().enumerate() {
            let in_stations =
                [branch.from, branch.to].iter().all(|end| self.station_of.contains_key(&self.rows[&end.0]));
            if branch.transformer && in_stations && !used[row] {
                let message = format!(
                    "{} is a transformer without a record: taken to be open",
                    branch_name(row, branch)
                );
                self.out.push(
                    Diagnostic::warning("gic.transformer.unlisted", message).at(file.file.as_str(), None),
                );
            }
        }
        transformers
    }

    /// The branch of a record: that of its circuit, or the next of its buses where circuits have no names.
    fn branch_of(&self, record: &Transformer, used: &[bool]) -> Option<usize> {
        let [a, b, _] = record.buses.map(BusId);
        let fits = |row: &usize| {
            let branch = &self.case.branches[*row];
            branch.transformer
                && !used[*row]
                && ((branch.from, branch.to) == (a, b) || (branch.from, branch.to) == (b, a))
        };
        let rows: Vec<usize> = (0..self.case.branches.len()).filter(fits).collect();
        let named = rows.iter().find(|row| circuit_of(&self.case.branches[**row]) == record.circuit);
        named.or(rows.first()).copied()
    }

    /// Windings by vector group, or by the rules where it is blank.
    fn windings(
        &mut self,
        record: &Transformer,
        ends: [BusIdx; 2],
        branch: Option<&CaseBranch>,
    ) -> Option<Windings> {
        let from_is_high = self.kv(ends[0]) >= self.kv(ends[1]);
        let (high, low) = if from_is_high { (0, 1) } else { (1, 0) };
        let (kv_high, kv_low) = (self.kv(ends[high]), self.kv(ends[low]));
        let ratio = kv_high / kv_low;
        let connections = match connections(&record.vector_group) {
            Ok(Some(stated)) => stated,
            Ok(None) => {
                let by_rule = self.rule(kv_high, kv_low, ends[low]);
                if from_is_high { by_rule } else { [by_rule[1], by_rule[0], by_rule[2]] }
            }
            Err(letter) => {
                let message = format!("vector group `{}`: `{letter}` is not modelled", record.vector_group);
                self.complain("gic.transformer.vector-group", message, record.line);
                return None;
            }
        };
        // Half of the positive-sequence resistance on either side, referred to the high one.
        let half =
            branch.map(|branch| branch.r_pu * kv_high * kv_high / self.case.base_mva.from_pu(1.0) / 2.0);
        let or_default = |stated: f64, referred: Option<f64>| match (stated, referred) {
            (0.0, Some(ohm)) if ohm > 0.0 => ohm,
            (0.0, _) => WINDING_R_OHM,
            (ohm, _) => ohm,
        };
        let conducts =
            |winding: usize| connections[winding] == Connection::GroundedWye && !record.blocked[winding];
        if connections.contains(&Connection::Auto) {
            let open = record.blocked[high] || record.blocked[low];
            let referred = half.map(|ohm| ohm / ((ratio - 1.0) * (ratio - 1.0)));
            let common = or_default(record.ohm[low], referred.filter(|ohm| ohm.is_finite()));
            return Some(Windings::Auto {
                series: or_default(record.ohm[high], half),
                common: (!open).then_some(common),
            });
        }
        Some(Windings::Separate {
            high: conducts(high).then(|| or_default(record.ohm[high], half)),
            low: conducts(low).then(|| or_default(record.ohm[low], half.map(|ohm| ohm / (ratio * ratio)))),
            tertiary: conducts(2).then(|| or_default(record.ohm[2], None)),
        })
    }

    /// How the windings are connected where the file does not say: high, low, tertiary.
    fn rule(&self, kv_high: f64, kv_low: f64, low: BusIdx) -> [Connection; 3] {
        use Connection::{Auto, GroundedWye, Open};
        if self.generates[low.row()] || (kv_high >= 300.0 && kv_low < 50.0) {
            return [GroundedWye, Open, Open];
        }
        if kv_high >= 50.0 && kv_low < 50.0 {
            return [Open, GroundedWye, Open];
        }
        let ratio = kv_high / kv_low;
        if kv_high >= 50.0 && ratio <= 4.0 && ratio != 1.0 {
            return [GroundedWye, Auto, Open];
        }
        [GroundedWye, GroundedWye, Open]
    }

    fn shunts(&mut self) -> Vec<GicShunt> {
        let file = self.file;
        let mut shunts = Vec::new();
        for record in file.shunts.iter().filter(|record| record.ohm != 0.0) {
            let Some(bus) = self.bus(record.bus, record.line) else { continue };
            match self.station_of.get(&bus) {
                Some(station) => shunts.push(GicShunt { bus, station: *station, r_ohm: record.ohm }),
                None => {
                    let message = format!("bus {} of a shunt is in no station", record.bus);
                    self.complain("gic.shunt.station", message, record.line);
                }
            }
        }
        shunts
    }
}

/// How a winding is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Connection {
    /// Direct current passes to the neutral.
    GroundedWye,
    /// It does not: delta, ungrounded wye.
    Open,
    /// The second winding of an autotransformer.
    Auto,
}

/// Connections in the order of the record, from a vector group such as `YNd0`; `None` where it is blank.
fn connections(vector_group: &str) -> Result<Option<[Connection; 3]>, char> {
    let mut found: Vec<Connection> = Vec::new();
    for letter in vector_group.chars() {
        match letter.to_ascii_uppercase() {
            'Y' | 'D' => found.push(Connection::Open),
            'A' => found.push(Connection::Auto),
            'N' => match found.last_mut() {
                Some(last) => *last = Connection::GroundedWye,
                None => return Err(letter),
            },
            ' ' | '0'..='9' => {}
            _ => return Err(letter),
        }
    }
    if found.is_empty() {
        return Ok(None);
    }
    found.resize(3, Connection::Open);
    Ok(Some([found[0], found[1], found[2]]))
}

/// Conductance of a ground grid of a station with so many buses, S.
fn assumed_ground_s(buses: usize, kv_max: f64, rule: GroundRule) -> f64 {
    let listed = GROUND_S.iter().find(|(count, kv, _)| (*count, *kv) == (buses, kv_max));
    match (listed, rule) {
        (Some((_, _, siemens)), GroundRule::Listed) => *siemens,
        _ if kv_max <= 230.0 => 0.4778f64.mul_add(buses as f64, 1.6841),
        _ => 0.73f64.mul_add(buses as f64, 4.2131),
    }
}

fn circuit_of(branch: &CaseBranch) -> String {
    branch.name.clone().unwrap_or_else(|| "1".to_owned())
}

fn branch_name(row: usize, branch: &CaseBranch) -> String {
    format!("branch {} ({}-{})", row + 1, branch.from, branch.to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vector_groups_follow_the_record() {
        use Connection::{Auto, GroundedWye, Open};
        assert_eq!(connections("YNd0  "), Ok(Some([GroundedWye, Open, Open])));
        assert_eq!(connections("Dyn11"), Ok(Some([Open, GroundedWye, Open])));
        assert_eq!(connections("YNa0d1"), Ok(Some([GroundedWye, Auto, Open])));
        assert_eq!(connections("Yyn0"), Ok(Some([Open, GroundedWye, Open])));
        assert_eq!(connections("     "), Ok(None));
        assert_eq!((connections("ZNyn"), connections("N")), (Err('Z'), Err('N')));
    }

    /// The straight lines pass within 4 % of the simulator's values that they were drawn through.
    #[test]
    fn ground_grids_grow_with_their_station() {
        for (buses, kv, siemens) in GROUND_S.into_iter().filter(|(_, kv, _)| *kv != 345.0) {
            let formula = assumed_ground_s(buses, kv, GroundRule::Formula);
            assert!((formula / siemens - 1.0).abs() < 0.04, "{buses} {kv}: {formula}");
            assert_eq!(assumed_ground_s(buses, kv, GroundRule::Listed), siemens);
        }
        assert!(
            assumed_ground_s(9, 230.0, GroundRule::Listed) < assumed_ground_s(10, 230.0, GroundRule::Listed)
        );
    }
}
