//! What a bare overhead conductor may carry in a given weather, and how warm it gets: the heat balance of IEEE Std 738.
//!
//! ```text
//! steady      R(T) I^2 + q_s = q_c(T) + q_r(T)
//! transient   m C_p dT/dt = R(T) I^2 + q_s - q_c(T) - q_r(T)          all in W per metre of conductor
//! ```
//!
//! Source: IEEE Std 738, "Standard for Calculating the Current-Temperature Relationship of Bare Overhead Conductors".

mod sun;

pub use sun::{Atmosphere, Place, SunPosition};

use serde::Serialize;

/// A bare stranded conductor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conductor {
    /// Outer diameter, mm.
    pub diameter_mm: f64,
    /// A temperature, deg C, and the resistance there, ohm per metre.
    pub cooler: (f64, f64),
    /// A higher temperature, deg C, and the resistance there, ohm per metre; between and beyond both it is a straight line.
    pub warmer: (f64, f64),
    /// Emissivity of its surface, 0 to 1.
    pub emissivity: f64,
    /// Absorptivity of its surface, 0 to 1.
    pub absorptivity: f64,
    /// Heat capacity, J per metre and degree.
    pub heat_capacity: f64,
}

/// A conductor that is known by name.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// Its code word, in lower case.
    pub name: &'static str,
    /// What it is, and where its figures are from.
    pub source: &'static str,
    /// Its figures, with the surface of the standard's example.
    pub conductor: Conductor,
}

/// Every conductor that is known by name.
pub const KNOWN: &[Known] = &[Known {
    name: "drake",
    source: "795 kcmil 26/7 ACSR, the worked example of IEEE Std 738; heat capacity of 1.116 kg/m aluminium and 0.5119 kg/m steel",
    conductor: Conductor {
        diameter_mm: 28.14,
        cooler: (25.0, 7.283e-5),
        warmer: (75.0, 8.688e-5),
        emissivity: 0.8,
        absorptivity: 0.8,
        heat_capacity: 1.116 * 955.0 + 0.5119 * 476.0,
    },
}];

/// The weather at a conductor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weather {
    /// Temperature of the air, deg C.
    pub ambient_c: f64,
    /// Wind, m/s.
    pub wind_m_s: f64,
    /// Angle between the wind and the conductor, degrees: 90 blows across.
    pub wind_angle_deg: f64,
    /// Height above the sea, m.
    pub elevation_m: f64,
    /// What the sun brings.
    pub sun: Sun,
}

/// What the sun brings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sun {
    /// Heat taken up by the conductor, W/m.
    Heat(f64),
    /// As it stands at this place and time.
    At(Place),
}

/// Every term of the heat balance of a conductor at one temperature.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct HeatBalance {
    /// Temperature of the air film, deg C.
    pub film_c: f64,
    /// Dynamic viscosity of the film, kg/(m s).
    pub viscosity: f64,
    /// Density of the film, kg/m3.
    pub density: f64,
    /// Thermal conductivity of the film, W/(m deg C).
    pub conductivity: f64,
    /// Reynolds number.
    pub reynolds: f64,
    /// Natural convection, W/m.
    pub natural_w_m: f64,
    /// Forced convection, formula for low wind, W/m.
    pub forced_low_w_m: f64,
    /// Forced convection, formula for high wind, W/m.
    pub forced_high_w_m: f64,
    /// Radiated heat, W/m.
    pub radiated_w_m: f64,
    /// Heat from the sun, W/m.
    pub solar_w_m: f64,
    /// Resistance, ohm/m.
    pub resistance_ohm_m: f64,
}

impl HeatBalance {
    /// Convection: the largest of the three formulas, W/m.
    pub fn convected_w_m(&self) -> f64 {
        self.natural_w_m.max(self.forced_low_w_m).max(self.forced_high_w_m)
    }

    /// What is left to be carried off from current, W/m; negative where the sun alone heats it further.
    fn for_current_w_m(&self) -> f64 {
        self.convected_w_m() + self.radiated_w_m - self.solar_w_m
    }
}

/// Hotter than any conductor survives, deg C: a current that would heat one beyond has no steady temperature here.
const HOTTEST_C: f64 = 1000.0;

/// A steady temperature is known to this, deg C.
const RESOLUTION_C: f64 = 1e-9;

impl Conductor {
    /// Resistance at a temperature, ohm/m.
    pub fn resistance_ohm_m(&self, conductor_c: f64) -> f64 {
        let ((cool_c, cool), (warm_c, warm)) = (self.cooler, self.warmer);
        ((warm - cool) / (warm_c - cool_c)).mul_add(conductor_c - cool_c, cool)
    }

    /// The terms of its heat balance at a temperature, deg C.
    pub fn balance(&self, weather: &Weather, conductor_c: f64) -> HeatBalance {
        let Weather { ambient_c, wind_m_s, wind_angle_deg, elevation_m: h, .. } = *weather;
        let d = self.diameter_mm / 1000.0;
        let film_c = 0.5 * (conductor_c + ambient_c);
        let kelvin = film_c + 273.0;
        let viscosity = 1.458e-6 * kelvin * kelvin.sqrt() / (film_c + 383.4);
        let density = (1.293 - 1.525e-4 * h + 6.379e-9 * h * h) / (1.0 + 0.00367 * film_c);
        let conductivity = 2.424e-2 + 7.477e-5 * film_c - 4.407e-9 * film_c * film_c;
        let reynolds = d * density * wind_m_s / viscosity;
        let phi = wind_angle_deg.to_radians();
        let direction = 1.194 - libm::cos(phi) + 0.194 * libm::cos(2.0 * phi) + 0.368 * libm::sin(2.0 * phi);
        // A conductor that is colder than the air takes heat from it.
        let rise = conductor_c - ambient_c;
        let natural = 3.645 * density.sqrt() * libm::pow(d, 0.75) * libm::pow(rise.abs(), 1.25);
        let fourth = |celsius: f64| libm::pow((celsius + 273.0) / 100.0, 4.0);
        HeatBalance {
            film_c,
            viscosity,
            density,
            conductivity,
            reynolds,
            natural_w_m: natural.copysign(rise),
            forced_low_w_m: direction * (1.01 + 1.35 * libm::pow(reynolds, 0.52)) * conductivity * rise,
            forced_high_w_m: direction * 0.754 * libm::pow(reynolds, 0.6) * conductivity * rise,
            radiated_w_m: 17.8 * d * self.emissivity * (fourth(conductor_c) - fourth(ambient_c)),
            solar_w_m: match &weather.sun {
                Sun::Heat(heat_w_m) => *heat_w_m,
                Sun::At(place) => place.heat_w_m(self, h),
            },
            resistance_ohm_m: self.resistance_ohm_m(conductor_c),
        }
    }

    /// The current that keeps it at a temperature, A: its rating if that is the highest it may have. Zero where the weather alone
    /// heats it that far.
    pub fn rating_a(&self, weather: &Weather, conductor_c: f64) -> f64 {
        let balance = self.balance(weather, conductor_c);
        (balance.for_current_w_m().max(0.0) / balance.resistance_ohm_m).sqrt()
    }

    /// The temperature at which a current keeps it, deg C; `None` where it melts before.
    pub fn steady_c(&self, weather: &Weather, current_a: f64) -> Option<f64> {
        let heated_w_m = |conductor_c: f64| self.heated_w_m(weather, current_a, conductor_c);
        // Heat loss rises with temperature faster than ohmic heat, so there is one crossing.
        let (mut low, mut high) = (weather.ambient_c - 1.0, HOTTEST_C);
        if heated_w_m(high) > 0.0 {
            return None;
        }
        while high - low > RESOLUTION_C {
            let middle = 0.5 * (low + high);
            if heated_w_m(middle) > 0.0 { low = middle } else { high = middle }
        }
        Some(0.5 * (low + high))
    }

    /// Its temperature, deg C, after it has carried a current for a while, by steps of at most `step_s` (classical Runge-Kutta).
    pub fn warmed_c(
        &self,
        weather: &Weather,
        from_c: f64,
        current_a: f64,
        duration_s: f64,
        step_s: f64,
    ) -> f64 {
        let steps = (duration_s / step_s).ceil().max(0.0);
        let step_s = if steps > 0.0 { duration_s / steps } else { 0.0 };
        let slope = |celsius: f64| self.heated_w_m(weather, current_a, celsius) / self.heat_capacity;
        let mut celsius = from_c;
        for _ in 0..steps as u64 {
            let a = slope(celsius);
            let b = slope((0.5 * step_s).mul_add(a, celsius));
            let c = slope((0.5 * step_s).mul_add(b, celsius));
            let d = slope(step_s.mul_add(c, celsius));
            celsius = (step_s / 6.0).mul_add(a + 2.0 * (b + c) + d, celsius);
        }
        celsius
    }

    /// What heats it, less what cools it, W/m.
    fn heated_w_m(&self, weather: &Weather, current_a: f64, conductor_c: f64) -> f64 {
        let balance = self.balance(weather, conductor_c);
        (balance.resistance_ohm_m * current_a).mul_add(current_a, -balance.for_current_w_m())
    }
}

/// The conductor, the temperature and the weather that a rating of unknown make is taken to be for: Drake at 100 deg C in still
/// summer air, on the standard's day at eleven.
pub fn reference() -> (Conductor, Weather, f64) {
    let weather = Weather {
        ambient_c: 40.0,
        wind_m_s: 0.61,
        wind_angle_deg: 90.0,
        elevation_m: 0.0,
        sun: Sun::At(Place::EXAMPLE),
    };
    (KNOWN[0].conductor, weather, 100.0)
}

/// What a line may carry in a weather as a share of its rating in the file, which is taken to be for [`reference`].
pub fn line_factor(weather: &Weather) -> f64 {
    let (conductor, usual, limit_c) = reference();
    conductor.rating_a(weather, limit_c) / conductor.rating_a(&usual, limit_c)
}

/// Ambient temperature that a transformer's rating is for, deg C.
const TRANSFORMER_AMBIENT_C: f64 = 30.0;
/// Change of a transformer's rating with the ambient temperature, 1 per degree, and the ends of its range. Source: IEEE Std
/// C57.91, loading table for forced-air units, as quoted in the field; not re-read.
const TRANSFORMER_PER_DEGREE: f64 = 0.01;
const TRANSFORMER_RANGE: (f64, f64) = (0.85, 1.2);

/// What a transformer may carry at an ambient temperature, deg C, as a share of its rating in the file.
pub fn transformer_factor(ambient_c: f64) -> f64 {
    let factor = TRANSFORMER_PER_DEGREE.mul_add(TRANSFORMER_AMBIENT_C - ambient_c, 1.0);
    factor.clamp(TRANSFORMER_RANGE.0, TRANSFORMER_RANGE.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(what: &str, ours: f64, theirs: f64, allowed: f64) {
        assert!((ours - theirs).abs() <= allowed, "{what}: {ours} against {theirs}");
    }

    /// The worked example of the standard, as public test sets quote it, each figure within its own rounding and that of the diameter.
    #[test]
    fn the_worked_example_of_the_standard() {
        let (drake, weather, limit_c) = reference();
        let balance = drake.balance(&weather, limit_c);
        close("density", balance.density, 1.029, 5e-4);
        close("viscosity", balance.viscosity, 2.043e-5, 5e-9);
        close("conductivity", balance.conductivity, 0.02945, 5e-6);
        close("Reynolds number", balance.reynolds, 865.0, 2.0);
        close("natural convection", balance.natural_w_m, 42.4, 0.05);
        close("forced convection, low wind", balance.forced_low_w_m, 81.93, 0.2);
        close("forced convection, high wind", balance.forced_high_w_m, 77.06, 0.1);
        close("radiation", balance.radiated_w_m, 39.1, 0.05);
        close("sun", balance.solar_w_m, 22.44, 0.1);
        close("resistance", balance.resistance_ohm_m, 9.390e-5, 5e-9);
        close("rating", drake.rating_a(&weather, limit_c), 1025.0, 0.5);
    }

    /// The same conductor with another surface, elsewhere and later: 1000 A keep it at 100.7 deg C. The public test set does not tell where the
    /// line runs to; what it gives for the sun is that on one from south to north.
    #[test]
    fn another_surface_at_another_hour() {
        let (drake, weather, _) = reference();
        let conductor = Conductor {
            diameter_mm: 28.12,
            cooler: (25.0, 7.284e-5),
            warmer: (75.0, 8.689e-5),
            emissivity: 0.5,
            absorptivity: 0.5,
            ..drake
        };
        let place = Place { latitude_deg: 43.0, hour: 14.0, line_azimuth_deg: 0.0, ..Place::EXAMPLE };
        let weather = Weather { sun: Sun::At(place), ..weather };
        let warm_c = conductor.steady_c(&weather, 1000.0).expect("it does not melt");
        close("temperature", warm_c, 100.7, 0.5);
        let balance = conductor.balance(&weather, warm_c);
        close("sun", balance.solar_w_m, 13.738, 0.5);
        close("convection", balance.convected_w_m(), 83.061, 0.5);
    }

    /// A step from 800 A to 1200 A, by an explicit integration in steps of a second that somebody else made.
    #[test]
    fn an_overload_heats_over_a_quarter_of_an_hour() {
        let (drake, weather, _) = reference();
        let weather = Weather { sun: Sun::Heat(22.44), ..weather };
        let before_c = drake.steady_c(&weather, 800.0).expect("it does not melt");
        close("800 A", before_c, 80.22, 0.1);
        for (seconds, celsius) in
            [(60.0, 83.34), (300.0, 93.64), (600.0, 102.64), (900.0, 108.58), (1800.0, 116.64)]
        {
            close("1200 A", drake.warmed_c(&weather, before_c, 1200.0, seconds, 10.0), celsius, 0.1);
        }
        close("at last", drake.steady_c(&weather, 1200.0).expect("it does not melt"), 119.61, 0.1);
        close("at last", drake.warmed_c(&weather, before_c, 1200.0, 36e3, 10.0), 119.61, 0.1);
    }

    #[test]
    fn what_a_rating_brings_it_keeps() {
        let (drake, weather, _) = reference();
        for limit_c in [60.0, 75.0, 100.0, 150.0] {
            let current_a = drake.rating_a(&weather, limit_c);
            close("there and back", drake.steady_c(&weather, current_a).expect("steady"), limit_c, 1e-6);
            close("and stays", drake.warmed_c(&weather, limit_c, current_a, 3600.0, 10.0), limit_c, 1e-6);
        }
        // Air as hot as the limit, and the sun on top: nothing may flow.
        assert_eq!(drake.rating_a(&Weather { ambient_c: 100.0, ..weather }, 100.0), 0.0);
        assert_eq!(drake.steady_c(&weather, 1e5), None);
    }

    #[test]
    fn factors_are_one_where_ratings_are_made_for() {
        let (_, weather, _) = reference();
        assert_eq!(line_factor(&weather), 1.0);
        assert_eq!(transformer_factor(30.0), 1.0);
        assert_eq!((transformer_factor(60.0), transformer_factor(-30.0)), (0.85, 1.2));
        assert!(line_factor(&Weather { ambient_c: 41.0, ..weather }) < 1.0);
    }
}
