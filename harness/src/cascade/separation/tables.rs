//! A network from the four tables in which the data of the published experiments come: `bus.csv` (`bus,type`), `branch.csv`
//! (`from,to,x_pu,rate_a_mw,rate_b_mw,rate_c_mw,status`), `gen.csv` (`bus,p_mw,pmin_mw,pmax_mw,status,ramp_up_mw_per_min`) and
//! `load.csv` (`bus,p_mw,factor`). Reactances are on 100 MVA; other columns are passed over.

use std::path::Path;
use std::sync::Arc;

use powerflow::case::{BusKind, Case, CaseBranch, CaseBus, CaseLoad, CaseUnit};
use powerflow::units::MvaBase;
use powerflow::{BusId, Diagnostics, Network};

use crate::cells::Table;

/// Code of complaints.
const CODE: &str = "cascade.tables";

/// Reads a folder of tables. There is no reactive power in them: only a linear flow can be asked of the network.
///
/// # Errors
/// Everything that is wrong with the tables, each with file and line, and what [`Network::build`] refuses.
pub fn read_tables(folder: &Path) -> Result<Arc<Network>, Diagnostics> {
    let mut complaints = Diagnostics::default();
    let mut read = |name: &str, fill: &dyn Fn(&Table, &mut Case) -> Option<()>, case: &mut Case| {
        let filled = Table::read(&folder.join(name), CODE).and_then(|table| {
            // What is missing was complained of.
            let _ = fill(&table, case);
            table.finish(())
        });
        if let Err(found) = filled {
            complaints.0.extend(found.0);
        }
    };
    let name =
        folder.file_name().map_or_else(|| "tables".to_owned(), |name| name.to_string_lossy().into_owned());
    let mut case = Case { name, frequency_hz: 50.0, base_mva: MvaBase(100.0), ..Case::default() };
    read("bus.csv", &buses, &mut case);
    read("branch.csv", &branches, &mut case);
    read("gen.csv", &units, &mut case);
    read("load.csv", &loads, &mut case);
    complaints.into_result(())?;
    Network::build(case)
}

fn buses(table: &Table, case: &mut Case) -> Option<()> {
    let [bus, kind] = columns(table, ["bus", "type"])?;
    for row in table.rows() {
        let kinds = [BusKind::Pq, BusKind::Pv, BusKind::Reference, BusKind::Isolated];
        let kind = table.number::<usize>(row, kind, CODE, "1, 2, 3 or 4").and_then(|kind| {
            let found = kind.checked_sub(1).and_then(|at| kinds.get(at).copied());
            if found.is_none() {
                table.complain(
                    powerflow::Diagnostic::error(
                        "cascade.tables.cell",
                        format!("there is no bus of type {kind}"),
                    )
                    .hint("1 is PQ, 2 PV, 3 the reference, 4 out of service"),
                    Some(row.0),
                );
            }
            found
        });
        let id = table.number(row, bus, CODE, "the number of a bus");
        if let (Some(kind), Some(id)) = (kind, id) {
            case.buses.push(CaseBus {
                id: BusId(id),
                kind,
                vm_pu: 1.0,
                va_deg: 0.0,
                base_kv: 0.0,
                vm_max_pu: 1.1,
                vm_min_pu: 0.9,
                area: 1,
                name: None,
                location: None,
                line: Some(row.0),
            });
        }
    }
    Some(())
}

fn branches(table: &Table, case: &mut Case) -> Option<()> {
    let wanted = columns(table, ["from", "to", "x_pu", "rate_a_mw", "rate_b_mw", "rate_c_mw", "status"])?;
    for row in table.rows() {
        let bus = |column| table.number(row, column, CODE, "the number of a bus").map(BusId);
        let number = |column| table.number::<f64>(row, column, CODE, "a number");
        let rating = |column| number(column).map(|mw| (mw > 0.0).then_some(mw));
        let [from, to, x, a, b, c, status] = wanted;
        let (from, to, x_pu) = (bus(from), bus(to), number(x));
        let (a, b, c, status) = (rating(a), rating(b), rating(c), number(status));
        let branch = || {
            Some(CaseBranch {
                from: from?,
                to: to?,
                r_pu: 0.0,
                x_pu: x_pu?,
                from_shunt_pu: (0.0, 0.0),
                to_shunt_pu: (0.0, 0.0),
                rate_a_mva: a?,
                rate_b_mva: b?,
                rate_c_mva: c?,
                tap: 1.0,
                shift_deg: 0.0,
                in_service: status? != 0.0,
                transformer: false,
                tap_range: None,
                name: None,
                line: Some(row.0),
            })
        };
        case.branches.extend(branch());
    }
    Some(())
}

fn units(table: &Table, case: &mut Case) -> Option<()> {
    let wanted = columns(table, ["bus", "p_mw", "pmin_mw", "pmax_mw", "status", "ramp_up_mw_per_min"])?;
    for row in table.rows() {
        let [bus, p, p_min, p_max, status, ramp] = wanted;
        let number = |column| table.number::<f64>(row, column, CODE, "a number");
        let bus = table.number(row, bus, CODE, "the number of a bus").map(BusId);
        let (p, p_min, p_max, status, ramp) =
            (number(p), number(p_min), number(p_max), number(status), number(ramp));
        let unit = || {
            Some(CaseUnit {
                bus: bus?,
                p_mw: p?,
                q_mvar: 0.0,
                p_min_mw: p_min?,
                p_max_mw: p_max?,
                q_min_mvar: 0.0,
                q_max_mvar: 0.0,
                v_set_pu: 1.0,
                m_base_mva: 100.0,
                ramp_mw_per_min: ramp.map(|ramp| (ramp > 0.0).then_some(ramp))?,
                in_service: status? != 0.0,
                regulates: true,
                line: Some(row.0),
            })
        };
        case.units.extend(unit());
    }
    Some(())
}

fn loads(table: &Table, case: &mut Case) -> Option<()> {
    let [bus, p, factor] = columns(table, ["bus", "p_mw", "factor"])?;
    for row in table.rows() {
        let number = |column| table.number::<f64>(row, column, CODE, "a number");
        let bus = table.number(row, bus, CODE, "the number of a bus").map(BusId);
        if let (Some(bus), Some(p), Some(factor)) = (bus, number(p), number(factor)) {
            case.loads.push(CaseLoad { bus, p_mw: p * factor, q_mvar: 0.0, in_service: true });
        }
    }
    Some(())
}

fn columns<const N: usize>(table: &Table, names: [&str; N]) -> Option<[usize; N]> {
    let found = names.map(|name| table.need(name, CODE));
    found.iter().all(Option::is_some).then(|| found.map(Option::unwrap_or_default))
}
