//! The columns of the published program's reference tables.

use powerflow::{Index, UnitIdx};

use super::record::is_trip;
use super::{Outage, Run};
use crate::cascade::Tripped;

/// The first line of a table: the names of its columns.
pub fn csv_header() -> &'static str {
    "branches,gens,status,ls_total,ls_ufls,ls_uvls,ls_vcls,ls_opf,ls_tripped,load_final_mw,pf_count,depth,n_isl,n_ufls,\
     n_ofgs,n_xl,n_ulgt,n_uvls,n_ol,n_vc,n_opf,n_sh,margin_line,margin_v,margin_q,branch_trips,gen_trips,bus_trips"
}

/// One line of a table, without its end: branches and units by their row from 1, buses by their number, losses as shares of the demand
/// before the outage, margins to three digits (`inf` where nothing was judged).
pub fn csv_row(outage: &Outage, run: &Run) -> String {
    let account = &run.cascade.account;
    let initial_mw = account.initial_load_mw;
    let share = |mw: f64| if initial_mw == 0.0 { 0.0 } else { mw / initial_mw };
    let shed = &account.shed;
    let losses = [
        shed.total_mw(),
        shed.ufls_mw,
        shed.uvls_mw,
        shed.collapse_mw,
        shed.unsolved_mw,
        shed.island_dead_mw + shed.bus_outage_mw,
    ];
    let counts = &run.counts;
    let counts = [
        counts.islands,
        counts.ufls,
        counts.ofgs,
        counts.reactive_limits,
        counts.below_p_min,
        counts.uvls,
        counts.overloads,
        counts.collapses,
        counts.unsolved,
        counts.shunts,
    ];
    let margins = [run.margins.line, run.margins.voltage_pu, run.margins.reactive_mvar];
    let rows = |rows: &mut dyn Iterator<Item = usize>| {
        rows.map(|row| (row + 1).to_string()).collect::<Vec<_>>().join(" ")
    };
    let mut branch_trips: Vec<(u32, u64)> = Vec::new();
    let mut unit_trips: Vec<(u32, u64)> = Vec::new();
    for trip in run.cascade.trips.iter().filter(|trip| is_trip(trip)) {
        match trip.what {
            Tripped::Branch(branch) => branch_trips.push((trip.generation, branch.row() as u64 + 1)),
            Tripped::Unit(unit) => unit_trips.push((trip.generation, unit.row() as u64 + 1)),
            Tripped::Bus(_) => {}
        }
    }
    let bus_trips = run.buses_lost.iter().map(|(bus, generation)| (*generation, bus.0)).collect();
    let units: &[UnitIdx] = &outage.units;
    let mut cells = vec![
        rows(&mut outage.branches.iter().map(|branch| branch.row())),
        rows(&mut units.iter().map(|unit| unit.row())),
        run.status.id().to_owned(),
    ];
    cells.extend(losses.map(|mw| format!("{:.8}", share(mw))));
    cells.push(format!("{:.6}", account.served_mw));
    cells.push(run.pf_count.to_string());
    cells.push(run.depth.to_string());
    cells.extend(counts.map(|count| count.to_string()));
    cells.extend(margins.map(three_digits));
    cells.extend([branch_trips, unit_trips, bus_trips].map(events));
    cells.join(",")
}

/// `id@generation`, by generation and id, with blanks between them.
fn events(mut events: Vec<(u32, u64)>) -> String {
    events.sort_unstable();
    events.iter().map(|(generation, id)| format!("{id}@{generation}")).collect::<Vec<_>>().join(" ")
}

/// As C prints with `%.3g`.
fn three_digits(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    if !value.is_finite() {
        return "inf".to_owned();
    }
    let scientific = format!("{value:.2e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trim = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    if (-4..3).contains(&exponent) {
        return trim(&format!("{value:.*}", (2 - exponent) as usize));
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", trim(digits), exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values as `printf("%.3g")` of the GNU C library prints them.
    #[test]
    fn numbers_are_printed_as_c_prints_them() {
        for (value, text) in [
            (0.29749, "0.297"),
            (18.84, "18.8"),
            (0.0000186, "1.86e-05"),
            (0.00012, "0.00012"),
            (11.0, "11"),
            (999.6, "1e+03"),
            (0.5, "0.5"),
            (0.0, "0"),
        ] {
            assert_eq!(three_digits(value), text);
        }
    }
}
