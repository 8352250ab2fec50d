//! PSS/E files against the solutions that MATPOWER 8.1 found of them, and against the state that they store themselves.

use gridgate_tests::{Unpacked, json, reference, rows};
use powerflow::case::read;
use powerflow::{BusId, Complex, Index, Network, NewtonConfig, ReactiveLimits, Slack, solve, stored_balance};

/// Files whose table is of another model, and why.
const ANOTHER_MODEL: [(&str, &str); 4] = [
    ("powsybl_core__IEEE_14_buses_zip_load", "MATPOWER takes the demand at the stored voltage as constant"),
    (
        "powsybl_core__SwitchedShunt",
        "MATPOWER leaves out the magnetising admittance of its three-winding unit (1.3e-5 pu; without it 3e-6 pu are left)",
    ),
    (
        "grg_pssedata__two_terminal_hvdc_test",
        "MATPOWER makes a bus with a DC line PV, though its line is off",
    ),
    ("matpower__t_case9_save2psse", "MATPOWER makes buses with a DC line PV, though its lines are off"),
];

#[test]
fn psse_files_have_the_solutions_that_matpower_found() {
    let Some(folder) = reference().map(|r| r.join("psse")) else { return };
    let index = json(&folder.join("index.json"));
    let unpacked = Unpacked::new();
    let mut compared = Vec::new();
    for (name, entry) in index["files"].as_object().expect("files of the index") {
        let table = folder.join(format!("solutions/{name}_bus.csv.gz"));
        if !table.is_file() || ANOTHER_MODEL.iter().any(|(other, _)| other == name) {
            continue;
        }
        // Revisions that are refused: `formats.rs` names them.
        let Ok(case) = read(&unpacked.path(&folder.join(entry["file"].as_str().expect("a file")))) else {
            continue;
        };
        let network = Network::build(case).unwrap_or_else(|e| panic!("{name}: {e}"));
        let config = NewtonConfig {
            slack: Slack::Single,
            reactive_limits: ReactiveLimits::Ignore,
            tolerance_pu: 1e-9,
            ..NewtonConfig::default()
        };
        let solution = solve(&network, &config).unwrap_or_else(|e| panic!("{name}: {e}"));
        for row in rows(&table).iter().filter(|row| row["type"] != 4.0) {
            // Star points of three-winding units have numbers of their own in either program.
            let Ok(bus) = network.bus(BusId(row["bus_i"] as u64)) else { continue };
            let (vm, va) = (solution.vm_pu(bus).unwrap(), solution.va_rad(bus).unwrap().to_degrees());
            assert!((vm - row["Vm"]).abs() < 1e-8, "{name} bus {}: {vm} {}", row["bus_i"], row["Vm"]);
            let turn = (va - row["Va"] + 180.0).rem_euclid(360.0) - 180.0;
            assert!(turn.abs() < 1e-6, "{name} bus {}: {va} {}", row["bus_i"], row["Va"]);
        }
        compared.push(name.as_str());
    }
    assert!(compared.len() >= 15, "only {compared:?}");
    for three_windings in ["PowerModels_jl__three_winding_test", "grg_pssedata__three_winding_test"] {
        assert!(compared.contains(&three_windings), "{compared:?}");
    }
}

/// What a printed digit may be wrong by.
struct Digits {
    vm_pu: f64,
    va_deg: f64,
    impedance_pu: f64,
}

/// Voltages with five decimals, angles with four, impedances with five, as RAW files are usually printed.
const USUAL: Digits = Digits { vm_pu: 5e-6, va_deg: 5e-5, impedance_pu: 5e-6 };

/// Files that store a solution, and the digits that they print it with.
const SOLVED: [(&str, Digits); 15] = [
    ("powsybl_core__IEEE_14_bus.raw", USUAL),
    ("powsybl_core__IEEE_14_bus_rev35.raw", USUAL),
    ("IEEE_14_bus_rev35.rawx", USUAL),
    ("powsybl_core__IEEE_14_isolated_buses.raw", USUAL),
    ("powsybl_core__IEEE_30_bus.raw", USUAL),
    ("powsybl_core__TwoWindingsTransformerPhase.raw", USUAL),
    ("powsybl_core__uiuc_150bus.raw", USUAL),
    ("grg_pssedata__case24.raw", USUAL),
    ("grg_pssedata__case30.raw", USUAL),
    ("grg_pssedata__pglib_opf_case73_ieee_rts.raw", USUAL),
    ("PowerModels_jl__case3.raw", USUAL),
    ("GridPACK__kundur_twoarea_v33.raw", USUAL),
    ("GridPACK__case_ACTIVSg2000_1.raw.gz", USUAL),
    ("ieee_25_bus.rawx", USUAL),
    ("case_ACTIVSg200_save2psse_v33.raw", USUAL),
];

/// Files that store no solution of what they say, by how much (MVA), and what is known of it. Any of them that became one
/// would be news.
const UNSOLVED: [(&str, f64, &str); 11] = [
    (
        "powsybl_core__IEEE_14_buses_zip_load.raw",
        13.8,
        "voltages of the 14-bus system without the ZIP parts at bus 2",
    ),
    ("powsybl_core__SwitchedShunt.raw", 1327.0, "MATPOWER finds voltages 0.03 pu and 21 degrees away"),
    (
        "powsybl_core__twoTerminalDc.raw",
        150.4,
        "the inverter at bus 8 draws 150 Mvar more than stored at its stated tap",
    ),
    ("powsybl_core__five_bus_nodeBreaker_rev35.raw", 252.0, "flat voltages"),
    ("PowerModels_jl__three_winding_test.raw", 151.0, "MATPOWER finds angles 6 degrees away"),
    ("PowerModels_jl__parser_test_k.raw", 1000.5, "MATPOWER finds no solution"),
    ("grg_pssedata__three_winding_test.raw", 151.0, "MATPOWER finds angles 8 degrees away"),
    ("grg_pssedata__vsc_hvdc_test.raw", 340.0, "made to be read, not solved"),
    (
        "grg_pssedata__WECC240_M21_psse33_v01b.raw",
        402.0,
        "MATPOWER finds voltages 0.07 pu and 10 degrees away",
    ),
    ("GridPACK__IEEE14_PTIv33.raw", 4.2, "MATPOWER finds voltages 0.001 pu away"),
    ("matpower__t_case9_save2psse.raw", 163.0, "flat voltages"),
];

/// How far each bus may be out of balance by the digits alone, pu: every printed number wrong by half a unit of its last
/// digit, all to the worse.
fn by_digits(network: &Network, digits: &Digits) -> Vec<f64> {
    let mut bound = vec![0.0; network.buses.id.len()];
    let (b, buses) = (&network.branches, &network.buses);
    for branch in b.from.indices().filter(|branch| b.in_service[*branch]) {
        let (from, to) = (b.from[branch], b.to[branch]);
        let impedance = b.resistance_pu[branch].hypot(b.reactance_pu[branch]);
        let polar = |bus, ratio: f64, shift: f64| {
            let (vm, va) = (buses.stored_vm_pu[bus] / ratio, buses.stored_va_rad[bus] - shift);
            Complex { re: vm * va.cos(), im: vm * va.sin() }
        };
        let near = polar(from, b.tap_ratio[branch], b.shift_rad[branch]);
        let far = polar(to, 1.0, 0.0);
        let across = Complex { re: near.re - far.re, im: near.im - far.im }.abs();
        // The current is a voltage over an impedance: both are printed.
        let current = 2.0 * (digits.vm_pu + digits.va_deg.to_radians()) / impedance
            + across / (impedance * impedance) * digits.impedance_pu * std::f64::consts::SQRT_2;
        for bus in [from, to] {
            bound[bus.row()] += 1.2 * current + digits.impedance_pu;
        }
    }
    bound
}

#[test]
fn the_stored_state_of_a_solved_file_balances() {
    let Some(folder) = reference().map(|r| r.join("psse")) else { return };
    let unpacked = Unpacked::new();
    let mut within = 0;
    for (file, digits) in &SOLVED {
        let case = read(&unpacked.path(&folder.join(file))).unwrap_or_else(|e| panic!("{file}: {e}"));
        let network = Network::build(case.with_dc_lines()).unwrap_or_else(|e| panic!("{file}: {e}"));
        let bound = by_digits(&network, digits);
        let mut worst = 0.0f64;
        for (bus, gap) in stored_balance(&network) {
            let (gap, bound) = (network.base.from_pu(gap.abs()), network.base.from_pu(bound[bus.row()]));
            worst = worst.max(gap);
            // 0.1 MVA, or what the digits of the file leave open where its impedances are small.
            assert!(gap < bound.max(0.1), "{file} bus {}: {gap} MVA, digits {bound}", network.buses.id[bus]);
        }
        within += usize::from(worst < 0.1);
        eprintln!("{file}: {worst:.4} MVA");
    }
    assert!(within >= 12, "{within} files within 0.1 MVA at every bus");
}

#[test]
fn a_file_that_stores_no_solution_is_known_to() {
    let Some(folder) = reference().map(|r| r.join("psse")) else { return };
    for (file, mva, why) in &UNSOLVED {
        let case = read(&folder.join(file)).unwrap_or_else(|e| panic!("{file}: {e}"));
        let network = Network::build(case.with_dc_lines()).unwrap_or_else(|e| panic!("{file}: {e}"));
        let worst = stored_balance(&network).iter().map(|(_, gap)| gap.abs()).fold(0.0, f64::max);
        let worst = network.base.from_pu(worst);
        assert!((worst - mva).abs() < 0.02 * mva, "{file} ({why}): {worst} MVA");
    }
}
