//! Level A of the frequency against exact step responses of the reheat model (`reference/dynamics`), all rows: of one step, and of
//! two with a delay between them. The reference rounds to four or five decimals.

use std::collections::BTreeMap;

use gridgate_tests::{bytes, reference};
use harness::frequency::{FastResponse, Reheat, ReheatIsland, SheddingPlan, Simulated, Trip, simulate};

type Row = BTreeMap<String, String>;

fn table(name: &str) -> Option<Vec<Row>> {
    let text = String::from_utf8(bytes(&reference()?.join("dynamics").join(name))).expect("text");
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().expect("a header").split(',').collect();
    let row = |line: &str| {
        header.iter().map(|name| (*name).to_owned()).zip(line.split(',').map(str::to_owned)).collect()
    };
    Some(lines.map(row).collect())
}

fn number(row: &Row, column: &str) -> f64 {
    row[column].parse().unwrap_or_else(|_| panic!("{column}: {}", row[column]))
}

fn island(row: &Row) -> ReheatIsland {
    let of = |column| number(row, column);
    ReheatIsland {
        nominal_hz: 60.0,
        inertia_s: of("H"),
        damping_pu: of("D"),
        turbine: Reheat {
            droop_pu: of("R"),
            high_pressure_share: of("FH"),
            reheat_s: of("TR"),
            gain_pu: of("Km"),
        },
        power_step_pu: of("P_pu"),
        response: None,
    }
}

#[test]
fn step_responses_are_those_of_the_closed_form() {
    let Some(rows) = table("sfr_closed_form.csv") else { return };
    let islands: Vec<ReheatIsland> = rows.iter().map(island).collect();
    let (simulated, curve) = simulate(&islands, None, 30.0, Some(0.1)).expect("sound islands");
    let samples = curve.time_s.len();
    for (i, (row, simulated)) in rows.iter().zip(&simulated).enumerate() {
        let named = format!("{} {}", row["case"], row["P_pu"]);
        // Half a unit of the reference's last digit besides.
        let near = |ours: f64, column: &str, tolerance: f64| {
            let theirs = number(row, column);
            assert!((ours - theirs).abs() < tolerance, "{named}, {column}: {ours} against {theirs}");
        };
        near(simulated.nadir.frequency_hz, "f_nadir_hz", 6e-6);
        near(simulated.nadir.time_s, "t_nadir_s", 6e-5);
        near(simulated.settling_hz.expect("governors hold it"), "f_ss_hz", 6e-6);
        near(simulated.rocof_hz_per_s, "rocof0_hz_s", 1e-12);
        for (column, sample) in [("f_0p5s", 5), ("f_1s", 10), ("f_5s", 50), ("f_20s", 200)] {
            near(curve.frequency_hz[i * samples + sample].expect("alive"), column, 6e-6);
        }
    }
    assert_eq!(rows.len(), 12);
}

#[test]
fn delays_of_fast_response_cost_what_superposition_says() {
    let Some(rows) = table("ffr_latency.csv") else { return };
    let islands: Vec<ReheatIsland> = rows
        .iter()
        .map(|row| {
            let latency = row["latency_s"].parse().ok();
            let step = |delay| FastResponse::step(number(row, "Pffr_pu"), number(row, "threshold_hz"), delay);
            ReheatIsland { response: latency.map(step), ..island(row) }
        })
        .collect();
    for (delay_s, column) in [(0.0, "t_trip_inst"), (0.1, "t_trip_0p1"), (0.3, "t_trip_0p3")] {
        // The relay of the reference only tells when it would trip.
        let relay = SheddingPlan::of_stages(&[(59.5, delay_s, 0.0)]);
        let (simulated, _) = simulate(&islands, Some(&relay), 30.0, None).expect("sound islands");
        for (row, Simulated { nadir, trips, response_s, .. }) in rows.iter().zip(&simulated) {
            let named = format!("{} {}, {column}", row["case"], row["latency_s"]);
            // The reference finds the trigger on a grid of 0.1 ms, in which the frequency falls by up to 0.14 mHz.
            assert!((nadir.frequency_hz - number(row, "f_nadir_hz")).abs() < 1.5e-4, "{named}: {nadir:?}");
            // The bottom is flat, and the reference looked for it on a grid.
            assert!((nadir.time_s - number(row, "t_nadir_s")).abs() < 1e-3, "{named}: {nadir:?}");
            match (row[column].parse::<f64>(), &trips[..]) {
                (Ok(theirs), [Trip { time_s, stage: 0, .. }]) => {
                    // On the same grid.
                    assert!((time_s - theirs).abs() < 1.1e-4, "{named}: {time_s} against {theirs}");
                }
                (Err(_), []) => assert_eq!(row[column], "no_trip", "{named}"),
                (theirs, ours) => panic!("{named}: {ours:?} against {theirs:?}"),
            }
            if let (Some(ours), Ok(latency)) = (response_s, row["latency_s"].parse::<f64>()) {
                // The reference takes the next tenth of a millisecond.
                assert!((ours - latency - number(row, "t_cross_s")).abs() < 1.1e-4, "{named}: {ours}");
            }
        }
    }
    assert_eq!(rows.len(), 24);
}
