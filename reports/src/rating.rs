//! The document `gridgate/rating/1`: what an overhead conductor may carry. Nothing in it depends on the clock or the machine.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::document::Document;

/// Schema of [`RatingStudy`].
pub const RATING_SCHEMA: &str = "gridgate/rating/1";

impl Document for RatingStudy {
    const SCHEMA: &'static str = RATING_SCHEMA;
}

/// The conductor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ConductorRecord {
    /// Its code word.
    pub name: String,
    /// What it is, and where its figures are from.
    pub source: String,
    /// Outer diameter, mm.
    pub diameter_mm: f64,
    /// Two temperatures, deg C, each with the resistance there, ohm/m.
    pub resistance_ohm_m: [(f64, f64); 2],
    /// Emissivity of its surface.
    pub emissivity: f64,
    /// Absorptivity of its surface.
    pub absorptivity: f64,
    /// Heat capacity, J/(m deg C).
    pub heat_capacity_j_m_c: f64,
}

/// The weather at the conductor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct WeatherRecord {
    /// Temperature of the air, deg C.
    pub ambient_c: f64,
    /// Wind, m/s.
    pub wind_m_s: f64,
    /// Angle between wind and conductor, degrees.
    pub wind_angle_deg: f64,
    /// Height above the sea, m.
    pub elevation_m: f64,
    /// Where the sun stands; absent where its heat was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sun: Option<SunRecord>,
}

/// Place, time and the sun there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SunRecord {
    /// Latitude, degrees, north positive.
    pub latitude_deg: f64,
    /// Day of the year.
    pub day: u16,
    /// Solar time, hours.
    pub hour: f64,
    /// Azimuth of the line, degrees clockwise from north.
    pub line_azimuth_deg: f64,
    /// `clear` or `industrial`.
    pub atmosphere: String,
    /// Declination, degrees.
    pub declination_deg: f64,
    /// Height of the sun, degrees.
    pub altitude_deg: f64,
    /// Its azimuth, degrees clockwise from north.
    pub azimuth_deg: f64,
    /// Angle between its rays and the line, degrees.
    pub incidence_deg: f64,
    /// Its heat across its rays, W/m2.
    pub irradiance_w_m2: f64,
}

/// Every term of the heat balance at the temperature that the rating is for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BalanceRecord {
    /// Temperature of the air film, deg C.
    pub film_c: f64,
    /// Dynamic viscosity of the film, kg/(m s).
    pub viscosity_kg_m_s: f64,
    /// Density of the film, kg/m3.
    pub density_kg_m3: f64,
    /// Thermal conductivity of the film, W/(m deg C).
    pub conductivity_w_m_c: f64,
    /// Reynolds number.
    pub reynolds: f64,
    /// Natural convection, W/m.
    pub q_cn_w_m: f64,
    /// Forced convection, formula for low wind, W/m.
    pub q_c1_w_m: f64,
    /// Forced convection, formula for high wind, W/m.
    pub q_c2_w_m: f64,
    /// Convection: the largest of the three, W/m.
    pub q_c_w_m: f64,
    /// Radiated heat, W/m.
    pub q_r_w_m: f64,
    /// Heat from the sun, W/m.
    pub q_s_w_m: f64,
    /// Resistance, ohm/m.
    pub resistance_ohm_m: f64,
}

/// What a current does to the conductor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LoadedRecord {
    /// The current, A.
    pub current_a: f64,
    /// Where its temperature ends, deg C; null where it melts before.
    pub steady_c: Option<f64>,
    /// The temperature before, deg C: that of the current before, for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before_c: Option<f64>,
    /// On the way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub course: Vec<CourseRecord>,
}

/// A temperature on the way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CourseRecord {
    /// Time since the current changed, s.
    pub after_s: f64,
    /// Temperature, deg C.
    pub conductor_c: f64,
}

/// What an overhead conductor may carry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RatingStudy {
    /// Name and version of this document: [`RATING_SCHEMA`].
    #[cfg_attr(feature = "schema", schemars(description = "Name and version of this document.", extend("const" = RATING_SCHEMA)))]
    pub schema: String,
    /// Program name and version.
    pub engine: BTreeMap<String, String>,
    /// The conductor.
    pub conductor: ConductorRecord,
    /// The weather.
    pub weather: WeatherRecord,
    /// The temperature that the rating is for, deg C.
    pub conductor_c: f64,
    /// The current that keeps the conductor there, A; 0 where the weather alone heats it that far.
    pub rating_a: f64,
    /// The terms behind it.
    pub balance: BalanceRecord,
    /// What a current does, where one was asked about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loaded: Option<LoadedRecord>,
}
