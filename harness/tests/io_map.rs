//! The io map: what a model is given and what its answer means.

mod small_grid;

use harness::action::Asked;
use harness::candidate::Cause;
use harness::candidate::io_map::{IoMap, ModelOutput};
use harness::candidate::manifest::Manifest;
use harness::observation::Observed;
use powerflow::Diagnostics;
use proptest::prelude::*;

fn compile(io: &str) -> Result<IoMap, Diagnostics> {
    let directory = tempfile::tempdir().unwrap();
    let rest = format!("[adapter]\nkind = \"process\"\nargv = [\"x\"]\n[io]\n{io}\n");
    let manifest = Manifest::read(&small_grid::manifest(directory.path(), false, &rest)).unwrap();
    IoMap::compile(&manifest, &small_grid::network())
}

fn place(quantity: Observed) -> f64 {
    quantity as usize as f64
}

/// Values that tell where they come from: quantity, row and column as decimal digits.
fn telling(quantity: usize, row: usize, col: usize) -> f64 {
    quantity as f64 + 0.25 * row as f64 + 0.03125 * col as f64
}

const ASK: &str = "\"act.gen.v_set\" = { name = \"y\" }";

#[test]
fn slices_rows_and_units_go_where_the_manifest_says() {
    let io = compile(&format!(
        "\"obs.bus.vm\" = {{ name = \"x\", slice = [2, 7] }}\n\
         \"obs.bus.pd\" = {{ name = \"x\", slice = [0, 2], rows = \"load\", unit = \"pu\" }}\n\
         \"obs.bus.va\" = {{ name = \"x\", slice = [7, 9], rows = \"gen\", scale = 2.0, offset = 1.0 }}\n\
         \"obs.gen.q\" = {{ name = \"z\", rows = [3, 1] }}\n{ASK}"
    ))
    .unwrap();
    let seen = small_grid::observations(3, telling);
    let encoded = io.encode(&seen, &[2, 0]);
    assert_eq!(io.inputs()[0].shape(2), [2, 9]);
    let (vm, va, pd, q) =
        (place(Observed::BusVm), place(Observed::BusVa), place(Observed::BusPd), place(Observed::UnitQ));
    let expected = |row: f64| -> Vec<f32> {
        let at = |quantity: f64, col: f64| quantity + 0.25 * row + 0.03125 * col;
        [
            // Demand at buses 20 and 40 on a base of 100 MVA.
            vec![at(pd, 1.0) / 100.0, at(pd, 3.0) / 100.0],
            (0..5).map(|col| at(vm, f64::from(col))).collect(),
            // Units at buses 10 and 30.
            vec![at(va, 0.0) * 2.0 + 1.0, at(va, 2.0) * 2.0 + 1.0],
        ]
        .concat()
        .into_iter()
        .map(|v| v as f32)
        .collect()
    };
    assert_eq!(encoded.inputs[0], [expected(2.0), expected(0.0)].concat());
    let units: Vec<f32> = [(2.0, 2.0), (2.0, 0.0), (0.0, 2.0), (0.0, 0.0)]
        .map(|(row, col)| (q + 0.25 * row + 0.03125 * col) as f32)
        .to_vec();
    assert_eq!(encoded.inputs[1], units);
    assert_eq!(encoded.failed, [None, None]);
}

#[test]
fn a_flat_layout_joins_in_the_order_written() {
    let io = compile(&format!(
        "layout = \"flat\"\n\"obs.gen.p\" = {{ name = \"x\" }}\n\"obs.time_s\" = {{ name = \"x\" }}\n{ASK}"
    ))
    .unwrap();
    let encoded = io.encode(&small_grid::observations(1, telling), &[0]);
    let p = place(Observed::UnitP) as f32;
    assert_eq!(encoded.inputs[0], [p, p + 0.03125, p + 0.0625, place(Observed::TimeS) as f32]);
}

#[test]
fn columns_are_features_of_every_element() {
    let io = compile(
        "\"obs.bus.vm\" = { name = \"x\", column = 1 }\n\"obs.bus.va\" = { name = \"x\", column = 0 }\n\
         \"act.gen.v_set\" = { name = \"y\", column = 1 }\n\"act.gen.p_set\" = { name = \"y\", column = 0 }",
    )
    .unwrap();
    assert_eq!(io.inputs()[0].shape(4), [4, 5, 2]);
    let encoded = io.encode(&small_grid::observations(1, telling), &[0]);
    let (vm, va) = (place(Observed::BusVm) as f32, place(Observed::BusVa) as f32);
    assert_eq!(encoded.inputs[0][..4], [va, vm, va + 0.03125, vm + 0.03125]);
    let answer = ModelOutput { shape: vec![1, 3, 2], data: vec![10.0, 1.0, 20.0, 1.1, 30.0, 1.2] };
    let mut decisions = io.blank(1);
    io.decode(&[0], &[answer], &mut decisions);
    assert_eq!(decisions.asked[0].values.data, [1.0, 1.1, 1.2]);
    assert_eq!(decisions.asked[1].values.data, [10.0, 20.0, 30.0]);
}

#[test]
fn a_value_that_is_not_finite_fails_its_own_row_and_names_the_element() {
    let io = compile("\"act.gen.v_set\" = { name = \"y\", rows = [3, 1] }").unwrap();
    for (bad, text) in [(f64::NAN, "NaN"), (f64::INFINITY, "inf"), (f64::NEG_INFINITY, "-inf")] {
        let mut decisions = io.blank(3);
        let answer = ModelOutput { shape: vec![3, 2], data: vec![1.0, 1.1, bad, 1.2, 1.3, 1.4] };
        io.decode(&[0, 1, 2], &[answer], &mut decisions);
        let failure = decisions.failed[1].clone().unwrap();
        assert_eq!(failure.cause, Cause::NotFinite);
        assert_eq!(failure.message, format!("output `y`: act.gen.v_set of unit 3 at bus 30 is {text}"));
        assert_eq!((&decisions.failed[0], &decisions.failed[2]), (&None, &None));
        let asked = &decisions.asked[0];
        assert_eq!(asked.elements, [2, 0]);
        assert_eq!(asked.values.data, [1.0, 1.1, 0.0, 1.2, 1.3, 1.4], "never NaN, even where failed");
    }
}

#[test]
fn another_shape_fails_every_row_and_says_both_shapes() {
    let io = compile(ASK).unwrap();
    for (shape, n) in [(vec![2, 4], 8), (vec![1, 3], 3), (vec![2, 3, 1], 6), (vec![6], 6)] {
        let mut decisions = io.blank(2);
        io.decode(&[0, 1], &[ModelOutput { shape: shape.clone(), data: vec![1.0; n] }], &mut decisions);
        for failure in decisions.failed {
            let failure = failure.unwrap();
            assert_eq!(failure.cause, Cause::Shape);
            assert!(failure.message.contains(&format!("{shape:?}")) && failure.message.contains("[2, 3]"));
        }
    }
    let mut decisions = io.blank(2);
    io.decode(&[0, 1], &[ModelOutput { shape: vec![2, 3], data: vec![1.0; 5] }], &mut decisions);
    assert!(decisions.failed.iter().all(|f| f.as_ref().is_some_and(|f| f.cause == Cause::Shape)));
}

#[test]
fn what_no_f32_holds_fails_its_own_row() {
    let io = compile(&format!("\"obs.bus.vm\" = {{ name = \"x\", scale = 1e38 }}\n{ASK}")).unwrap();
    let seen = small_grid::observations(2, |_, row, col| if (row, col) == (1, 3) { 1e3 } else { 1.0 });
    let encoded = io.encode(&seen, &[0, 1]);
    assert_eq!(encoded.failed[0], None);
    let failure = encoded.failed[1].clone().unwrap();
    assert_eq!(failure.cause, Cause::NotFinite);
    assert!(failure.message.contains("bus 40"), "{}", failure.message);
    assert_eq!(encoded.inputs[0][5..], [0.0; 5]);
}

#[test]
fn a_map_that_does_not_fit_the_grid_is_refused() {
    for (io, code) in [
        ("\"obs.bus.vm\" = { name = \"x\", slice = [0, 4] }", "candidate.io.slice"),
        ("\"obs.bus.vm\" = { name = \"x\", slice = [1, 6] }", "candidate.io.gap"),
        ("\"obs.bus.vm\" = { name = \"x\", column = 1 }", "candidate.io.gap"),
        ("\"obs.bus.vm\" = { name = \"x\" }\n\"obs.bus.va\" = { name = \"x\" }", "candidate.io.overlap"),
        (
            "\"obs.bus.vm\" = { name = \"x\" }\n\"obs.gen.p\" = { name = \"x\", column = 0 }",
            "candidate.io.layout",
        ),
        (
            "\"obs.bus.vm\" = { name = \"x\", column = 1 }\n\"obs.gen.p\" = { name = \"x\", column = 0 }",
            "candidate.io.layout",
        ),
        ("\"obs.branch.tap\" = { name = \"x\", rows = \"gen\" }", "candidate.io.rows"),
        ("\"obs.gen.p\" = { name = \"x\", rows = \"load\" }", "candidate.io.rows"),
        ("\"obs.time_s\" = { name = \"x\", rows = [1] }", "candidate.io.rows"),
        ("\"obs.bus.vm\" = { name = \"x\", rows = [10, 21] }", "network.unknown-bus"),
        ("\"obs.bus.vm\" = { name = \"x\", rows = [10, 10] }", "candidate.io.twice"),
        ("\"obs.gen.p\" = { name = \"x\", rows = [0] }", "candidate.io.unknown-row"),
        ("\"obs.gen.p\" = { name = \"x\", rows = [4] }", "candidate.io.unknown-row"),
    ] {
        let refused = compile(&format!("{io}\n{ASK}")).unwrap_err();
        let codes: Vec<&str> = refused.0.iter().map(|d| d.code.as_ref()).collect();
        assert!(codes.contains(&code), "{io}: {codes:?}");
        assert!(refused.0.iter().all(|d| d.place.as_ref().is_some_and(|p| p.line.is_some())));
    }
}

#[test]
fn a_scaled_step_comes_back_whole_and_a_half_step_stays_half() {
    let io = compile("\"act.shunt.step\" = { name = \"y\", scale = 0.1 }").unwrap();
    for (told, meant) in [(f64::from(0.3_f32), 3.0), (0.0, 0.0), (0.25, 2.5), (0.09, 0.9)] {
        let mut decisions = io.blank(1);
        io.decode(&[0], &[ModelOutput { shape: vec![1, 1], data: vec![told] }], &mut decisions);
        let value = decisions.asked[0].values.data[0];
        assert!((value - meant).abs() < 1e-12, "{told} -> {value}");
    }
    assert_eq!(io.asks().collect::<Vec<_>>(), [Asked::ShuntStep]);
}

proptest! {
    /// What goes in through a unit, scale and offset comes back out through the same, to the rounding of the f32 that
    /// carries it: half an ulp of f32 of the carried value, taken back through the scale.
    #[test]
    fn out_is_the_inverse_of_in(
        value in -500.0..500.0_f64,
        scale in prop_oneof![-10.0..-0.01_f64, 0.01..10.0_f64],
        offset in -5.0..5.0_f64,
        in_pu in any::<bool>(),
    ) {
        let unit = if in_pu { "pu" } else { "MW" };
        let how = format!("unit = \"{unit}\", scale = {scale:?}, offset = {offset:?}");
        let io = compile(&format!(
            "\"obs.gen.p_set\" = {{ name = \"x\", {how} }}\n\"act.gen.p_set\" = {{ name = \"y\", {how} }}"
        )).unwrap();
        let encoded = io.encode(&small_grid::observations(1, |_, _, _| value), &[0]);
        let carried: Vec<f64> = encoded.inputs[0].iter().map(|v| f64::from(*v)).collect();
        let mut decisions = io.blank(1);
        io.decode(&[0], &[ModelOutput { shape: vec![1, 3], data: carried.clone() }], &mut decisions);
        let base = if in_pu { 100.0 } else { 1.0 };
        let tolerance = 0.51 * f64::from(f32::EPSILON) * carried[0].abs() / scale.abs() * base + 1e-9;
        for back in &decisions.asked[0].values.data {
            prop_assert!((back - value).abs() <= tolerance, "{value} -> {back}");
        }
    }
}
