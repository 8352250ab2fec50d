//! A cascade as a line of the table that published outcomes come in.

use powerflow::Index;

use crate::cascade::{Cascade, Outage, Tripped};

/// The first line of the table.
pub fn csv_header() -> &'static str {
    "source,k,branches,mw_lost,frac_lost,n_trips,t_last_s,trips\n"
}

/// One line: branches by 1-based row, blank-separated; trips as `branch@seconds`. Units that went off are no trips here.
pub fn csv_row(outage: &Outage, cascade: &Cascade) -> String {
    let rows = |rows: &mut dyn Iterator<Item = usize>| {
        rows.map(|row| (row + 1).to_string()).collect::<Vec<_>>().join(" ")
    };
    let trips: Vec<(usize, f64)> = cascade
        .trips
        .iter()
        .filter_map(|trip| match trip.what {
            Tripped::Branch(branch) => Some((branch.row() + 1, trip.time_s.unwrap_or_default())),
            _ => None,
        })
        .collect();
    let lost_mw = cascade.account.shed.total_mw();
    let initial_mw = cascade.account.initial_load_mw;
    // Nothing lost of nothing is no share, and 0 is what the table has for it.
    let share = if lost_mw == 0.0 { 0.0 } else { lost_mw / initial_mw };
    let listed: Vec<String> = trips.iter().map(|(row, time_s)| format!("{row}@{time_s:.4}")).collect();
    format!(
        "gridgate,{},{},{lost_mw:.6},{share:.8},{},{:.6},{}\n",
        outage.branches.len(),
        rows(&mut outage.branches.iter().map(|branch| branch.row())),
        trips.len(),
        trips.last().map_or(0.0, |(_, time_s)| *time_s),
        listed.join(" ")
    )
}
