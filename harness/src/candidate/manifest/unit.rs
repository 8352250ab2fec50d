//! Units that a manifest may speak, and the way there from the units of the contract.

use std::f64::consts::PI;

use powerflow::units::MvaBase;

/// A unit of the model's world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Per unit: of the nominal voltage, or of the system's power base.
    PerUnit,
    /// MW.
    Megawatt,
    /// Mvar.
    Megavar,
    /// MVA.
    Megavoltampere,
    /// kV.
    Kilovolt,
    /// A.
    Ampere,
    /// Degrees.
    Degree,
    /// Radians.
    Radian,
    /// Hz.
    Hertz,
    /// Hz/s.
    HertzPerSecond,
    /// Seconds.
    Second,
    /// Hours.
    Hour,
    /// Euro.
    Euro,
    /// US dollar.
    Dollar,
    /// A pure number.
    One,
}

/// `value * times / over`. Two steps and not one factor, so that 100 MW on a base of 100 MVA is exactly 1 pu.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conversion {
    times: f64,
    over: f64,
}

impl Conversion {
    /// Into the model's unit.
    pub fn there(self, value: f64) -> f64 {
        value * self.times / self.over
    }

    /// Back from the model's unit.
    pub fn back(self, value: f64) -> f64 {
        value * self.over / self.times
    }
}

impl Unit {
    /// Every unit, with the spelling that manifests use.
    pub const LIST: &'static [(&'static str, Unit)] = &[
        ("pu", Unit::PerUnit),
        ("MW", Unit::Megawatt),
        ("MVAr", Unit::Megavar),
        ("Mvar", Unit::Megavar),
        ("MVA", Unit::Megavoltampere),
        ("kV", Unit::Kilovolt),
        ("A", Unit::Ampere),
        ("deg", Unit::Degree),
        ("rad", Unit::Radian),
        ("Hz", Unit::Hertz),
        ("Hz/s", Unit::HertzPerSecond),
        ("s", Unit::Second),
        ("h", Unit::Hour),
        ("EUR", Unit::Euro),
        ("USD", Unit::Dollar),
        ("1", Unit::One),
    ];

    /// The unit of that spelling.
    pub fn from_symbol(symbol: &str) -> Option<Unit> {
        Unit::LIST.iter().find(|(known, _)| *known == symbol).map(|(_, unit)| *unit)
    }

    /// How a quantity in this unit is expressed in `other`; `None` where the two measure different things. Per unit
    /// of voltage is not convertible (kV would need the base of each bus), power is, by `base`.
    pub fn conversion(self, other: Unit, base: MvaBase) -> Option<Conversion> {
        let (times, over) = match (self, other) {
            (a, b) if a == b => (1.0, 1.0),
            (Unit::Megawatt | Unit::Megavar | Unit::Megavoltampere, Unit::PerUnit) => (1.0, base.0),
            (Unit::Degree, Unit::Radian) => (PI, 180.0),
            (Unit::Second, Unit::Hour) => (1.0, 3600.0),
            _ => return None,
        };
        Some(Conversion { times, over })
    }

    /// The spellings that a quantity in this unit can be expressed in.
    pub fn convertible(self) -> Vec<&'static str> {
        Unit::LIST
            .iter()
            .filter(|(_, other)| self.conversion(*other, MvaBase::default()).is_some())
            .map(|(symbol, _)| *symbol)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::Asked;
    use crate::observation::Observed;

    #[test]
    fn every_canonical_unit_is_known() {
        let units = Observed::LIST.iter().map(|q| q.unit()).chain(Asked::LIST.iter().map(|q| q.unit()));
        for symbol in units {
            assert!(Unit::from_symbol(symbol).is_some(), "{symbol}");
        }
    }

    #[test]
    fn conversions_of_whole_numbers_are_exact() {
        let base = MvaBase(100.0);
        let to = |a: Unit, b| a.conversion(b, base).unwrap();
        assert_eq!(to(Unit::Megawatt, Unit::PerUnit).there(7.0), 0.07);
        assert_eq!(to(Unit::Megavar, Unit::PerUnit).back(0.5), 50.0);
        assert_eq!(to(Unit::Degree, Unit::Radian).there(180.0), PI);
        assert_eq!(to(Unit::Second, Unit::Hour).there(5400.0), 1.5);
    }

    #[test]
    fn voltage_is_not_power() {
        for other in [Unit::Megawatt, Unit::Kilovolt, Unit::One] {
            assert_eq!(Unit::PerUnit.conversion(other, MvaBase(100.0)), None);
        }
    }
}
