//! The nose against MATPOWER 8.1's continuation power flow in Octave (`reference/cpf`): all demand and all generation
//! scaled together, single slack.

use std::path::Path;
use std::sync::Arc;

use gridgate_tests::{Unpacked, bytes, json, reference};
use powerflow::{
    BusId, Direction, Limit, LimitSide, Network, NewtonConfig, Nose, NoseCause, NoseConfig, ReactiveLimits,
    Slack, Solver,
};
use serde_json::Value;

/// The reference scales every lambda of an event to three or four digits.
const EVENT_DIGITS: f64 = 6e-4;

fn config(reactive_limits: ReactiveLimits) -> NoseConfig {
    NoseConfig {
        newton: NewtonConfig { reactive_limits, slack: Slack::Single, ..NewtonConfig::default() },
        // MATPOWER never gives a unit its voltage back.
        releases: false,
        ..NoseConfig::default()
    }
}

fn read(path: &Path) -> Arc<Network> {
    Network::build(powerflow::case::read(path).expect("a case")).expect("a network")
}

fn nose(network: &Arc<Network>, direction: &Direction, reactive_limits: ReactiveLimits) -> Nose {
    let found = Solver::new(network).nose(&network.initial_state(), direction, &config(reactive_limits));
    found.unwrap_or_else(|failure| panic!("{}: {failure}", network.name))
}

/// Lambda and bus of every limit in a reference's log: `gen 47 @ bus 104 reached 23 MVAr Qmax lim @ lambda = 0.1834 : ...`.
fn events(expected: &Value) -> Vec<(f64, u64, LimitSide)> {
    let word_after = |text: &str, mark: &str| {
        let rest = &text[text.find(mark).expect("a mark") + mark.len()..];
        rest.split_whitespace().next().expect("a word").to_owned()
    };
    expected["event_msgs"]
        .as_array()
        .expect("a log")
        .iter()
        .filter_map(Value::as_str)
        .filter(|line| line.contains("reached") && line.contains("converted"))
        .map(|line| {
            let side = if line.contains("Qmax") { LimitSide::High } else { LimitSide::Low };
            let lambda = word_after(line, "lambda = ").parse().expect("a number");
            (lambda, word_after(line, "@ bus ").parse().expect("a bus"), side)
        })
        .collect()
}

#[test]
fn noses_without_reactive_limits() {
    let Some(folder) = reference() else { return };
    let index = json(&folder.join("index.json"));
    let unpacked = Unpacked::new();
    for case in ["case9", "case14", "case30", "case118"] {
        let file = index["cases"][case]["case_file"].as_str().expect("a file");
        let network = read(&unpacked.path(&folder.join(file)));
        let direction = Direction::uniform(&network.initial_state());
        let nose = nose(&network, &direction, ReactiveLimits::Ignore);
        assert_eq!(nose.cause, NoseCause::Fold, "{case}");
        assert_eq!(nose.events, [], "{case}");
        let expected = json(&folder.join(format!("cpf/{case}_q0.json")));
        let theirs = expected["max_lambda"].as_f64().expect("a number");
        // Near its largest value lambda hardly depends on where the nose is taken to be.
        assert!((nose.lambda - theirs).abs() < 1e-8, "{case}: {} {theirs}", nose.lambda);

        let table = bytes(&folder.join(format!("cpf/{case}_q0_nose_bus.csv.gz")));
        let table = String::from_utf8(table).expect("text");
        for line in table.lines().skip(1) {
            let cells: Vec<f64> = line.split(',').map(|cell| cell.parse().expect("a number")).collect();
            let bus = network.bus(BusId(cells[0] as u64)).expect("a bus");
            let vm = nose.solution.vm_pu(bus).expect("a live bus");
            // Voltages do: the reference stops where lambda changes by 1e-5 along the curve.
            assert!((vm - cells[1]).abs() < 1e-4, "{case}, bus {}: {vm} {}", cells[0], cells[1]);
        }
    }
}

#[test]
fn noses_with_reactive_limits() {
    let Some(folder) = reference() else { return };
    let index = json(&folder.join("index.json"));
    let unpacked = Unpacked::new();
    for case in ["case9", "case14", "case30", "case118"] {
        let file = index["cases"][case]["case_file"].as_str().expect("a file");
        let network = read(&unpacked.path(&folder.join(file)));
        let direction = Direction::uniform(&network.initial_state());
        let nose = nose(&network, &direction, ReactiveLimits::Enforce);
        let expected = json(&folder.join(format!("cpf/{case}_q1.json")));
        if case == "case9" {
            its_own_way(&network, &nose, &expected, &bytes(&folder.join("cpf/case9_q1_nose_bus.csv.gz")));
            continue;
        }
        let theirs = expected["max_lambda"].as_f64().expect("a number");
        // The reference takes a unit to be at its limit from 1e-4 pu before it on.
        assert!((nose.lambda - theirs).abs() < 1e-5, "{case}: {} {theirs}", nose.lambda);
        let message = expected["done_msg"].as_str().expect("a message");
        let as_they_say = match nose.cause {
            NoseCause::Fold => message.contains("steady state loading limit"),
            NoseCause::LimitInduced(_) => message.contains("limit induced bifurcation"),
            NoseCause::NoVoltageHeld(_) => message.contains("No REF or PV buses remaining"),
            NoseCause::NoActivePower(_) => false,
        };
        assert!(as_they_say, "{case}: {:?}, reference: {message}", nose.cause);

        let theirs = events(&expected);
        // What is beyond a limit in the base is put there before the reference's log begins.
        let on_the_way: Vec<_> = nose.events.iter().filter(|event| event.lambda > 0.0).collect();
        assert_eq!(on_the_way.len(), theirs.len(), "{case}");
        for (ours, (lambda, bus, side)) in on_the_way.into_iter().zip(theirs) {
            let at = network.bus(BusId(bus)).expect("a bus");
            assert_eq!((ours.limit, ours.reached), (Limit::Reactive(at, side), true), "{case}");
            assert!(
                (ours.lambda - lambda).abs() < EVENT_DIGITS * lambda,
                "{case}, bus {bus}: {}",
                ours.lambda
            );
        }
    }
}

/// In case9 the only limit is that of the reference. From there on the reference's curve takes the side on which its
/// voltage rises above the set-point while its units are at their upper limit, where no unit stays; ours ends.
fn its_own_way(network: &Network, nose: &Nose, expected: &Value, table: &[u8]) {
    let [(lambda, bus, side)] = events(expected)[..] else { panic!("one limit") };
    let at = network.bus(BusId(bus)).expect("a bus");
    assert_eq!(nose.cause, NoseCause::LimitInduced(Limit::Reactive(at, side)));
    assert!((nose.lambda - lambda).abs() < EVENT_DIGITS * lambda, "{}", nose.lambda);
    let table = String::from_utf8(table.to_vec()).expect("text");
    let line = table.lines().find(|line| line.starts_with(&format!("{bus},"))).expect("the bus");
    let theirs: f64 = line.split(',').nth(1).expect("a magnitude").parse().expect("a number");
    let unit = network.units.bus.iter().find(|(_, of)| **of == at).expect("a unit").0;
    assert!(side == LimitSide::High && theirs > network.units.v_set_pu[unit] + 0.01, "{theirs}");
}
