//! Power flows with DC lines against those of MATPOWER with `toggle_dcline` on (`pf_dcline_*`).

use gridgate_tests::{Unpacked, reference, rows};
use powerflow::case::read;
use powerflow::{BusId, Index, Network, NewtonConfig, ReactiveLimits, Slack, UnitIdx, solve};

#[test]
fn dc_lines_agree_with_matpower() {
    let Some(reference) = reference() else { return };
    let unpacked = Unpacked::new();
    for name in ["var_case9_dcline", "case_RTS_GMLC"] {
        let packed = reference.join(format!("cases/{name}.m.gz"));
        let plain = reference.join(format!("cases/{name}.m"));
        let path = unpacked.path(if packed.is_file() { &packed } else { &plain });
        let network = Network::build(read(&path).expect(name).with_dc_lines()).expect(name);
        let config = NewtonConfig {
            slack: Slack::Single,
            reactive_limits: ReactiveLimits::Ignore,
            tolerance_pu: 1e-10,
            ..NewtonConfig::default()
        };
        let solution = solve(&network, &config).expect(name);
        let folder = reference.join(format!("solutions/{name}"));
        for row in rows(&folder.join("pf_dcline_bus.csv.gz")) {
            let bus = network.bus(BusId(row["bus_i"] as u64)).expect("a bus");
            assert!((solution.vm_pu(bus).unwrap() - row["Vm"]).abs() < 1e-8, "{name} {}", row["bus_i"]);
            let angle = solution.va_rad(bus).unwrap().to_degrees();
            assert!((angle - row["Va"]).abs() < 1e-6, "{name} {}", row["bus_i"]);
        }
        let table = rows(&folder.join("pf_dcline_dcline.csv.gz"));
        assert_eq!(network.case.dc_units.len(), 2 * table.iter().filter(|r| r["status"] == 1.0).count());
        for (unit, line) in &network.case.dc_units {
            let (row, unit) = (&table[*line], UnitIdx::from_row(*unit));
            let from = network.buses.id[network.units.bus[unit]].0 as f64 == row["fbus"];
            let (p, q) = if from { (-row["Pf"], row["Qf"]) } else { (row["Pt"], row["Qt"]) };
            let ours = [solution.unit_p_pu[unit], solution.unit_q_pu[unit]].map(|x| network.base.from_pu(x));
            assert!((ours[0] - p).abs() < 1e-6, "{name} line {}: {} {p} MW", line + 1, ours[0]);
            assert!((ours[1] - q).abs() < 1e-4, "{name} line {}: {} {q} Mvar", line + 1, ours[1]);
        }
    }
}
