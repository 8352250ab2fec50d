//! Conductor ratings against a table that an independent implementation of IEEE 738 computed.

use gridgate_tests::reference;
use powerflow::rating::{Sun, Weather, reference as usual};

#[test]
fn ratings_agree_with_the_table() {
    let Some(folder) = reference() else { return };
    let table = std::fs::read_to_string(folder.join("storms/ieee738_drake_grid.csv")).expect("a table");
    let (drake, weather, _) = usual();
    let mut rows = 0;
    for line in table.lines().skip(1) {
        let cells: Vec<f64> = line.split(',').map(|cell| cell.parse().expect("a number")).collect();
        let [
            ambient_c,
            conductor_c,
            wind_m_s,
            wind_angle_deg,
            solar,
            convected,
            radiated,
            resistance,
            rating_a,
        ] = cells[..]
        else {
            panic!("nine columns: {line}")
        };
        let weather = Weather { ambient_c, wind_m_s, wind_angle_deg, sun: Sun::Heat(solar), ..weather };
        let balance = drake.balance(&weather, conductor_c);
        let close = |what: &str, ours: f64, theirs: f64, allowed: f64| {
            assert!((ours - theirs).abs() <= allowed, "{what} of {line}: {ours}");
        };
        close("convection", balance.convected_w_m(), convected, 1e-3);
        close("radiation", balance.radiated_w_m, radiated, 1e-3);
        close("resistance", balance.resistance_ohm_m, resistance, 1e-9);
        close("rating", drake.rating_a(&weather, conductor_c), rating_a, 0.05);
        rows += 1;
    }
    assert!(rows > 100, "{rows} rows");
}
