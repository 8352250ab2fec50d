//! Share of generation that is out of order, by temperature, and how outages begin and end.
//!
//! Source: S. Murphy, F. Sowell, J. Apt, "A time-dependent model of generator failures and recoveries captures correlated
//! events and quantifies temperature dependence", Applied Energy 253, 2019, 113513: 23 years of a large interconnection,
//! as a national capacity-expansion model's public data file carries them.

use powerflow::case::PrimeMover;

/// Temperatures of the table, deg C.
const CELSIUS: [f64; 11] = [-15.0, -10.0, -5.0, 0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 35.0];

/// Shares at these temperatures; `None` for what the table does not know: wind, sun, stores, condensers.
fn row(mover: PrimeMover) -> Option<[f64; 11]> {
    match mover {
        PrimeMover::CombinedCycle => {
            Some([0.149, 0.081, 0.048, 0.033, 0.027, 0.025, 0.028, 0.035, 0.035, 0.041, 0.072])
        }
        PrimeMover::CombustionTurbine => {
            Some([0.199, 0.099, 0.051, 0.031, 0.024, 0.021, 0.024, 0.027, 0.031, 0.039, 0.066])
        }
        PrimeMover::Diesel => {
            Some([0.212, 0.170, 0.137, 0.116, 0.106, 0.102, 0.104, 0.136, 0.135, 0.143, 0.175])
        }
        PrimeMover::Hydro => {
            Some([0.070, 0.043, 0.031, 0.027, 0.026, 0.026, 0.027, 0.027, 0.024, 0.029, 0.082])
        }
        PrimeMover::Nuclear => {
            Some([0.019, 0.018, 0.017, 0.018, 0.018, 0.019, 0.021, 0.027, 0.037, 0.066, 0.124])
        }
        PrimeMover::Steam => {
            Some([0.133, 0.112, 0.099, 0.091, 0.086, 0.083, 0.084, 0.086, 0.094, 0.114, 0.140])
        }
        PrimeMover::Wind | PrimeMover::Solar | PrimeMover::Storage | PrimeMover::Condenser => None,
    }
}

/// Every kind of unit that the table knows.
pub fn known() -> impl Iterator<Item = PrimeMover> {
    PrimeMover::LIST.into_iter().filter(|mover| row(*mover).is_some())
}

/// Share of the time that such a unit is out of order at this temperature, deg C: straight lines between the points of the table,
/// constant outside; `None` where the table does not know it.
pub fn unavailable(mover: PrimeMover, celsius: f64) -> Option<f64> {
    let row = row(mover)?;
    Some(match CELSIUS.iter().position(|point| *point >= celsius) {
        Some(0) => row[0],
        None => row[row.len() - 1],
        Some(next) => {
            let share = (celsius - CELSIUS[next - 1]) / (CELSIUS[next] - CELSIUS[next - 1]);
            (row[next] - row[next - 1]).mul_add(share, row[next - 1])
        }
    })
}

/// Mean time to repair, h.
pub fn repair_h(mover: PrimeMover) -> f64 {
    match mover {
        PrimeMover::CombustionTurbine => 24.0,
        _ => 48.0,
    }
}

/// Whether it is taken to burn gas from a pipeline: case files name the machine and seldom the fuel.
pub fn burns_gas(mover: PrimeMover) -> bool {
    matches!(mover, PrimeMover::CombinedCycle | PrimeMover::CombustionTurbine)
}

/// Probability of a common failure of gas supply in a pipeline zone: none above -5 deg C, rising to one half at -20. An assumption.
pub fn gas_supply_fails(celsius: f64) -> f64 {
    (0.5 * (-5.0 - celsius) / 15.0).clamp(0.0, 0.5)
}

/// Share of a zone's gas units that a common failure takes, and the probability of each unit's own failure beside it that
/// keeps its marginal: `q = s f + (1 - s f) own`. Where the common cause alone would exceed the marginal, its share is less.
pub fn split(marginal: f64, common: f64, share: f64) -> (f64, f64) {
    if common <= 0.0 {
        return (0.0, marginal);
    }
    let share = share.min(marginal / common);
    let by_common = common * share;
    (share, if by_common < 1.0 { (marginal - by_common) / (1.0 - by_common) } else { 0.0 })
}

/// A unit that fails and is repaired: probabilities of the two-state Markov chain over a time, h, with long-run unavailability
/// `q` and mean time to repair, h. First that a running unit is out at its end, then that a broken one is.
pub fn over(hours: f64, q: f64, repair_h: f64) -> (f64, f64) {
    // mu = 1/MTTR, lambda = mu q / (1 - q): the chain forgets at the rate mu + lambda = mu / (1 - q).
    let memory = libm::exp(-hours / (repair_h * (1.0 - q)));
    (q * (1.0 - memory), q + (1.0 - q) * memory)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{Seed, streams};

    fn close(ours: f64, theirs: f64, allowed: f64) {
        assert!((ours - theirs).abs() <= allowed, "{ours} against {theirs}");
    }

    #[test]
    fn the_table_is_read_between_its_points_and_held_outside() {
        close(unavailable(PrimeMover::CombinedCycle, -12.5).expect("in the table"), 0.115, 1e-12);
        close(unavailable(PrimeMover::CombustionTurbine, -3.0).expect("in the table"), 0.043, 1e-12);
        close(unavailable(PrimeMover::Nuclear, 32.0).expect("in the table"), 0.0892, 1e-12);
        close(unavailable(PrimeMover::Steam, 40.0).expect("in the table"), 0.140, 0.0);
        close(unavailable(PrimeMover::Diesel, -40.0).expect("in the table"), 0.212, 0.0);
        assert_eq!(unavailable(PrimeMover::Hydro, 35.0).expect("in the table"), 0.082);
    }

    #[test]
    fn a_common_cause_keeps_the_marginal() {
        for celsius in [-4.0, -6.0, -10.0, -15.0, -30.0] {
            for share in [0.1, 0.5, 1.0] {
                let (q, s) = (
                    unavailable(PrimeMover::CombinedCycle, celsius).expect("in the table"),
                    gas_supply_fails(celsius),
                );
                let (share, own) = split(q, s, share);
                close(s * share + (1.0 - s * share) * own, q, 1e-12);
                assert!((0.0..=1.0).contains(&own) && (0.0..=1.0).contains(&share));
            }
        }
        assert_eq!(
            (gas_supply_fails(0.0), gas_supply_fails(-20.0), gas_supply_fails(-50.0)),
            (0.0, 0.5, 0.5)
        );
    }

    /// A hundred thousand hours of a unit at constant temperature: out for the share that the table says, within four standard
    /// errors, those of a chain that remembers.
    #[test]
    fn in_the_long_run_a_unit_is_out_as_often_as_the_table_says() {
        let (q, repair_h) = (unavailable(PrimeMover::CombinedCycle, -12.5).expect("in the table"), 24.0);
        let (fails, stays) = over(1.0, q, repair_h);
        let mut stream = streams(Seed::default(), "test", 0).named("unit");
        let (mut out, mut hours_out, hours) = (false, 0u32, 400_000u32);
        for _ in 0..hours {
            out = stream.uniform() < if out { stays } else { fails };
            hours_out += u32::from(out);
        }
        let memory = libm::exp(-1.0 / (repair_h * (1.0 - q)));
        let error = (q * (1.0 - q) * (1.0 + memory) / (1.0 - memory) / f64::from(hours)).sqrt();
        close(f64::from(hours_out) / f64::from(hours), q, 4.0 * error);
        assert!(error < 0.1 * q, "this test tests nothing");
    }
}
