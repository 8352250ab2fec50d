//! Laws of delays, on a plant in which help that comes later helps less: islands whose response is one step of power.

use gridgate_tests::Dice;
use harness::frequency::{FastResponse, Reheat, ReheatIsland, SheddingPlan, simulate};
use harness::latency::search;
use proptest::prelude::*;
use reports::MarginStatus;

use super::grid::cases;

/// An island that loses generation, and is helped by less than what it lost.
fn island(dice: &mut Dice) -> ReheatIsland {
    let lost_pu = dice.between(0.06, 0.16);
    ReheatIsland {
        nominal_hz: 60.0,
        inertia_s: dice.between(2.5, 6.0),
        damping_pu: dice.between(0.5, 2.0),
        turbine: Reheat {
            droop_pu: dice.between(0.04, 0.06),
            high_pressure_share: dice.between(0.2, 0.35),
            reheat_s: dice.between(6.0, 11.0),
            gain_pu: 0.95,
        },
        power_step_pu: -lost_pu,
        response: Some(FastResponse::step(lost_pu * dice.between(0.3, 0.9), 59.85, 0.0)),
    }
}

/// Whether it sheds, with these delays, ms.
fn sheds(island: &ReheatIsland, delays_ms: &[u32]) -> Vec<bool> {
    let stage = SheddingPlan::of_stages(&[(59.5, 0.0, 0.0)]);
    let delayed = |ms: &u32| {
        let response = island.response.map(|r| FastResponse { delay_s: f64::from(*ms) / 1e3, ..r });
        ReheatIsland { response, ..*island }
    };
    let islands: Vec<ReheatIsland> = delays_ms.iter().map(delayed).collect();
    let (simulated, _) = simulate(&islands, Some(&stage), 20.0, None).expect("sound islands");
    simulated.iter().map(|island| !island.trips.is_empty()).collect()
}

proptest! {
    #![proptest_config(cases(6))]

    /// A longer delay never saves the island, and the margin that is found is the edge: it holds there, and not a millisecond later.
    #[test]
    fn a_longer_delay_is_never_safer_and_the_margin_is_the_edge(seed in any::<u64>()) {
        let island = island(&mut Dice(seed));
        let delays: Vec<u32> = (0..=20).map(|i| i * 50).collect();
        let shed = sheds(&island, &delays);
        prop_assert!(shed.is_sorted(), "{shed:?}");
        let found = search(1, 1000, |tries| {
            let delays: Vec<u32> = tries.iter().map(|(_, ms)| *ms).collect();
            Ok::<_, ()>(sheds(&island, &delays))
        });
        let margin = found.expect("no errors")[0];
        prop_assert!(margin.monotone);
        match margin.status {
            MarginStatus::Found => {
                prop_assert_eq!(margin.fails_at_ms, Some(margin.margin_ms + 1));
                prop_assert_eq!(sheds(&island, &[margin.margin_ms, margin.margin_ms + 1]), [false, true]);
            }
            MarginStatus::UnsafeAtOnce => prop_assert!(shed[0]),
            MarginStatus::SafeThroughout => prop_assert!(!shed[20]),
        }
    }
}
