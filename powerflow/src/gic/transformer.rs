//! What direct current does to a transformer: half-cycle saturation, the reactive power it takes, and heat.

/// Nominal voltage that K factors in Mvar per ampere refer to, kV.
const K_REFERENCE_KV: f64 = 500.0;

/// Which voltage the reactive loss of a transformer is proportional to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LossVoltage {
    /// That of its bus of the highest nominal voltage, whose winding drives the flux.
    #[default]
    HighBus,
    /// That of the first bus of its record, as the common commercial program does.
    FromBus,
    /// The highest of its buses.
    Highest,
}

/// Peak of the rated current on a power base, A, at a nominal voltage: `S 1000 sqrt(2) / (sqrt(3) kV)`.
pub fn base_current_a(base_mva: f64, kv: f64) -> f64 {
    base_mva * 1000.0 * libm::sqrt(2.0) / (libm::sqrt(3.0) * kv)
}

/// A K factor given per unit, in Mvar per ampere at 500 kV. The power base cancels.
pub fn k_mvar_per_a(k_pu: f64) -> f64 {
    k_pu * 100.0 / base_current_a(100.0, K_REFERENCE_KV)
}

/// K factor of a core by its code in `.gic` files, Mvar per ampere at 500 kV: -1 shell form, 1 single-phase bank, 3 and 5 limbs;
/// `None` for a core that is not known.
///
/// Source: Dong, Liu and Kappenman, "Comparative analysis of exciting current harmonics and reactive power consumption from GIC
/// saturated transformers", IEEE PES Winter Meeting 2001, as recalled in the project's own specification.
pub fn k_of_core(core: i64) -> Option<f64> {
    match core {
        -1 => Some(0.33),
        1 => Some(1.18),
        3 => Some(0.29),
        5 => Some(0.66),
        _ => None,
    }
}

/// Reactive power that a saturated transformer takes, Mvar, three phases: `K V I kV / 500`, with K in Mvar per ampere at 500 kV, V in
/// pu, the effective current in A per phase and the nominal voltage of its highest winding in kV.
pub fn reactive_loss_mvar(k_mvar_per_a: f64, voltage_pu: f64, effective_a: f64, high_kv: f64) -> f64 {
    k_mvar_per_a * voltage_pu * effective_a * (high_kv / K_REFERENCE_KV)
}

/// Rise of the hottest spot above the oil at its end, degrees, for a direct current of three phases, A, and a coefficient in
/// degrees per ampere.
///
/// Source: the linear screen of the GMD test cases of Los Alamos National Laboratory.
pub fn hot_spot_rise_c(current_a: f64, coefficient_c_per_a: f64) -> f64 {
    coefficient_c_per_a * current_a.abs()
}

/// Rise of the top oil above ambient, degrees, `minutes` after a load of `loading` pu was put on oil at `initial_c`: a first-order
/// lag towards the rated rise times the square of the loading.
///
/// Source: as [`hot_spot_rise_c`]; IEEE C57.91 with an exponent of one and no losses without load.
pub fn top_oil_rise_c(
    initial_c: f64,
    rated_c: f64,
    loading: f64,
    minutes: f64,
    time_constant_min: f64,
) -> f64 {
    let end = rated_c * loading * loading;
    end + (initial_c - end) * libm::exp(-minutes / time_constant_min)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_systems_of_k_agree() {
        for (kv, expected) in [(500.0, 163.299), (345.0, 236.666), (765.0, 106.732)] {
            assert!((base_current_a(100.0, kv) - expected).abs() < 6e-4, "{kv}");
        }
        for (pu, mvar_per_a) in [(0.8165, 0.5), (1.633, 1.0), (1.143, 0.7)] {
            // The published factors have four digits.
            assert!((k_mvar_per_a(pu) - mvar_per_a).abs() < 1.0e-4, "{pu}: {}", k_mvar_per_a(pu));
        }
        // Q = K_pu V (I / I_base) S_base, and K_A V I kV / 500, at 345 kV.
        let (k_pu, v, i) = (1.8, 1.03, 40.0);
        let per_unit = k_pu * v * i / base_current_a(100.0, 345.0) * 100.0;
        let ours = reactive_loss_mvar(k_mvar_per_a(k_pu), v, i, 345.0);
        assert!((per_unit / ours - 1.0).abs() < 1e-14);
    }

    /// The published screen: 408.5467 A, 257.384 degrees.
    #[test]
    fn hot_spots_by_the_published_coefficient() {
        assert!((hot_spot_rise_c(-408.5467, 0.63) - 257.384).abs() < 6e-4);
        assert_eq!(top_oil_rise_c(12.0, 75.0, 1.0, 0.0, 71.0), 12.0);
        // After one time constant 1 - 1/e of the way is behind.
        let after = top_oil_rise_c(0.0, 75.0, 0.8, 71.0, 71.0);
        assert!((after / (75.0 * 0.64) - (1.0 - libm::exp(-1.0))).abs() < 1e-15);
    }
}
