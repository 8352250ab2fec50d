//! Currents of a geomagnetic storm, by command line.

use serde_json::Value;

use crate::desk::Desk;

/// Two stations two degrees apart on the 40th parallel: 0.2 ohm of ground each, unit transformers of 0.1 ohm and a line of 1 ohm,
/// three phases in parallel.
const STORM: &str = "function mpc = storm
mpc.version = '2';
mpc.baseMVA = 100;
mpc.bus = [
	1	1	0	0	0	0	1	1.05	0	345	1	1.15	0.85;
	2	1	0	0	0	0	1	1.04	0	345	1	1.15	0.85;
	3	3	0	0	0	0	1	1.05	0	20	1	1.15	0.85;
	4	1	100	20	0	0	1	1	0	20	1	1.15	0.85;
];
mpc.gen = [
	3	100	0	900	-900	1.05	100	1	500	0;
];
mpc.branch = [
	3	1	0	0.02	0	0	0	0	1	0	1	-360	360;
	1	2	0.002	0.03	0	0	0	0	0	0	1	-360	360;
	2	4	0	0.02	0	0	0	0	1	0	1	-360	360;
];
%column_names% parent_index status g_gnd name
mpc.gmd_bus = {
	1	1	5	'dc_sub1'
	2	1	5	'dc_sub2'
	1	1	0	'dc_bus1'
	2	1	0	'dc_bus2'
	3	1	0	'dc_bus3'
	4	1	0	'dc_bus4'
};
%column_names% f_bus t_bus parent_type parent_index br_status br_r br_v len_km name
mpc.gmd_branch = {
	3	1	'branch'	1	1	0.1	0	0	'dc_xf1_hi'
	3	4	'branch'	2	1	1.0	170.788	170.788	'dc_br1'
	4	2	'branch'	3	1	0.1	0	0	'dc_xf2_hi'
};
%column_names% hi_bus lo_bus gmd_br_hi gmd_br_lo gmd_k gmd_br_series gmd_br_common baseMVA type config
mpc.branch_gmd = {
	1	3	1	-1	1.8	-1	-1	100	'xfmr'	'gwye-delta'
	1	2	-1	-1	-1	-1	-1	100	'line'	'none'
	2	4	3	-1	1.8	-1	-1	100	'xfmr'	'gwye-delta'
};
%column_names% lat lon
mpc.bus_gmd = {
	40	-89
	40	-87
	40	-89
	40	-87
};
";

fn document(desk: &Desk, arguments: &[&str]) -> Value {
    let said = desk.say(&[arguments, &["--format", "json"]].concat()).with(0);
    serde_json::from_str(&said.out).expect("JSON")
}

#[test]
fn one_loop_from_a_case_with_tables() {
    let desk = Desk::new();
    desk.put("storm.m", STORM);
    let study = document(&desk, &["gic", "storm.m", "--field", "1@90"]);
    assert_eq!(study["schema"], "gridgate/gic/1");
    let volt = study["branches"][0]["induced_v"].as_f64().expect("a voltage");
    // Two degrees of the 40th parallel: 111.5065 - 0.1872 cos 80 km, times cos 40 (NERC's series, 0.005 %).
    assert!((volt - 2.0 * 111.474 * 0.766_044).abs() < 0.01, "{volt}");
    let current = volt / (0.2 + 0.1 + 1.0 + 0.1 + 0.2);
    let number = |value: &Value| value.as_f64().expect("a number");
    let close = |ours: &Value, expected: f64| {
        let ours = number(ours);
        assert!((ours - expected).abs() < 1e-9 * expected.abs(), "{ours} {expected}");
    };
    close(&study["substations"][0]["gic_a"], -current);
    close(&study["substations"][1]["gic_a"], current);
    close(&study["branches"][0]["gic_a_per_phase"], current / 3.0);
    close(&study["transformers"][1]["ieff_a_per_phase"], current / 3.0);
    // K of 1.8 pu is 1.8 / (100 * 1000 sqrt 2 / (sqrt 3 * 500)) * 100 Mvar/A at 500 kV.
    let k = 180.0 / (1e5 * f64::sqrt(2.0) / (f64::sqrt(3.0) * 500.0));
    close(&study["transformers"][0]["qloss_mvar"], k * 1.05 * current / 3.0 * 345.0 / 500.0);
    // A machine's bus behind a delta has no direct voltage: null, not zero.
    assert_eq!(study["buses"][2]["dc_volt"], Value::Null);

    let said = desk.say(&["gic", "storm.m", "--field", "1@90"]).with(0);
    assert!(said.out.contains("1.000 V/km towards 90.0 degrees"), "{}", said.out);
    assert_eq!(said.err, "");
    let north = document(&desk, &["gic", "storm.m", "--field", "1@0"]);
    assert_eq!(number(&north["substations"][0]["gic_a"]), 0.0);
    let benchmark = document(&desk, &["gic", "storm.m", "--benchmark", "70", "--earth", "su1"]);
    assert_eq!(number(&benchmark["field"]["north_v_per_km"]), 8.0 * 0.93);
}

#[test]
fn losses_in_the_power_flow_lower_voltages_until_they_collapse() {
    let desk = Desk::new();
    desk.put("storm.m", STORM);
    let study = document(&desk, &["gic", "storm.m", "--field", "1@90", "--power-flow"]);
    let flow = &study["power_flow"];
    let number = |name: &str| flow[name].as_f64().unwrap_or_else(|| panic!("{name}: {flow}"));
    assert!(number("vm_min_pu") < number("vm_min_before_pu"), "{flow}");
    let (with, without) = (number("multiplier"), number("multiplier_without"));
    assert!(with > 1.0 && with < without && without <= 1.01 * with + 1e-9, "{flow}");
    // Just below the end there is a power flow, and beyond it the program says that there is none.
    let above = format!("{}@90", 1.05 * without);
    let said = desk.say(&["gic", "storm.m", "--field", &above, "--power-flow"]).with(1);
    assert!(said.err.contains("error[study.no-solution]"), "{}", said.err);
    document(&desk, &["gic", "storm.m", "--field", &format!("{}@90", 0.95 * with), "--power-flow"]);
}

#[test]
fn wrong_usage_of_gic_is_refused() {
    let desk = Desk::new();
    desk.put("storm.m", STORM);
    desk.put("cut.m", STORM.replace("'dc_sub2'\n\t1\t1\t0", "'dc_sub2'\n\t7\t1\t0"));
    desk.put("winding.m", STORM.replace("1	3	1	-1	1.8", "1	3	9	-1	1.8"));
    desk.put("number.m", STORM.replace("1.0	170.788", "one	170.788"));
    desk.put("old.gic", "GICFILEVRSN=2\n");
    for (arguments, part) in [
        (&["case41.m", "--field", "1@0"][..], "error[case.file.missing]"),
        (&["case14.m", "--field", "1@0"], "error[gic.tables.missing]"),
        (&["storm.m", "--field", "1"], "error[usage.field]"),
        (&["storm.m", "--field", "-1@0"], "error[usage.field]"),
        (&["storm.m"], "--field"),
        (&["storm.m", "--benchmark", "95"], "error[usage.benchmark]"),
        (&["storm.m", "--benchmark", "50", "--earth", "MARS"], "error[usage.earth]"),
        (&["storm.m", "--gic", "old.gic", "--field", "1@0"], "old.gic:1"),
        (&["--tables", "nothing", "--field", "1@0"], "nothing_substations.csv"),
        (&["cut.m", "--field", "1@0"], "cut.m:22"),
        (&["winding.m", "--field", "1@0"], "winding.m:35"),
        (&["number.m", "--field", "1@0"], "number.m:30:"),
    ] {
        let said = desk.say(&[&["gic"], arguments].concat()).with(2);
        assert!(said.err.contains(part) && said.out.is_empty(), "{arguments:?}: {}", said.err);
    }
}

const SUITE: &str = r#"schema = "gridgate/suite/1"
name = "sun"
seed = 7
grid = "storm.m"
geomagnetic = "storm.m"
candidate = "do_nothing"
[loop]
task = "volt_var"
step_s = 60
steps = 60
[[population]]
id = "storms"
hazards = [{ kind = "geomagnetic_storm", field_v_per_km = 2, azimuth_deg = 90, turns_deg_h = 0, lasts_h = 0.9, begins_s = 0 }]
size_max = 4
[[gate]]
id = "depth"
population = "storms"
metric = "voltage.worst_pu"
kind = "rate"
over = 0.2
max = 0.5
"#;

/// The deepest voltage of an episode is that of a power flow with the losses of the peak: two programs' worth of code for one number.
#[test]
fn a_storm_in_the_closed_loop_sinks_voltages_as_far_as_the_study_says() {
    let desk = Desk::new();
    desk.put("storm.m", STORM);
    desk.put("suite.toml", SUITE);
    let said = desk.run("suite.toml", "run", &[]);
    assert!([0, 1, 3].contains(&said.code), "{}", said.err);
    assert_eq!(desk.text("run/inputs/geomagnetic.m"), STORM);
    let study = document(&desk, &["gic", "storm.m", "--field", "2@90", "--power-flow"]);
    let episode = document(&desk, &["replay", "run", "storms/0", "--candidate", "do_nothing"]);
    let lowest = |values: &mut dyn Iterator<Item = f64>| values.fold(f64::INFINITY, f64::min);
    let steps = episode["steps"].as_array().expect("steps");
    let of_step = |step: &serde_json::Value| {
        lowest(&mut step["vm_pu"].as_array().expect("voltages").iter().filter_map(serde_json::Value::as_f64))
    };
    let lived = lowest(&mut steps.iter().map(of_step));
    let studied = study["power_flow"]["vm_min_pu"].as_f64().expect("a solution");
    assert!((lived - studied).abs() < 1e-6, "{lived} in the loop, {studied} in the study");

    desk.put("suite.toml", SUITE.replace("geomagnetic = \"storm.m\"\n", ""));
    let said = desk.run("suite.toml", "nowhere", &[]).with(2);
    assert!(said.err.contains("error[hazard.no-direct-current]"), "{}", said.err);
}
