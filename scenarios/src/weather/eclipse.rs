//! What of the sun an eclipse covers.

/// Share of the disc that is covered when two equal discs are so many radii apart.
pub fn covered(radii_apart: f64) -> f64 {
    let d = radii_apart.clamp(0.0, 2.0);
    (2.0 * libm::acos(0.5 * d) - 0.5 * d * (4.0 - d * d).sqrt()) / std::f64::consts::PI
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_all_to_nothing() {
        assert_eq!((covered(0.0), covered(2.0), covered(3.0)), (1.0, 0.0, 0.0));
        assert!((covered(1.0) - 0.391002).abs() < 5e-7);
    }
}
