//! `gridgate rating`.

use clap::{Args, ValueEnum};

use super::{Format, complain, exit, print, refuse};
use crate::study::rating::{Question, rating};
use powerflow::rating::{Atmosphere, Place, Sun, Weather};

/// Find what an overhead conductor may carry in a given weather (IEEE 738), and how warm a current makes it.
#[derive(Debug, Args)]
pub(super) struct Rating {
    /// The conductor, by its code word.
    #[arg(long, default_value = "drake")]
    conductor: String,
    /// Temperature of the air, deg C.
    #[arg(long, default_value_t = 40.0, allow_negative_numbers = true)]
    ambient_c: f64,
    /// Wind, m/s.
    #[arg(long, default_value_t = 0.61)]
    wind_m_s: f64,
    /// Angle between wind and conductor, degrees: 90 blows across.
    #[arg(long, default_value_t = 90.0)]
    wind_angle_deg: f64,
    /// Highest temperature of the conductor, deg C.
    #[arg(long, default_value_t = 100.0)]
    conductor_c: f64,
    /// Height above the sea, m.
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true)]
    elevation_m: f64,
    /// Latitude, degrees, north positive.
    #[arg(long, default_value_t = Place::EXAMPLE.latitude_deg, allow_negative_numbers = true)]
    latitude: f64,
    /// Day of the year.
    #[arg(long, default_value_t = Place::EXAMPLE.day)]
    day: u16,
    /// Solar time, hours.
    #[arg(long, default_value_t = Place::EXAMPLE.hour)]
    hour: f64,
    /// Azimuth of the line, degrees clockwise from north.
    #[arg(long, default_value_t = Place::EXAMPLE.line_azimuth_deg)]
    azimuth_deg: f64,
    /// How clear the air is.
    #[arg(long, value_enum, default_value_t)]
    atmosphere: AtmosphereArg,
    /// Heat from the sun, W/m, in place of what it brings at this place and time.
    #[arg(long)]
    solar_w_m: Option<f64>,
    /// Outer diameter, mm, in place of the conductor's own.
    #[arg(long)]
    diameter_mm: Option<f64>,
    /// A temperature, deg C, and the resistance there, ohm/m; say it twice.
    #[arg(long, num_args = 2, value_names = ["CELSIUS", "OHM_PER_M"], allow_negative_numbers = true)]
    resistance: Vec<f64>,
    /// Emissivity of its surface.
    #[arg(long)]
    emissivity: Option<f64>,
    /// Absorptivity of its surface.
    #[arg(long)]
    absorptivity: Option<f64>,
    /// A current to look at, A.
    #[arg(long)]
    current_a: Option<f64>,
    /// The current that it carried for long before, A.
    #[arg(long, requires = "current_a")]
    before_a: Option<f64>,
    /// Times after the change of current, s.
    #[arg(long, value_delimiter = ',', requires = "before_a")]
    after_s: Vec<f64>,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum AtmosphereArg {
    #[default]
    Clear,
    Industrial,
}

impl Rating {
    pub(super) fn run(self) -> u8 {
        let format = self.format;
        let document = match rating(&self.question()) {
            Ok(document) => document,
            Err(complaints) => return refuse(&complaints),
        };
        match format {
            Format::Text => print(&reports::render::rating::text(&document)),
            Format::Json => match reports::canonical_json(&document) {
                Ok(json) => print(&String::from_utf8_lossy(&json)),
                Err(problem) => {
                    complain(&problem.to_string());
                    return exit::INFRASTRUCTURE;
                }
            },
        }
        exit::PASS
    }

    fn question(self) -> Question {
        let place = Place {
            latitude_deg: self.latitude,
            day: self.day,
            hour: self.hour,
            line_azimuth_deg: self.azimuth_deg,
            atmosphere: match self.atmosphere {
                AtmosphereArg::Clear => Atmosphere::Clear,
                AtmosphereArg::Industrial => Atmosphere::Industrial,
            },
        };
        Question {
            conductor: self.conductor,
            diameter_mm: self.diameter_mm,
            resistance: self.resistance,
            emissivity: self.emissivity,
            absorptivity: self.absorptivity,
            weather: Weather {
                ambient_c: self.ambient_c,
                wind_m_s: self.wind_m_s,
                wind_angle_deg: self.wind_angle_deg,
                elevation_m: self.elevation_m,
                sun: self.solar_w_m.map_or(Sun::At(place), Sun::Heat),
            },
            conductor_c: self.conductor_c,
            current_a: self.current_a,
            before_a: self.before_a,
            after_s: self.after_s,
        }
    }
}
