//! Clocks that are bent: a phasor unit turns with the time that it is given, and so does every channel of its substation.
//!
//! Source: IEEE Std C37.118.1-2011, section 5.3 (total vector error).

use std::f64::consts::TAU;

/// How far a phasor turns for a clock that is late by `error_s`, rad.
pub fn phase_error_rad(frequency_hz: f64, error_s: f64) -> f64 {
    TAU * frequency_hz * error_s
}

/// Total vector error of a phasor that is turned and otherwise right, as a share.
pub fn total_vector_error(phase_error_rad: f64) -> f64 {
    2.0 * libm::sin(0.5 * phase_error_rad).abs()
}

/// The smallest clock error that causes a total vector error, s; `None` beyond 2, which turning alone cannot reach.
pub fn clock_error_s(frequency_hz: f64, total_vector_error: f64) -> Option<f64> {
    let half = 0.5 * total_vector_error;
    (0.0..=1.0).contains(&half).then(|| 2.0 * libm::asin(half) / (TAU * frequency_hz))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1 microsecond is 0.0216 degrees at 60 Hz and 0.018 at 50 Hz; 1 % is 0.573 degrees, 26.5 and 31.8 microseconds: rounded as published.
    #[test]
    fn microseconds_degrees_and_vector_errors() {
        for (hz, degrees, microseconds) in [(60.0, 0.0216, 26.5), (50.0, 0.018, 31.8)] {
            let turned = phase_error_rad(hz, 1e-6).to_degrees();
            assert!((turned - degrees).abs() < 1e-9, "{turned}");
            let error_s = clock_error_s(hz, 0.01).expect("1 % can be reached");
            assert!((error_s * 1e6 - microseconds).abs() < 0.05, "{error_s}");
            let turned = phase_error_rad(hz, error_s);
            assert!((turned.to_degrees() - 0.573).abs() < 5e-4, "{turned}");
            assert!((total_vector_error(turned) - 0.01).abs() < 1e-12);
        }
        assert_eq!(clock_error_s(60.0, 2.1), None);
    }
}
