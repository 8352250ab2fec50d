//! The folder of a study: written beside its place, renamed when it is whole.

use std::collections::BTreeMap;
use std::path::Path;

use powerflow::{Diagnostics, Index};
use reports::StormStudy;

use super::block::Storm;
use crate::run::Prepared;
use crate::run::folder::{self, Staged, json, network_record, problems, remove};
use crate::run::journal::partial_folder;

/// First line of the table.
const HEADER: &str = "population,index,outcome,demand_mw,unserved_mwh,unserved_as_served_mwh,interrupted_customers,interrupted_customer_minutes,lines\n";

/// Writes document, table and page, and puts the folder in its place.
pub(super) fn publish(
    out: &Path,
    prepared: &Prepared,
    document: &StormStudy,
    all: &[Vec<Storm>],
) -> Result<(), Diagnostics> {
    let partial = partial_folder(out);
    let staging = partial.join("complete");
    remove(&staging)?;
    let mut staged = Staged { root: staging.clone(), files: BTreeMap::new() };
    let picture = network_record(&prepared.network);
    staged.put("study.json", &json(document)?)?;
    staged.put("storms.csv", table(prepared, all).as_bytes())?;
    staged.put("network.json", &json(&picture)?)?;
    let page = reports::render::study::html(document, &picture).map_err(|problem| problems(vec![problem]))?;
    staged.put("report.html", page.as_bytes())?;
    reports::seal(&staging).map_err(problems)?;
    folder::publish(&staging, out, &partial.join("replaced"))?;
    remove(&partial)
}

/// A line for every storm; absent numbers are empty, and lines are rows of the file from 1 with spaces between.
fn table(prepared: &Prepared, all: &[Vec<Storm>]) -> String {
    let mut table = HEADER.to_owned();
    for (population, storms) in prepared.populations.iter().zip(all) {
        for storm in storms {
            let as_served = storm.served.as_ref().map_or_else(String::new, |served| served.mwh.to_string());
            let lines: Vec<String> = storm.lines.iter().map(|line| (line.row() + 1).to_string()).collect();
            let count = &storm.lost.interruptions;
            table.push_str(&format!(
                "{},{},{},{},{},{as_served},{},{},{}\n",
                population.id,
                storm.index,
                storm.outcome.id(),
                storm.demand_mw,
                storm.lost.mwh,
                count.sustained,
                count.minutes,
                lines.join(" ")
            ));
        }
    }
    table
}
