//! Transfer and outage factors against those of MATPOWER 8.1 (`makePTDF`, `makeLODF`), stored in `reference/sensitivity`.

use std::path::Path;
use std::sync::Arc;

use gridgate_tests::{Unpacked, bytes, json, reference};
use powerflow::{
    Balance, BranchIdx, BusId, Index, LinearModel, Network, NodeIdx, OutageStatus, Plan, Slack, case::read,
};

/// Both sides compute with 16 digits; the tables are stored with ten.
const CLOSE: f64 = 1e-8;

/// A table of numbers without a header.
fn table(path: &Path) -> Vec<Vec<f64>> {
    let text = String::from_utf8(bytes(path)).expect("a table of text");
    let number = |cell: &str| cell.parse::<f64>().unwrap_or_else(|_| panic!("{}: {cell}", path.display()));
    text.lines().map(|line| line.split(',').map(number).collect()).collect()
}

#[test]
fn factors_are_those_of_matpower() {
    let Some(folder) = reference() else { return };
    let index = json(&folder.join("index.json"));
    let unpacked = Unpacked::new();
    let mut compared = 0;
    for entry in std::fs::read_dir(folder.join("sensitivity")).expect("stored factors") {
        let stored = entry.expect("a folder of a case").path();
        let name = stored.file_name().expect("a name").to_string_lossy().into_owned();
        let file = index["cases"][&name]["case_file"].as_str().expect("a case file");
        let network =
            Network::build(read(&unpacked.path(&folder.join(file))).expect("a case")).expect("a network");
        let state = network.initial_state();
        let plan = Arc::new(Plan::new(&network, &state.topology));
        let model = LinearModel::new(&network, &plan, &state, Slack::Single).expect("a linear model");
        let meta = json(&stored.join("meta.json"));
        let numbers = |key: &str| -> Vec<u64> {
            meta[key].as_array().expect("a list").iter().map(|v| v.as_u64().expect("a number")).collect()
        };
        let branches: Vec<BranchIdx> = numbers("branch_rows_1based_file_row")
            .iter()
            .map(|row| BranchIdx::from_row(*row as usize - 1))
            .collect();
        assert_eq!(branches, model.in_service(), "{name}");
        let nodes: Vec<NodeIdx> = numbers("bus_columns")
            .iter()
            .map(|id| NodeIdx::from_row(network.bus(BusId(*id)).expect("a bus of the case").row()))
            .collect();
        let mut close = |what: &str, ours: f64, theirs: f64| {
            assert!((ours - theirs).abs() < CLOSE, "{name}, {what}: {ours} against {theirs}");
            compared += 1;
        };

        let ptdf = table(&stored.join("ptdf.csv.gz"));
        assert_eq!(ptdf.len(), branches.len());
        let mut row_of = ptdf.iter();
        let mut row = |branch: BranchIdx, ours: &[f64]| {
            let theirs = row_of.next().expect("a row for each branch");
            assert_eq!(theirs.len(), nodes.len());
            for (node, theirs) in nodes.iter().zip(theirs) {
                close(&format!("row of branch {}", branch.row() + 1), ours[node.row()], *theirs);
            }
        };
        model.transfer_rows(&branches, Balance::Reference, &mut row).expect("no weights");
        let mut at = 0;
        let mut column = |_, ours: &[f64]| {
            for (branch, theirs) in branches.iter().zip(&ptdf) {
                close(&format!("column {at}"), ours[branch.row()], theirs[at]);
            }
            at += 1;
        };
        model.transfer_columns(&nodes, Balance::Reference, &mut column).expect("no weights");

        let lodf = table(&stored.join("lodf.csv.gz"));
        // One unit on every branch: what is more afterwards is the factor.
        let base = vec![1.0; network.branches.from.len()];
        let check = &mut |out: usize, outage: &powerflow::OutageFlows<'_>| {
            for (row, branch) in branches.iter().enumerate() {
                let theirs = lodf[row][out];
                let what = format!("outage of {:?}, branch {}", outage.branch, branch.row() + 1);
                match outage.flow_pu(*branch) {
                    Some(flow) => close(&what, flow - 1.0, theirs),
                    None => {
                        assert_eq!(outage.status, OutageStatus::Splits, "{name}, {what}");
                        // The stored column is no number, or what is left of rounding divided by rounding.
                    }
                }
            }
        };
        model.outages(&base, &branches, check).expect("a flow for each branch");
    }
    assert!(compared > 60_000, "only {compared} factors were compared");
}
