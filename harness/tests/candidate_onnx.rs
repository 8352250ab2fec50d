//! The ONNX adapter: models made by `data/make_models.py`.
#![cfg(feature = "onnx")]

mod small_grid;

use std::path::{Path, PathBuf};

use harness::action::Task;
use harness::candidate::{Cause, Decisions, Source, open};
use harness::observation::Observations;
use powerflow::Diagnostics;

const IO: &str = "\"obs.bus.vm\" = { name = \"x\" }\n\"act.gen.v_set\" = { name = \"y\" }";

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

fn open_model(model: &str, io: &str, batch_max: usize) -> Result<Box<dyn Source>, Diagnostics> {
    let directory = tempfile::tempdir().unwrap();
    let model = format!("{model}.onnx");
    if data().join(&model).exists() {
        std::fs::copy(data().join(&model), directory.path().join(&model)).unwrap();
    }
    let rest =
        format!("[adapter]\nkind = \"onnx\"\npath = \"{model}\"\nbatch_max = {batch_max}\n[io]\n{io}\n");
    let path = small_grid::manifest(directory.path(), false, &rest);
    open(path.to_str().unwrap(), Task::VoltVar, &small_grid::network())
}

/// Sixteenths, so that nothing is rounded anywhere.
fn voltage(row: usize, col: usize) -> f64 {
    ((row * 7 + col * 3) % 32) as f64 / 16.0
}

fn seen(rows: usize) -> Observations {
    small_grid::observations(rows, |_, row, col| voltage(row, col))
}

/// `bias + x W`, by hand: see data/SOURCE.md.
fn linear(row: usize) -> Vec<f64> {
    (0..3)
        .map(|j| 1.0 + j as f64 + (0..5).map(|i| voltage(row, i) * (i + 10 * j) as f64 / 64.0).sum::<f64>())
        .collect()
}

fn decide(source: &dyn Source, seen: &Observations) -> Decisions {
    let mut candidate = source.start().unwrap();
    candidate.reset(&vec![0; seen.rows]);
    candidate.decide_batch(seen)
}

#[test]
fn every_kind_of_batch_gives_the_answer_computed_by_hand() {
    for (model, batch_max) in
        [("linear", 1024), ("linear", 6), ("linear", 1), ("linear_batch_1", 1024), ("linear_batch_4", 1024)]
    {
        let source = open_model(model, IO, batch_max).unwrap();
        assert!(source.batched());
        assert_eq!(source.notes(), Vec::<String>::new(), "{model}");
        for rows in [1, 2, 7, 13] {
            let decisions = decide(source.as_ref(), &seen(rows));
            assert_eq!(decisions.failed, vec![None; rows]);
            for row in 0..rows {
                assert_eq!(decisions.asked[0].values.row(row), linear(row), "{model}, row {row} of {rows}");
            }
        }
    }
}

/// Values that rounding does see: any batch around a row gives it the same bits.
#[test]
fn the_rows_beside_a_row_change_no_bit_of_its_answer() {
    let source = open_model("linear", IO, 1024).unwrap();
    let value = |row: usize, col: usize| 1.0 + ((row * 5 + col) as f64).sin();
    let all = decide(source.as_ref(), &small_grid::observations(256, |_, row, col| value(row, col)));
    for chosen in [vec![9], vec![9, 200], vec![255, 9, 3], (0..100).collect()] {
        let batch: Vec<usize> = chosen;
        let few = small_grid::observations(batch.len(), |_, row, col| value(batch[row], col));
        let answer = decide(source.as_ref(), &few);
        for (i, row) in batch.iter().enumerate() {
            let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<u64>>();
            assert_eq!(bits(answer.asked[0].values.row(i)), bits(all.asked[0].values.row(*row)));
        }
    }
}

#[test]
fn a_model_that_mixes_its_rows_is_run_row_by_row_and_says_so() {
    let source = open_model("mean_of_batch", IO, 1024).unwrap();
    let notes = source.notes();
    assert_eq!(notes.len(), 1);
    assert!(notes[0].contains("row by row") && notes[0].contains("rows beside it"), "{}", notes[0]);
    let decisions = decide(source.as_ref(), &seen(5));
    for row in 0..5 {
        // Alone, a row is its own mean.
        let doubled: Vec<f64> = linear(row).iter().map(|v| 2.0 * v).collect();
        assert_eq!(decisions.asked[0].values.row(row), doubled);
    }
}

#[test]
fn nan_fails_its_own_row_and_names_the_element() {
    let source = open_model("logarithm", IO, 1024).unwrap();
    let seen = small_grid::observations(4, |_, row, col| if (row, col) == (2, 1) { -1.0 } else { 1.0 });
    let decisions = decide(source.as_ref(), &seen);
    for row in [0, 1, 3] {
        assert_eq!(decisions.failed[row], None);
        assert_eq!(decisions.asked[0].values.row(row), [0.0; 3]);
    }
    let failure = decisions.failed[2].clone().unwrap();
    assert_eq!(failure.cause, Cause::NotFinite);
    assert!(failure.message.contains("unit 2 at bus 30") && failure.message.contains("NaN"));
}

#[test]
fn a_row_that_breaks_the_run_fails_alone() {
    let source = open_model("look_up", IO, 1024).unwrap();
    let seen = small_grid::observations(4, |_, row, _| if row == 2 { 1e6 } else { row as f64 });
    let decisions = decide(source.as_ref(), &seen);
    assert_eq!(decisions.failed[2].as_ref().map(|f| f.cause), Some(Cause::Exception));
    for row in [0, 1, 3] {
        assert_eq!(decisions.failed[row], None);
        assert_eq!(decisions.asked[0].values.row(row), [row as f64 - 100.0; 3]);
    }
}

#[test]
fn an_output_may_be_wider_than_the_slice_that_is_read() {
    let io = "\"obs.bus.vm\" = { name = \"x\" }\n\"act.gen.v_set\" = { name = \"y\", slice = [4, 7] }";
    let source = open_model("wide", io, 1024).unwrap();
    let decisions = decide(source.as_ref(), &seen(3));
    for row in 0..3 {
        assert_eq!(decisions.asked[0].values.row(row), [voltage(row, 4), voltage(row, 0), voltage(row, 1)]);
    }
}

#[test]
fn what_does_not_fit_the_model_is_refused_at_the_start() {
    let too_few = "\"obs.gen.p\" = { name = \"x\" }\n\"act.gen.v_set\" = { name = \"y\" }";
    let misspelt = "\"obs.bus.vm\" = { name = \"xx\" }\n\"act.gen.v_set\" = { name = \"yy\" }";
    let one_asked = "\"obs.bus.vm\" = { name = \"x\" }\n\"act.shunt.step\" = { name = \"y\" }";
    let by_element = "\"obs.bus.vm\" = { name = \"x\", column = 0 }\n\"act.gen.v_set\" = { name = \"y\" }";
    for (model, io, codes, parts) in [
        ("linear", too_few, vec!["candidate.onnx.shape"], vec!["[batch, 5]", "[batch, 3]"]),
        ("linear", by_element, vec!["candidate.onnx.shape"], vec!["[batch, 5]", "[batch, 5, 1]"]),
        ("linear", one_asked, vec!["candidate.onnx.shape"], vec!["[1, 3]", "[batch, 1]"]),
        (
            "linear",
            misspelt,
            vec!["candidate.onnx.input", "candidate.onnx.input", "candidate.onnx.output"],
            vec!["no input `xx`", "nothing in the io map fills the input `x`", "no output `yy`"],
        ),
        ("integer", IO, vec!["candidate.onnx.type"], vec!["Int32"]),
        ("absent", IO, vec!["candidate.onnx.load"], vec!["absent.onnx"]),
    ] {
        let refused = open_model(model, io, 1024).map(|_| ()).unwrap_err();
        let found: Vec<&str> = refused.0.iter().map(|d| d.code.as_ref()).collect();
        assert_eq!(found, codes, "{refused}");
        for part in parts {
            assert!(refused.to_string().contains(part), "{part} is not in: {refused}");
        }
    }
}

#[test]
fn many_threads_share_one_model() {
    let source = open_model("linear", IO, 1024).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let decisions = decide(source.as_ref(), &seen(9));
                assert_eq!(decisions.asked[0].values.row(8), linear(8));
            });
        }
    });
}

/// A worker of a rayon pool that waits for the model must not begin another episode meanwhile: it would come back to
/// this one much later, from deep in its own stack.
#[test]
fn a_rayon_worker_that_waits_for_the_model_does_nothing_else() {
    use rayon::prelude::*;
    thread_local!(static BUSY: std::cell::Cell<bool> = const { std::cell::Cell::new(false) });
    let source = open_model("linear", IO, 1024).unwrap();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    pool.install(|| {
        (0..200).into_par_iter().for_each(|_| {
            assert!(!BUSY.replace(true), "a second episode began inside the first");
            let decisions = decide(source.as_ref(), &seen(3));
            assert_eq!(decisions.asked[0].values.row(2), linear(2));
            BUSY.set(false);
        });
    });
}
