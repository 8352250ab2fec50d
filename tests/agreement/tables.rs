//! Every reference case is read as MATPOWER reads it: the sums of all columns agree with those that MATPOWER 8.1 in
//! Octave printed after loading the file (`input_column_sums` in `reference/index.json`).

use gridgate_tests::{Unpacked, json, reference};
use powerflow::Case;
use powerflow::case::{BusKind, check, read};

/// Cases that no reader of literals can know: they end with MATLAB statements beyond plain scaling.
const MAY_REFUSE: [&str; 4] = ["case141", "case533mt_lo", "case533mt_hi", "case8387pegase"];

/// A column and the tolerance of its sum: sums of thousands of terms in another order differ by rounding only.
fn assert_sum(case: &str, column: &str, ours: f64, theirs: &serde_json::Value, magnitude: f64) {
    // Infinite limits are strings or null in JSON.
    let Some(theirs) = theirs.as_f64() else {
        assert!(!ours.is_finite(), "{case} {column}: {ours} against {theirs}");
        return;
    };
    let tolerance = 1e-12 * magnitude.max(theirs.abs()) + 1e-9;
    assert!((ours - theirs).abs() <= tolerance, "{case} {column}: {ours} against {theirs}");
}

fn column(case: &str, name: &str, theirs: &serde_json::Value, values: impl Iterator<Item = f64>) {
    let (mut sum, mut magnitude) = (0.0, 0.0);
    for value in values {
        sum += value;
        magnitude += f64::abs(value);
    }
    assert_sum(case, name, sum, theirs, if magnitude.is_finite() { magnitude } else { 0.0 });
}

fn assert_tables(name: &str, case: &Case, sums: &serde_json::Value) {
    let bus = |i: usize| &sums["bus"][i];
    let kind = |k| match k {
        BusKind::Pq => 1.0,
        BusKind::Pv => 2.0,
        BusKind::Reference => 3.0,
        BusKind::Isolated => 4.0,
    };
    column(name, "bus id", bus(0), case.buses.iter().map(|b| b.id.0 as f64));
    column(name, "bus type", bus(1), case.buses.iter().map(|b| kind(b.kind)));
    column(name, "Pd", bus(2), case.loads.iter().map(|l| l.p_mw));
    column(name, "Qd", bus(3), case.loads.iter().map(|l| l.q_mvar));
    column(name, "Gs", bus(4), case.shunts.iter().map(|s| s.g_mw));
    column(name, "Bs", bus(5), case.shunts.iter().map(|s| s.b_mvar));
    column(name, "area", bus(6), case.buses.iter().map(|b| b.area as f64));
    column(name, "Vm", bus(7), case.buses.iter().map(|b| b.vm_pu));
    column(name, "Va", bus(8), case.buses.iter().map(|b| b.va_deg));
    column(name, "base kV", bus(9), case.buses.iter().map(|b| b.base_kv));
    column(name, "Vmax", bus(11), case.buses.iter().map(|b| b.vm_max_pu));
    column(name, "Vmin", bus(12), case.buses.iter().map(|b| b.vm_min_pu));

    let gen_sum = |i: usize| &sums["gen"][i];
    column(name, "gen bus", gen_sum(0), case.units.iter().map(|u| u.bus.0 as f64));
    column(name, "Pg", gen_sum(1), case.units.iter().map(|u| u.p_mw));
    column(name, "Qg", gen_sum(2), case.units.iter().map(|u| u.q_mvar));
    column(name, "Qmax", gen_sum(3), case.units.iter().map(|u| u.q_max_mvar));
    column(name, "Qmin", gen_sum(4), case.units.iter().map(|u| u.q_min_mvar));
    column(name, "Vg", gen_sum(5), case.units.iter().map(|u| u.v_set_pu));
    column(name, "mBase", gen_sum(6), case.units.iter().map(|u| u.m_base_mva));
    column(name, "gen status", gen_sum(7), case.units.iter().map(|u| f64::from(u8::from(u.in_service))));
    column(name, "Pmax", gen_sum(8), case.units.iter().map(|u| u.p_max_mw));
    column(name, "Pmin", gen_sum(9), case.units.iter().map(|u| u.p_min_mw));

    let branch = |i: usize| &sums["branch"][i];
    column(name, "from", branch(0), case.branches.iter().map(|b| b.from.0 as f64));
    column(name, "to", branch(1), case.branches.iter().map(|b| b.to.0 as f64));
    column(name, "r", branch(2), case.branches.iter().map(|b| b.r_pu));
    column(name, "x", branch(3), case.branches.iter().map(|b| b.x_pu));
    column(name, "b", branch(4), case.branches.iter().map(|b| b.from_shunt_pu.1 + b.to_shunt_pu.1));
    column(name, "rate A", branch(5), case.branches.iter().map(|b| b.rate_a_mva.unwrap_or(0.0)));
    column(name, "rate B", branch(6), case.branches.iter().map(|b| b.rate_b_mva.unwrap_or(0.0)));
    column(name, "rate C", branch(7), case.branches.iter().map(|b| b.rate_c_mva.unwrap_or(0.0)));
    // The file's 0 means ratio 1, and is what makes a branch no transformer.
    let tap = |b: &powerflow::case::CaseBranch| match b.transformer {
        true => b.tap,
        false => 0.0,
    };
    if case.branches.iter().all(|b| b.shift_deg == 0.0) {
        column(name, "tap", branch(8), case.branches.iter().map(tap));
    }
    column(name, "shift", branch(9), case.branches.iter().map(|b| b.shift_deg));
    column(
        name,
        "branch status",
        branch(10),
        case.branches.iter().map(|b| f64::from(u8::from(b.in_service))),
    );
}

#[test]
fn every_reference_case_is_read_as_matpower_reads_it() {
    let Some(reference) = reference() else { return };
    let index = json(&reference.join("index.json"));
    let unpacked = Unpacked::new();
    let mut read_right = 0;
    for (name, entry) in index["cases"].as_object().expect("cases of the index") {
        let Some(path) = ["m", "m.gz"]
            .iter()
            .map(|extension| reference.join(format!("cases/{name}.{extension}")))
            .find(|path| path.is_file())
        else {
            continue;
        };
        match read(&unpacked.path(&path)) {
            Ok(case) => {
                let counts = [case.buses.len(), case.branches.len(), case.units.len()];
                let stated =
                    ["buses", "branches", "gens"].map(|key| entry[key].as_u64().expect(key) as usize);
                assert_eq!(counts, stated, "{name}");
                assert_eq!(case.base_mva.0, entry["baseMVA"].as_f64().expect("baseMVA"), "{name}");
                assert_tables(name, &case, &entry["input_column_sums"]);
                let complaints = check(&case);
                assert!(!complaints.has_errors(), "{name}: {complaints}");
                assert!(case.buses.iter().all(|b| b.line.is_some()), "{name}");
                assert!(case.branches.windows(2).all(|p| p[0].line <= p[1].line), "{name}");
                read_right += 1;
            }
            Err(complaints) => {
                assert!(MAY_REFUSE.contains(&name.as_str()), "{name} is refused: {complaints}");
                assert!(complaints.has_errors(), "{name}");
            }
        }
    }
    assert!(read_right >= 60, "only {read_right} cases were found and read");
}
