//! Limits of units: reactive limits are complementary to held voltages, and the balance is shared within ranges.

use powerflow::{BusStatus, LimitSide};
use proptest::prelude::*;

use super::grid::{Solved, cases, operated, recipe, stored_cases};

/// Every bus that holds its voltage is at it within its limits, or at a limit with its voltage on that limit's side.
fn reactive_limits_hold(solved: &Solved) -> Result<(), TestCaseError> {
    let (network, state, solution) = (&solved.network, &solved.state, &solved.solution);
    let units = &network.units;
    for bus in network.buses.id.indices() {
        let holding: Vec<_> = units
            .bus
            .iter()
            .filter(|(u, at)| **at == bus && state.unit_on[*u] && units.regulates[*u])
            .map(|(u, _)| u)
            .collect();
        let (Some(last), Some(v)) = (holding.last(), solution.vm_pu(bus)) else { continue };
        let sum = |column: &powerflow::Column<powerflow::UnitIdx, f64>| -> f64 {
            holding.iter().map(|u| column[*u]).sum()
        };
        let (q, low, high) = (sum(&solution.unit_q_pu), sum(&units.q_min_pu), sum(&units.q_max_pu));
        let set = state.unit_v_set_pu[*last];
        let unsettled = solution.unsettled.contains(&bus);
        let side = solution.at_limit.iter().find(|(b, _)| *b == bus).map(|(_, side)| *side);
        let name = network.buses.id[bus];
        match side {
            None => {
                prop_assert!((v - set).abs() < 1e-9, "bus {name} holds {v}, not {set}");
                prop_assert!(q > low - 1e-6 && q < high + 1e-6, "bus {name}: {q} of {low} to {high}");
            }
            Some(LimitSide::High) => {
                prop_assert!((q - high).abs() < 1e-8, "bus {name} at its upper limit {high} gives {q}");
                prop_assert!(unsettled || v < set + 1e-6, "bus {name} could hold {set}: {v}");
            }
            Some(LimitSide::Low) => {
                prop_assert!((q - low).abs() < 1e-8, "bus {name} at its lower limit {low} gives {q}");
                prop_assert!(unsettled || v > set - 1e-6, "bus {name} could hold {set}: {v}");
            }
        }
        for unit in &holding {
            let (q, low, high) = (solution.unit_q_pu[*unit], units.q_min_pu[*unit], units.q_max_pu[*unit]);
            prop_assert!(q > low - 1e-6 && q < high + 1e-6, "{}: {q}", network.unit_name(*unit));
        }
    }
    Ok(())
}

/// There is one level for each island: every unit is at its schedule plus its weight times the level, or at the end of
/// its range on that side; and nothing is unmet unless all are.
fn slack_is_shared(solved: &Solved) -> Result<(), TestCaseError> {
    let (network, state, solution) = (&solved.network, &solved.state, &solved.solution);
    prop_assert_eq!(solution.islands.len(), 1, "these grids are connected");
    let unmet = solution.islands[0].unmet_pu;
    let (mut least, mut most) = (f64::NEG_INFINITY, f64::INFINITY);
    let mut free = 0;
    for (unit, bus) in network.units.bus.iter() {
        let (p, weight) = (solution.unit_p_pu[unit], network.units.p_max_pu[unit]);
        if !state.unit_on[unit] || solution.status[*bus] != BusStatus::Live {
            prop_assert_eq!(p, 0.0);
            continue;
        }
        if weight <= 0.0 {
            prop_assert_eq!(p, state.unit_p_pu[unit], "a unit without capability does not share");
            continue;
        }
        let (low, high) = (state.unit_p_low_pu[unit], state.unit_p_high_pu[unit]);
        prop_assert!(p > low - 1e-8 && p < high + 1e-8, "{p} of {low} to {high}");
        let level = (p - state.unit_p_pu[unit]) / weight;
        // At its upper end the level may be anything above, and the other way round.
        if p < high - 1e-8 {
            most = most.min(level);
        }
        if p > low + 1e-8 {
            least = least.max(level);
        }
        if p < high - 1e-8 && p > low + 1e-8 {
            free += 1;
        }
        prop_assert!(unmet <= 1e-8 || p > high - 1e-8, "{unmet} pu are unmet with room up");
        prop_assert!(unmet >= -1e-8 || p < low + 1e-8, "{unmet} pu are unmet with room down");
    }
    prop_assert!(least <= most + 1e-6, "units moved to {least} and {most} of their weight");
    prop_assert!(free == 0 || unmet == 0.0, "{free} units have room both ways and {unmet} pu are unmet");
    Ok(())
}

proptest! {
    #![proptest_config(cases(96))]

    #[test]
    fn reactive_limits_and_voltages_are_complementary(recipe in recipe()) {
        if let Some(solved) = Solved::initial(recipe.case(), &operated()) {
            reactive_limits_hold(&solved)?;
        }
    }

    #[test]
    fn the_balance_is_shared_in_proportion_within_ranges(recipe in recipe(), demand in 0.3f64..1.8) {
        let mut case = recipe.case();
        // Light and heavy demand: units reach both ends of their ranges, some grids all of them.
        case.loads.iter_mut().for_each(|l| l.p_mw *= demand);
        if let Some(solved) = Solved::initial(case, &operated()) {
            slack_is_shared(&solved)?;
            reactive_limits_hold(&solved)?;
        }
    }
}

#[test]
fn limits_hold_in_stored_cases() {
    for case in stored_cases() {
        for demand in [0.5, 0.8, 1.0, 1.1] {
            let mut case = case.clone();
            case.loads.iter_mut().for_each(|l| (l.p_mw, l.q_mvar) = (l.p_mw * demand, l.q_mvar * demand));
            let name = format!("{} at {demand}", case.name);
            let Some(solved) = Solved::initial(case, &operated()) else { continue };
            slack_is_shared(&solved).unwrap_or_else(|e| panic!("{name}: {e}"));
            reactive_limits_hold(&solved).unwrap_or_else(|e| panic!("{name}: {e}"));
        }
    }
}
