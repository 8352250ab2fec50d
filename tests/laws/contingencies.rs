//! What an outage is charged with.

use std::path::Path;
use std::sync::Arc;

use powerflow::{BranchIdx, Network, NewtonConfig, Summary, Sweep, Violation};

fn network() -> Arc<Network> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/cases/pglib_opf_case30_ieee");
    let case = powerflow::case::read(&folder.join("pglib_opf_case30_ieee.m")).expect("a case");
    Network::build(case).expect("a network")
}

/// How far beyond its limit, in percent of it or pu; and which limit.
fn beyond(network: &Network, violation: &Violation) -> (String, f64) {
    match *violation {
        Violation::Overload(branch, loading) => (network.branch_name(branch), loading - 1.0),
        Violation::LowVoltage(bus, vm) => {
            (format!("low {}", network.buses.id[bus]), network.buses.voltage_pu_min[bus] - vm)
        }
        Violation::HighVoltage(bus, vm) => {
            (format!("high {}", network.buses.id[bus]), vm - network.buses.voltage_pu_max[bus])
        }
    }
}

#[test]
fn an_outage_is_charged_with_what_it_adds_and_nothing_else() {
    let network = network();
    let config = NewtonConfig::default();
    let mut sweep = Sweep::new(&network, network.initial_state(), &config).expect("a base");
    let base = sweep.summarise_base();
    let of_base: Vec<(String, f64)> = base.caused.iter().map(|v| beyond(&network, v)).collect();
    assert_eq!(of_base.len() as u32, base.overloads + base.low_voltages + base.high_voltages);
    assert!(!of_base.is_empty(), "a base that keeps every limit shows nothing here");

    let mut outages: Vec<Vec<BranchIdx>> = network.branches.from.indices().map(|b| vec![b]).collect();
    // The outage of nothing.
    outages.push(Vec::new());
    let mut summaries: Vec<Option<Summary>> = vec![None; outages.len()];
    sweep.summarise_outages(&outages, &mut |row, summary| summaries[row] = Some(summary));
    let nothing = summaries.pop().flatten().expect("an answer");
    assert!(nothing.caused.is_empty(), "{:?}", nothing.caused);

    let (mut again, mut fresh) = (0, 0);
    for summary in summaries.into_iter().map(|summary| summary.expect("an answer")) {
        assert!(
            summary.caused.len() as u32 <= summary.overloads + summary.low_voltages + summary.high_voltages
        );
        for violation in &summary.caused {
            let (name, depth) = beyond(&network, violation);
            assert!(depth > 0.0, "{name}");
            match of_base.iter().find(|(known, _)| *known == name) {
                Some((_, before)) => {
                    let clearly = if matches!(violation, Violation::Overload(..)) { 0.05 } else { 0.01 };
                    assert!(depth > before + clearly, "{name}: {depth}, in the base {before}");
                    again += 1;
                }
                None => fresh += 1,
            }
        }
    }
    assert!(again > 0 && fresh > 0, "{again} worse, {fresh} new: this case shows nothing");
}
