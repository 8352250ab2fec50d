//! Units where people meet numbers. Inside [`crate::Network`] everything is per unit and radians;
//! at every door a value carries one of these types, or its unit as a suffix of its name.

use serde::{Deserialize, Serialize};

macro_rules! unit {
    ($(#[$doc:meta])* $name:ident, $symbol:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub f64);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(&self.0, f)?;
                f.write_str(concat!(" ", $symbol))
            }
        }
    };
}

unit!(
    /// Active power in MW.
    Megawatts, "MW"
);
unit!(
    /// Reactive power in Mvar.
    Megavars, "Mvar"
);
unit!(
    /// Apparent power in MVA.
    Megavoltamperes, "MVA"
);
unit!(
    /// A quantity divided by its base.
    PerUnit, "pu"
);
unit!(
    /// An angle in degrees.
    Degrees, "deg"
);
unit!(
    /// An angle in radians.
    Radians, "rad"
);

impl From<Degrees> for Radians {
    fn from(angle: Degrees) -> Self {
        Radians(angle.0.to_radians())
    }
}

impl From<Radians> for Degrees {
    fn from(angle: Radians) -> Self {
        Degrees(angle.0.to_degrees())
    }
}

/// The system's power base in MVA, and the only converter between per unit and engineering units of power.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MvaBase(pub f64);

impl MvaBase {
    /// Power in MW, Mvar or MVA of a value in per unit.
    pub fn from_pu(self, value_pu: f64) -> f64 {
        value_pu * self.0
    }

    /// Per unit of a power in MW, Mvar or MVA.
    pub fn to_pu(self, power: f64) -> f64 {
        power / self.0
    }
}

impl Default for MvaBase {
    fn default() -> Self {
        MvaBase(100.0)
    }
}
