//! Machines: what analysis says of one against an infinite bus, and what every case must keep.

use std::path::PathBuf;

use gridgate_tests::{Unpacked, reference};
use harness::frequency::machines::{Integrator, Question, answer};
use proptest::prelude::*;
use reports::machines::{MachineStatus, MachineStudy, Synchronism};
use serde_json::{Value, json};

fn ask(events: &[&str], horizon_s: f64) -> Question {
    Question {
        events: events.iter().map(|event| (*event).to_owned()).collect(),
        horizon_s,
        ..Question::default()
    }
}

fn simulate(case: &Value, question: &Question) -> MachineStudy {
    let folder = Unpacked::new();
    let path = folder.put("case.json", case.to_string().as_bytes());
    answer(&path, question).unwrap_or_else(|wrong| panic!("{wrong}"))
}

fn cases() -> Vec<PathBuf> {
    let Some(folder) = reference() else { return Vec::new() };
    ["ieee14_classical", "ieee14_full", "kundur_classical", "kundur_full", "ieee39_classical", "ieee39_full"]
        .iter()
        .map(|name| folder.join(format!("dynamics/cases/{name}.json")))
        .collect()
}

/// A machine behind a reactance, and a bus that nothing moves.
#[derive(Debug)]
struct Pair {
    p_pu: f64,
    v1_pu: f64,
    line_x_pu: f64,
    xd1_pu: f64,
    m_s: f64,
}

/// Reactance and inertia of what stands for an infinite bus.
const STIFF_X: f64 = 1e-7;
const STIFF_M_S: f64 = 1e9;

impl Pair {
    fn case(&self) -> Value {
        let machine = |idx: &str, bus: u32, m_s: f64, xd1: f64| {
            json!({
                "idx": idx, "bus": bus, "gen": bus, "Sn": 100.0, "fn": 60.0, "M": m_s, "D": 0.0, "ra": 0.0, "xd1": xd1
            })
        };
        json!({
            "Bus": [{"idx": 1, "Vn": 20.0}, {"idx": 2, "Vn": 20.0}],
            "Line": [{"idx": "L", "bus1": 1, "bus2": 2, "r": 0.0, "x": self.line_x_pu}],
            "PV": [{"idx": 1, "bus": 1, "p0": self.p_pu, "v0": self.v1_pu}],
            "Slack": [{"idx": 2, "bus": 2, "v0": 1.0}],
            "GENCLS": [machine("G", 1, self.m_s, self.xd1_pu), machine("B", 2, STIFF_M_S, STIFF_X)]
        })
    }

    /// Internal voltage, pu, its angle to the infinite bus, rad, and largest power, pu.
    fn circuit(&self) -> (f64, f64, f64) {
        let theta = (self.p_pu * self.line_x_pu / self.v1_pu).asin();
        let (re, im) = (self.v1_pu * theta.cos(), self.v1_pu * theta.sin());
        // E = V + j xd1 I, with I = (V - 1) / (j x): E = V + (xd1 / x) (V - 1).
        let share = self.xd1_pu / self.line_x_pu;
        let (re, im) = (re + share * (re - 1.0), im + share * im);
        let e = re.hypot(im);
        (e, im.atan2(re), e / (self.line_x_pu + self.xd1_pu))
    }
}

fn pair() -> impl Strategy<Value = Pair> {
    (0.4f64..0.9, 0.98f64..1.08, 0.2f64..0.5, 0.15f64..0.35, 4.0f64..14.0)
        .prop_map(|(p_pu, v1_pu, line_x_pu, xd1_pu, m_s)| Pair { p_pu, v1_pu, line_x_pu, xd1_pu, m_s })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    /// Equal areas: with no power during the fault, cos(dc) = (pi - 2 d0) sin(d0) - cos(d0), and the rotor reaches dc after
    /// sqrt(2 M (dc - d0) / (w0 P)). Source: Kundur, Power System Stability and Control, 1994, section 13.1.
    #[test]
    fn one_machine_falls_out_when_equal_areas_say(pair in pair()) {
        let (_, d0, _) = pair.circuit();
        let critical = ((std::f64::consts::PI - 2.0 * d0) * d0.sin() - d0.cos()).acos();
        let omega = 2.0 * std::f64::consts::PI * 60.0;
        let expected_ms = 1e3 * (2.0 * pair.m_s * (critical - d0) / (omega * pair.p_pu)).sqrt();
        let question = Question { critical_clearing: Some("fault at bus 1".into()), ..ask(&[], 1.0) };
        let found = simulate(&pair.case(), &question).clearing.expect("an answer");
        let unstable_ms = found.unstable_ms.expect("an unstable duration");
        prop_assert_eq!(unstable_ms, found.stable_ms + 1);
        prop_assert!(f64::from(found.stable_ms) <= expected_ms + 1.0, "{} {expected_ms}", found.stable_ms);
        prop_assert!(f64::from(unstable_ms) >= expected_ms - 1.0, "{unstable_ms} {expected_ms}");
        prop_assert_eq!(found.first_lost.as_deref(), Some("G"));
    }

    /// Kinetic and potential energy of a lossless pair: M w0 (w - 1)^2 / 2 - P d - Pmax cos(d) stays what it is after a
    /// fault.
    #[test]
    fn energy_is_kept_where_nothing_is_lost(pair in pair()) {
        let (_, _, largest) = pair.circuit();
        let omega = 2.0 * std::f64::consts::PI * 60.0;
        let study = simulate(&pair.case(), &ask(&["fault at bus 1 at 0.1 for 0.06"], 5.0));
        let (machine, stiff) = (&study.table.machines[0], &study.table.machines[1]);
        let energies: Vec<f64> = (0..study.table.t_s.len())
            .filter(|row| study.table.t_s[*row] > 0.161)
            .map(|row| {
                let slip = machine.omega_pu[row].expect("on") - 1.0;
                let angle = machine.delta_rad[row].expect("on") - stiff.delta_rad[row].expect("on");
                0.5 * pair.m_s * omega * slip * slip - pair.p_pu * angle - largest * angle.cos()
            })
            .collect();
        let moved = study.table.machines[0].omega_pu.iter().flatten().fold(0.0f64, |m, w| m.max((w - 1.0).abs()));
        let kinetic = 0.5 * pair.m_s * omega * moved * moved;
        for energy in &energies {
            // The trapezoid keeps energy but for its curvature: (w h)^2 / 12 of what swings, w about 10 rad/s.
            prop_assert!((energy - energies[0]).abs() < 2e-3 * kinetic, "{energy} {} of {kinetic}", energies[0]);
        }
    }
}

#[test]
fn without_an_event_nothing_moves() {
    for path in cases() {
        let study = answer(&path, &ask(&[], 10.0)).expect("a sound case");
        assert_eq!(study.status, MachineStatus::Completed);
        for machine in &study.table.machines {
            let worst = machine.omega_pu.iter().flatten().fold(0.0f64, |worst, w| worst.max((w - 1.0).abs()));
            assert!(worst < 1e-9, "{}: machine {} moves by {worst:e}", study.case, machine.id);
        }
        for bus in &study.table.buses {
            let (first, last) =
                (bus.vm_pu[0].expect("live"), bus.vm_pu.last().copied().flatten().expect("live"));
            assert!((first - last).abs() < 1e-8, "{}: bus {}", study.case, bus.id);
        }
        assert!(study.islands.len() == 1 && study.dead.is_empty() && study.angles.is_empty());
    }
}

#[test]
fn what_is_undone_at_once_never_happened() {
    for path in cases().into_iter().take(1) {
        let events = [
            "open line Line_3 at 0.5",
            "close line Line_3 at 0.5",
            "trip load PQ_1 at 0.7",
            "reconnect load PQ_1 at 0.7",
        ];
        let study = answer(&path, &ask(&events, 3.0)).expect("a sound case");
        assert_eq!(study.events.len(), 2);
        for machine in &study.table.machines {
            assert!(machine.omega_pu.iter().flatten().all(|w| (w - 1.0).abs() < 1e-9));
        }
    }
}

/// Steps half as long, and another method altogether, tell the same story.
#[test]
fn the_step_does_not_matter() {
    for path in cases() {
        let load = if path.to_string_lossy().contains("kundur") { "PQ_0" } else { "PQ_3" };
        let step = format!("step load {load} by 10 % at 2");
        let question = ask(&["fault at bus 5 at 0.503 for 0.0707", &step], 6.0);
        let with = |step_s: Option<f64>, integrator| {
            let question = Question { step_s, integrator, ..question.clone() };
            answer(&path, &question).expect("a sound case")
        };
        let base = with(None, Integrator::Trapezoid);
        for (other, hz, omega) in [
            (with(Some(1.0 / 480.0), Integrator::Trapezoid), 2e-4, 2e-5),
            (with(None, Integrator::RungeKutta4), 2e-4, 2e-5),
        ] {
            for (a, b) in base.table.f_coi_hz.iter().zip(&other.table.f_coi_hz) {
                assert!((a.expect("one") - b.expect("one")).abs() < hz, "{}: {a:?} {b:?}", base.case);
            }
            for (ours, theirs) in base.table.machines.iter().zip(&other.table.machines) {
                for (a, b) in ours.omega_pu.iter().zip(&theirs.omega_pu) {
                    assert!((a.expect("on") - b.expect("on")).abs() < omega, "{}: {a:?} {b:?}", base.case);
                }
            }
        }
    }
}

/// The table is a look into the same run: its spacing moves no machine.
#[test]
fn the_table_does_not_disturb() {
    for path in cases().into_iter().take(1) {
        let fine = Question { sample_s: 0.001, ..ask(&["trip generator GENROU_2 at 0.5"], 2.0) };
        let coarse = Question { sample_s: 0.02, ..fine.clone() };
        let (fine, coarse) = (answer(&path, &fine).expect("sound"), answer(&path, &coarse).expect("sound"));
        assert_eq!(fine.key_figures, coarse.key_figures);
        for (row, hz) in coarse.table.f_coi_hz.iter().enumerate() {
            assert_eq!(*hz, fine.table.f_coi_hz[20 * row], "row {row}");
        }
    }
}

/// Order in the file is no physics.
#[test]
fn renumbering_changes_only_the_order() {
    for path in cases() {
        let straight: Value = gridgate_tests::json(&path);
        let mut turned = straight.clone();
        for table in ["Bus", "Line", "PQ", "PV", "GENCLS", "GENROU", "TGOV1", "TGOV1N", "IEEEX1"] {
            if let Some(rows) = turned.get_mut(table).and_then(Value::as_array_mut) {
                rows.reverse();
            }
        }
        let machines = if straight["GENCLS"].is_array() { &straight["GENCLS"] } else { &straight["GENROU"] };
        let machine = machines[1]["idx"].as_str().map_or("2".to_owned(), str::to_owned);
        let event = format!("trip generator {machine} at 0.5");
        let question = ask(&[&event], 8.0);
        let (one, other) = (simulate(&straight, &question), simulate(&turned, &question));
        for (a, b) in one.table.f_coi_hz.iter().zip(&other.table.f_coi_hz) {
            assert!((a.expect("one") - b.expect("one")).abs() < 1e-8, "{}", path.display());
        }
        for ours in &one.table.machines {
            let theirs = other.table.machines.iter().find(|m| m.id == ours.id).expect("the same machines");
            for (a, b) in ours.omega_pu.iter().zip(&theirs.omega_pu) {
                assert_eq!(a.is_some(), b.is_some());
                assert!((a.unwrap_or(1.0) - b.unwrap_or(1.0)).abs() < 1e-9, "machine {}", ours.id);
            }
        }
        for ours in &one.table.buses {
            let theirs = other.table.buses.iter().find(|b| b.id == ours.id).expect("the same buses");
            for (a, b) in ours.vm_pu.iter().zip(&theirs.vm_pu) {
                assert!((a.expect("live") - b.expect("live")).abs() < 1e-8, "bus {}", ours.id);
            }
        }
    }
}

/// Just after an event the centre of inertia moves as the machines' powers say: sum(M) dw/dt = sum(P before - P after), since
/// mechanical power was the electrical before.
#[test]
fn the_centre_of_inertia_takes_what_is_missing() {
    for path in cases() {
        for event in ["open line Line_8 at 0.5", "step load 0 by 10 MW at 0.5"] {
            let load = if path.to_string_lossy().contains("kundur") { "PQ_1" } else { "PQ_2" };
            let event = event.replace("load 0", &format!("load {load}"));
            let question = Question { sample_s: 1e-4, ..ask(&[&event], 0.51) };
            let study = answer(&path, &question).expect("a sound case");
            let powers = study.events[0].p_before_mw.iter().zip(&study.events[0].p_after_mw);
            let missing_pu: f64 = powers.map(|(b, a)| (b.expect("on") - a.expect("on")) / 100.0).sum();
            let inertia_s: f64 = study.table.machines.iter().map(|m| m.inertia_s).sum();
            let expected = 60.0 * missing_pu / inertia_s;
            let hz = |row: usize| study.table.f_coi_hz[row].expect("a frequency");
            // Circuits take the powers elsewhere within some hundredths of a second.
            let slope = (hz(5002) - hz(5000)) / 2e-4;
            assert!((slope - expected).abs() < 2e-3 * expected.abs() + 1e-6, "{event}: {slope} {expected}");
        }
    }
}

/// A fault through hardly anything is a bolted one.
#[test]
fn a_small_impedance_is_a_short_circuit() {
    for path in cases().into_iter().take(1) {
        let run = |through: &str| {
            answer(&path, &ask(&[&format!("fault at bus 4 at 0.5 for 0.1 {through}")], 2.0))
                .expect("a sound case")
        };
        let (bolted, nearly) = (run(""), run("r 0 x 1e-9"));
        for (a, b) in bolted.table.f_coi_hz.iter().zip(&nearly.table.f_coi_hz) {
            assert!((a.expect("one") - b.expect("one")).abs() < 1e-6);
        }
        assert!(bolted.events[0].vm_after_pu[3].is_some_and(|vm| vm == 0.0));
    }
}

/// Islands go their own ways, buses without a source die, and nothing is ever not a number.
#[test]
fn islands_have_their_own_frequency_and_the_dead_have_none() {
    for path in cases().into_iter().take(1) {
        let events = [
            "open line Line_13 at 0.2",
            "open line Line_16 at 0.2",
            "open line Line_11 at 0.5",
            "open line Line_17 at 0.5",
            "close line Line_13 at 1.0",
            "close line Line_17 at 1.5",
        ];
        let study = answer(&path, &ask(&events, 3.0)).expect("a sound case");
        assert_eq!(study.status, MachineStatus::Completed);
        let dead =
            study.dead.iter().map(|d| (d.from_s, d.to_s, d.buses.clone(), d.demand_mw)).collect::<Vec<_>>();
        assert_eq!(dead, [(0.2, 1.0, vec!["14".to_owned()], 20.0)]);
        let bus = &study.table.buses[13];
        for (t_s, vm) in study.table.t_s.iter().zip(&bus.vm_pu) {
            // Rows at the time of an event are of before it.
            assert_eq!(vm.is_none(), *t_s > 0.2 + 1e-9 && *t_s <= 1.0 + 1e-9, "{t_s}");
        }
        let alone: Vec<_> = study.islands.iter().filter(|i| i.machines == ["GENROU_5"]).collect();
        assert_eq!(alone.len(), 1);
        assert!((alone[0].from_s, alone[0].to_s) == (0.5, 1.5) && alone[0].end_hz > 60.5, "{alone:?}");
        // Closing it again at another frequency is told.
        assert!(study.warnings.iter().any(|w| w.contains("joined")), "{:?}", study.warnings);
        assert!(reports::canonical_json(&study).is_ok());
    }
}

#[test]
fn losing_every_machine_is_an_answer_too() {
    for path in cases().into_iter().filter(|path| path.ends_with("kundur_classical.json")) {
        let events = [
            "trip generator 1 at 0.5",
            "trip generator 2 at 0.5",
            "trip generator 3 at 0.5",
            "trip generator 4 at 0.5",
        ];
        let study = answer(&path, &ask(&events, 1.0)).expect("a sound case");
        assert_eq!((study.status, study.key_figures.is_none()), (MachineStatus::Completed, true));
        assert!(study.dead[0].buses.len() == 10 && reports::canonical_json(&study).is_ok());
        assert!(reports::render::machines::text(&study).contains("no machine is left"));
    }
}

/// A fault that is never cleared brings machines out of step, and the study says so.
#[test]
fn a_lasting_fault_loses_synchronism() {
    for path in cases().into_iter().filter(|path| path.ends_with("kundur_classical.json")) {
        let study = answer(&path, &ask(&["fault at bus 7 at 0.5"], 5.0)).expect("a sound case");
        assert_eq!(study.synchronism, Some(Synchronism::Lost));
        assert!(study.angles.iter().all(|angle| angle.lost_s.is_none_or(|lost| lost >= angle.strained_s)));
        assert!(reports::render::machines::text(&study).contains("LOST"));
    }
}

#[test]
fn every_event_that_is_wrong_is_told() {
    for path in cases().into_iter().take(1) {
        let events = [
            "trip generator GENROU_22 at 1",
            "opn line Line_1 at 1",
            "open line Line_1 at soon",
            "fault at bus 4 at 1 for 0",
            "step load PQ_1 by 3 kW at 1",
            "open line Line_1 at 11",
            "reconnect generator GENROU_1 at 2",
            "",
        ];
        let wrong = answer(&path, &ask(&events, 10.0)).expect_err("complaints");
        let codes: Vec<&str> = wrong.0.iter().map(|complaint| complaint.code.as_ref()).collect();
        let expected = [
            "machines.event.unknown-element",
            "machines.event.syntax",
            "machines.event.syntax",
            "machines.event.syntax",
            "machines.event.syntax",
            "machines.event.time",
            "machines.event.not-modelled",
            "machines.event.syntax",
        ];
        assert_eq!(codes, expected);
        assert!(wrong.0[0].hint.as_ref().is_some_and(|hint| hint.contains("GENROU_2")), "{}", wrong.0[0]);
        let twice = ask(&["open line Line_1 at 1", "open line Line_1 at 2"], 10.0);
        assert_eq!(answer(&path, &twice).expect_err("a complaint").0[0].code, "machines.event.no-effect");
    }
}

#[test]
fn everything_that_is_wrong_with_a_case_is_told() {
    let text = "{\n\"Bus\": [\n{\"idx\": 1, \"Vn\": 20.0},\n{\"idx\": 2, \"Vn\": 20.0}],\n\"Line\": [\n\
        {\"idx\": \"L\", \"bus1\": 1, \"bus2\": 3, \"r\": 0, \"x\": 0.1},\n\
        {\"idx\": \"M\", \"bus1\": 1, \"bus2\": 2, \"r\": 0, \"x\": \"wide\"}],\n\
        \"GENCLS\": [\n{\"idx\": \"G\", \"bus\": 1, \"gen\": 9, \"Sn\": 100, \"M\": -4, \"xd1\": 0.3}],\n\"HYGOV\": [{}]\n}";
    let folder = Unpacked::new();
    let path = folder.put("case.json", text.as_bytes());
    let wrong = answer(&path, &ask(&[], 1.0)).expect_err("complaints");
    let told: Vec<(&str, Option<u32>)> =
        wrong.0.iter().map(|c| (c.code.as_ref(), c.place.as_ref().and_then(|place| place.line))).collect();
    for expected in [
        ("machines.case.unknown-table", None),
        ("machines.case.unknown-name", Some(6)),
        ("machines.case.field", Some(7)),
        ("machines.case.unknown-name", Some(9)),
        ("machines.case.range", Some(9)),
    ] {
        assert!(told.contains(&expected), "{expected:?} in {told:?}");
    }
}

/// A case without a power flow begins nowhere, and says so.
#[test]
fn a_case_without_a_start_is_no_trajectory() {
    let mut case = Pair { p_pu: 0.8, v1_pu: 1.0, line_x_pu: 0.3, xd1_pu: 0.2, m_s: 8.0 }.case();
    case["PV"][0]["p0"] = json!(30.0);
    let study = simulate(&case, &ask(&[], 1.0));
    assert_eq!(study.status, MachineStatus::NoBase);
    assert!(study.why.is_some() && study.table.t_s.is_empty() && study.key_figures.is_none());
}
