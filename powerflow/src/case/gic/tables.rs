//! The GMD tables of a MATPOWER case, as PowerModelsGMD defines them: an explicit quasi-dc network beside the case.
//!
//! `gmd_bus` holds neutrals (with a ground grid) and buses, `gmd_branch` their conductors with the resistance of three phases in
//! parallel, `branch_gmd` says which of them are a transformer's windings, `bus_gmd` where each bus lies.

use std::collections::BTreeMap;

use crate::case::Case;
use crate::case::complaints::{Complaints, place_of};
use crate::case::matpower::{Row, Scan};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::gic::{
    GicBus, GicLine, GicNetwork, GicShunt, GicStation, GicTransformer, Lengths, Windings, k_mvar_per_a,
};
use crate::index::{BusIdx, Column, Index, StationIdx};

/// What a row of `gmd_bus` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    Neutral(StationIdx),
    Bus(BusIdx),
}

/// A row of `gmd_branch`.
#[derive(Clone, Copy, Debug)]
struct Conductor {
    from: Node,
    to: Node,
    parent: f64,
    /// Whether it belongs to a branch of the case (and not to a bus).
    of_branch: bool,
    closed: bool,
    /// Ohm of three phases in parallel.
    r_ohm: f64,
    /// Voltage for 1 V/km to the east, V, and the length, km.
    eastward_v: f64,
    len_km: f64,
    row: Row,
}

/// Reads the tables of a text.
///
/// # Errors
/// `gic.tables.missing`, and everything that is wrong in them, with its line.
pub(super) fn network(case: &Case, text: &str) -> Result<(GicNetwork, Diagnostics), Diagnostics> {
    let mut tables = Tables {
        scan: Scan::of(text, &case.file),
        text,
        case,
        rows: (0..).zip(&case.buses).map(|(row, bus)| (bus.id.0, BusIdx::from_row(row))).collect(),
        out: Complaints::default(),
    };
    for name in ["gmd_bus", "gmd_branch", "branch_gmd", "bus_gmd"] {
        if tables.scan.rows(name).is_empty() {
            let message = format!("the file has no table mpc.{name}");
            let hint = "put a .gic file beside the case, name one with --gic, or add the GMD tables";
            return Err(Diagnostic::error("gic.tables.missing", message)
                .at(case.file.as_str(), None)
                .hint(hint)
                .into());
        }
    }
    let (stations, nodes) = tables.nodes();
    let mut buses = tables.buses();
    let conductors = tables.conductors(&nodes);
    let (transformers, wound) = tables.transformers(&conductors);
    let (lines, shunts) = tables.lines(&conductors, &wound, &mut buses);
    let found = tables.out.finish();
    let network = GicNetwork { stations, buses, lines, transformers, shunts };
    if found.has_errors() { Err(found) } else { Ok((network, found)) }
}

struct Tables<'a> {
    scan: Scan<'a>,
    text: &'a str,
    case: &'a Case,
    /// Rows of buses by their numbers.
    rows: BTreeMap<u64, BusIdx>,
    out: Complaints,
}

impl<'a> Tables<'a> {
    fn complain(&mut self, row: Row, code: &'static str, message: String) {
        self.out.push(Diagnostic::error(code, message).at(self.case.file.as_str(), Some(row.line)));
    }

    /// Place of a column, by the comment `%column_names%` before its table; the order of the format's definition without one.
    fn column(&self, table: &str, name: &str, usual: &[&str]) -> Option<usize> {
        let stated = self.scan.column_names(table);
        if stated.is_empty() {
            usual.iter().position(|column| *column == name)
        } else {
            stated.iter().position(|column| *column == name)
        }
    }

    fn cell(&self, row: Row, column: Option<usize>) -> Option<(&'a str, usize)> {
        self.scan.cell(row, column?)
    }

    /// A number that must be there.
    fn number(&mut self, row: Row, column: Option<usize>, what: &str) -> f64 {
        let cell = self.cell(row, column);
        cell.and_then(|(cell, _)| cell.parse().ok()).filter(|value: &f64| value.is_finite()).unwrap_or_else(
            || {
                let text = cell.map_or("missing".to_owned(), |(cell, _)| format!("`{cell}`"));
                let diagnostic =
                    Diagnostic::error("gic.tables.cell", format!("{what} is {text}, it should be a number"));
                match cell {
                    Some((_, at)) => {
                        self.out.push_at(diagnostic, || place_of(&self.case.file, self.text, at))
                    }
                    None => self.out.push(diagnostic.at(self.case.file.as_str(), Some(row.line))),
                }
                0.0
            },
        )
    }

    fn word(&self, row: Row, column: Option<usize>) -> &'a str {
        self.cell(row, column).map_or("", |(cell, _)| cell.trim_matches('\''))
    }

    /// Neutrals, and what each row of `gmd_bus` is: a bus has no ground grid and is not called `dc_sub...`.
    fn nodes(&mut self) -> (Column<StationIdx, GicStation>, Vec<Option<Node>>) {
        let usual = ["parent_index", "status", "g_gnd", "name"];
        let [parent, status, ground, name] = usual.map(|column| self.column("gmd_bus", column, &usual));
        let mut stations = Vec::new();
        let mut nodes = Vec::new();
        for (at, row) in self.scan.rows("gmd_bus").to_vec().into_iter().enumerate() {
            let siemens = self.number(row, ground, "g_gnd");
            let label = name.map_or("", |column| self.scan.rest(row, column)).trim_matches('\'');
            if siemens != 0.0 || label.starts_with("dc_sub") || label.starts_with("dc sub") {
                let on = self.number(row, status, "status") != 0.0;
                nodes.push(Some(Node::Neutral(StationIdx::from_row(stations.len()))));
                stations.push(GicStation {
                    id: at as u64 + 1,
                    name: Some(label.to_owned()).filter(|label| !label.is_empty()),
                    conductance_s: Some(siemens).filter(|siemens| on && *siemens != 0.0),
                });
                continue;
            }
            let id = self.number(row, parent, "parent_index");
            let bus = self.rows.get(&(id as u64)).filter(|_| id >= 0.0 && id.fract() == 0.0).copied();
            if bus.is_none() {
                self.complain(
                    row,
                    "gic.bus.unknown",
                    format!("gmd_bus row {} is bus {id}, which the case does not have", at + 1),
                );
            }
            nodes.push(bus.map(Node::Bus));
        }
        (stations.into(), nodes)
    }

    fn buses(&mut self) -> Column<BusIdx, GicBus> {
        let usual = ["lat", "lon"];
        let [lat, lon] = usual.map(|column| self.column("bus_gmd", column, &usual));
        let places = self.scan.rows("bus_gmd").to_vec();
        if places.len() != self.case.buses.len() {
            let message =
                format!("mpc.bus_gmd has {} rows for {} buses", places.len(), self.case.buses.len());
            self.complain(places[0], "gic.tables.rows", message);
        }
        let places: Vec<(f64, f64)> = places
            .into_iter()
            .map(|row| (self.number(row, lat, "lat"), self.number(row, lon, "lon")))
            .collect();
        let bus = |(row, bus): (usize, &crate::case::CaseBus)| GicBus {
            id: bus.id,
            kv: bus.base_kv,
            place: places.get(row).copied(),
            stored_vm_pu: Some(bus.vm_pu),
        };
        self.case.buses.iter().enumerate().map(bus).collect()
    }

    fn conductors(&mut self, nodes: &[Option<Node>]) -> Vec<Option<Conductor>> {
        const USUAL: [&str; 9] =
            ["f_bus", "t_bus", "parent_type", "parent_index", "br_status", "br_r", "br_v", "len_km", "name"];
        let column = |tables: &Self, name| tables.column("gmd_branch", name, &USUAL);
        let mut conductors = Vec::new();
        for row in self.scan.rows("gmd_branch").to_vec() {
            let mut value = |name: &'static str| {
                let column = column(self, name);
                self.number(row, column, name)
            };
            let ends = [value("f_bus"), value("t_bus")];
            let (parent, status) = (value("parent_index"), value("br_status"));
            let (r_ohm, eastward_v, len_km) = (value("br_r"), value("br_v"), value("len_km"));
            let of_branch = match column(self, "parent_type") {
                Some(column) => self.word(row, Some(column)) == "branch",
                None => true,
            };
            let node = |end: f64| {
                let at = (end >= 1.0 && end.fract() == 0.0).then(|| end as usize - 1)?;
                nodes.get(at).copied()
            };
            let [Some(from), Some(to)] = ends.map(node) else {
                let message = format!("{} or {} is no row of gmd_bus", ends[0], ends[1]);
                self.complain(row, "gic.tables.node", message);
                conductors.push(None);
                continue;
            };
            let closed = status != 0.0;
            conductors.push(from.zip(to).map(|(from, to)| Conductor {
                from,
                to,
                parent,
                of_branch,
                closed,
                r_ohm,
                eastward_v,
                len_km,
                row,
            }));
        }
        conductors
    }

    /// Transformers, and which conductors are their windings.
    fn transformers(&mut self, conductors: &[Option<Conductor>]) -> (Vec<GicTransformer>, Vec<bool>) {
        const USUAL: [&str; 10] = [
            "hi_bus",
            "lo_bus",
            "gmd_br_hi",
            "gmd_br_lo",
            "gmd_k",
            "gmd_br_series",
            "gmd_br_common",
            "baseMVA",
            "type",
            "config",
        ];
        let column = |tables: &Self, name| tables.column("branch_gmd", name, &USUAL);
        let mut wound = vec![false; conductors.len()];
        let mut transformers: Vec<GicTransformer> = Vec::new();
        let mut circuits = BTreeMap::new();
        let rows = self.scan.rows("branch_gmd").to_vec();
        if rows.len() != self.case.branches.len() {
            let message =
                format!("mpc.branch_gmd has {} rows for {} branches", rows.len(), self.case.branches.len());
            self.complain(rows[0], "gic.tables.rows", message);
            return (transformers, wound);
        }
        for (row, branch) in rows.into_iter().zip(&self.case.branches) {
            if self.word(row, column(self, "type")) != "xfmr" {
                continue;
            }
            let mut winding = |name: &'static str| {
                let column = column(self, name);
                let at = self.number(row, column, name);
                if at < 1.0 {
                    return None;
                }
                match conductors.get(at as usize - 1) {
                    Some(found) => {
                        wound[at as usize - 1] = true;
                        *found
                    }
                    None => {
                        self.complain(
                            row,
                            "gic.tables.winding",
                            format!("{name} is {at}, no row of gmd_branch"),
                        );
                        None
                    }
                }
            };
            let [high, low, series, common] =
                ["gmd_br_hi", "gmd_br_lo", "gmd_br_series", "gmd_br_common"].map(&mut winding);
            let k_pu = self.number(row, column(self, "gmd_k"), "gmd_k");
            let (from, to) = (self.rows[&branch.from.0], self.rows[&branch.to.0]);
            let station = [common, high, low].into_iter().flatten().find_map(|c| match (c.from, c.to) {
                (Node::Neutral(station), _) | (_, Node::Neutral(station)) => Some(station),
                _ => None,
            });
            let ohm = |conductor: Option<Conductor>| conductor.filter(|c| c.closed).map(|c| 3.0 * c.r_ohm);
            let windings = match (series.filter(|c| c.closed), branch.in_service) {
                (_, false) => None,
                (Some(series), true) => {
                    Some(Windings::Auto { series: 3.0 * series.r_ohm, common: ohm(common) })
                }
                (None, true) => Some(Windings::Separate { high: ohm(high), low: ohm(low), tertiary: None }),
            };
            let circuit = circuits.entry((from, to)).and_modify(|circuit| *circuit += 1).or_insert(1u32);
            transformers.push(GicTransformer {
                from,
                to,
                tertiary: None,
                circuit: circuit.to_string(),
                // Without a winding to a neutral no station is asked for.
                station: station.unwrap_or_else(|| StationIdx::from_row(0)),
                windings,
                neutral_ohm: 0.0,
                k_mvar_per_a: Some(k_pu).filter(|k| *k >= 0.0).map(k_mvar_per_a),
            });
        }
        (transformers, wound)
    }

    /// Conductors that are no windings: lines between buses, and whatever else joins a bus to a neutral.
    fn lines(
        &mut self,
        conductors: &[Option<Conductor>],
        wound: &[bool],
        buses: &mut Column<BusIdx, GicBus>,
    ) -> (Vec<GicLine>, Vec<GicShunt>) {
        let mut lines: Vec<GicLine> = Vec::new();
        let mut circuits = BTreeMap::new();
        let mut shunts = Vec::new();
        let others = conductors.iter().zip(wound).filter(|(_, wound)| !**wound).filter_map(|(c, _)| *c);
        for conductor in others {
            match (conductor.from, conductor.to) {
                (Node::Bus(from), Node::Bus(to)) => {
                    let circuit =
                        circuits.entry((from, to)).and_modify(|circuit| *circuit += 1).or_insert(1u32);
                    let circuit = circuit.to_string();
                    let lengths = self.lengths(&conductor, (from, to), buses);
                    let branch = self.case.branches.get((conductor.parent - 1.0) as usize);
                    let in_service = !conductor.of_branch || branch.is_none_or(|branch| branch.in_service);
                    lines.push(GicLine {
                        from,
                        to,
                        circuit,
                        r_ohm: 3.0 * conductor.r_ohm,
                        lengths,
                        conducts: conductor.closed && in_service,
                    });
                }
                (Node::Bus(bus), Node::Neutral(station)) | (Node::Neutral(station), Node::Bus(bus)) => {
                    if conductor.closed {
                        shunts.push(GicShunt { bus, station, r_ohm: 3.0 * conductor.r_ohm });
                    }
                }
                (Node::Neutral(_), Node::Neutral(_)) => {
                    let message = "a conductor between two neutrals is not modelled".to_owned();
                    self.complain(conductor.row, "gic.tables.neutrals", message);
                }
            }
        }
        (lines, shunts)
    }

    /// From the places of a line's buses. Where they are one place and the file states a voltage and a length all the same, the
    /// places are no places: the stated eastward voltage is the eastward length, and all of the length.
    fn lengths(
        &mut self,
        conductor: &Conductor,
        (from, to): (BusIdx, BusIdx),
        buses: &mut Column<BusIdx, GicBus>,
    ) -> Lengths {
        let lengths = match (buses[from].place, buses[to].place) {
            (Some(from), Some(to)) => Lengths::between(from, to),
            _ => Lengths::default(),
        };
        if lengths.distance_km() > 0.0 || conductor.len_km == 0.0 {
            return lengths;
        }
        let (east_km, len_km) = (conductor.eastward_v, conductor.len_km);
        let (a, b) = (buses[from].id, buses[to].id);
        if (east_km.abs() - len_km).abs() > 1e-6 * len_km {
            let message =
                format!("buses {a} and {b} lie at one place, but the line between them has {len_km} km");
            self.complain(conductor.row, "gic.tables.place", message);
            return lengths;
        }
        let message = format!(
            "buses {a} and {b} lie at one place: their line runs {east_km} km to the east, as br_v says"
        );
        let file = self.case.file.as_str();
        self.out.push(Diagnostic::warning("gic.tables.place", message).at(file, Some(conductor.row.line)));
        (buses[from].place, buses[to].place) = (None, None);
        Lengths { north_km: 0.0, east_km }
    }
}
