//! The nose against MATPOWER 8.1's continuation power flow in Octave (`reference/cpf`): all demand and all generation
//! scaled together, single slack.

use std::path::Path;
use std::sync::Arc;

use gridgate_tests::{Unpacked, bytes, json, reference};
use powerflow::{
    Direction, Network, NewtonConfig, Nose, NoseCause, NoseConfig, ReactiveLimits, Slack, Solver,
};

fn config(reactive_limits: ReactiveLimits) -> NoseConfig {
    NoseConfig {
        newton: NewtonConfig { reactive_limits, slack: Slack::Single, ..NewtonConfig::default() },
        // MATPOWER never gives a unit its voltage back.
        releases: false,
        ..NoseConfig::default()
    }
}

fn network(path: &Path) -> Arc<Network> {
    Network::build(powerflow::case::read(path).expect("a case")).expect("a network")
}

fn nose(network: &Arc<Network>, reactive_limits: ReactiveLimits) -> Nose {
    let state = network.initial_state();
    let direction = Direction::uniform(&state);
    let found = Solver::new(network).nose(&state, &direction, &config(reactive_limits));
    found.unwrap_or_else(|failure| panic!("{}: {failure}", network.name))
}

#[test]
fn noses_of_the_reference_cases() {
    let Some(folder) = reference() else { return };
    let index = json(&folder.join("index.json"));
    let unpacked = Unpacked::new();
    for case in ["case9", "case14", "case30", "case118"] {
        let file = index["cases"][case]["case_file"].as_str().expect("a file");
        let network = network(&unpacked.path(&folder.join(file)));
        for (limits, suffix) in [(ReactiveLimits::Ignore, "q0"), (ReactiveLimits::Enforce, "q1")] {
            let expected = json(&folder.join(format!("cpf/{case}_{suffix}.json")));
            let nose = nose(&network, limits);
            let theirs = expected["max_lambda"].as_f64().expect("a number");
            eprintln!(
                "{case} {suffix}: {} {theirs} {:?} {} points",
                nose.lambda,
                nose.cause,
                nose.curve.len()
            );
            for e in &nose.events {
                let name = match e.limit {
                    powerflow::Limit::Reactive(bus, side) => {
                        format!("bus {} {side:?}", network.buses.id[bus])
                    }
                    powerflow::Limit::Active(u, side) => format!("{u:?} {side:?}"),
                };
                eprintln!("   {:.5} {name} {}", e.lambda, e.reached);
            }
        }
    }
    let _ = (bytes(&folder.join("cpf/case9_q0.json")), NoseCause::Fold);
}
