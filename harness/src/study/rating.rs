//! What an overhead conductor may carry: what `gridgate rating` answers.

use std::collections::BTreeMap;

use powerflow::rating::{Atmosphere, Conductor, KNOWN, Known, Place, Sun, Weather};
use powerflow::{Diagnostic, Diagnostics};
use reports::rating::{
    BalanceRecord, ConductorRecord, CourseRecord, LoadedRecord, RATING_SCHEMA, RatingStudy, SunRecord,
    WeatherRecord,
};
use scenarios::nearest::nearest;

/// Step of the temperature's course, s: a hundredth of a conductor's time constant.
const STEP_S: f64 = 5.0;

/// The longest course that is followed, s: two days.
const LONGEST_S: f64 = 172_800.0;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Question {
    /// Code word of the conductor.
    pub conductor: String,
    /// Diameter in place of the conductor's own, mm.
    pub diameter_mm: Option<f64>,
    /// Two pairs of temperature, deg C, and resistance there, ohm/m, in place of the conductor's own; or nothing.
    pub resistance: Vec<f64>,
    /// Emissivity in place of the usual one.
    pub emissivity: Option<f64>,
    /// Absorptivity in place of the usual one.
    pub absorptivity: Option<f64>,
    /// The weather.
    pub weather: Weather,
    /// Highest temperature of the conductor, deg C.
    pub conductor_c: f64,
    /// A current to look at, A.
    pub current_a: Option<f64>,
    /// What it carried for long before, A.
    pub before_a: Option<f64>,
    /// Times after the change, s.
    pub after_s: Vec<f64>,
}

/// Answers it.
///
/// # Errors
/// `rating.conductor` for a code word that nobody knows, `rating.range` for every figure that is no weather and no conductor.
pub fn rating(question: &Question) -> Result<RatingStudy, Diagnostics> {
    let known = known(&question.conductor)?;
    let complaints = out_of_range(question);
    if complaints.has_errors() {
        return Err(complaints);
    }
    let conductor = with_figures(known.conductor, question);
    let (weather, limit_c) = (&question.weather, question.conductor_c);
    let balance = conductor.balance(weather, limit_c);
    let loaded = question.current_a.map(|current_a| loaded(&conductor, question, current_a)).transpose()?;
    Ok(RatingStudy {
        schema: RATING_SCHEMA.into(),
        engine: BTreeMap::from([
            ("program".to_owned(), "gridgate".to_owned()),
            ("version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ]),
        conductor: ConductorRecord {
            name: known.name.into(),
            source: known.source.into(),
            diameter_mm: conductor.diameter_mm,
            resistance_ohm_m: [conductor.cooler, conductor.warmer],
            emissivity: conductor.emissivity,
            absorptivity: conductor.absorptivity,
            heat_capacity_j_m_c: conductor.heat_capacity,
        },
        weather: WeatherRecord {
            ambient_c: weather.ambient_c,
            wind_m_s: weather.wind_m_s,
            wind_angle_deg: weather.wind_angle_deg,
            elevation_m: weather.elevation_m,
            sun: match &weather.sun {
                Sun::Heat(_) => None,
                Sun::At(place) => Some(sun_record(place, weather.elevation_m)),
            },
        },
        conductor_c: limit_c,
        rating_a: conductor.rating_a(weather, limit_c),
        balance: BalanceRecord {
            film_c: balance.film_c,
            viscosity_kg_m_s: balance.viscosity,
            density_kg_m3: balance.density,
            conductivity_w_m_c: balance.conductivity,
            reynolds: balance.reynolds,
            q_cn_w_m: balance.natural_w_m,
            q_c1_w_m: balance.forced_low_w_m,
            q_c2_w_m: balance.forced_high_w_m,
            q_c_w_m: balance.convected_w_m(),
            q_r_w_m: balance.radiated_w_m,
            q_s_w_m: balance.solar_w_m,
            resistance_ohm_m: balance.resistance_ohm_m,
        },
        loaded,
    })
}

fn known(name: &str) -> Result<&'static Known, Diagnostics> {
    let word = name.to_lowercase();
    KNOWN.iter().find(|known| known.name == word).ok_or_else(|| {
        let names = || KNOWN.iter().map(|known| known.name);
        let hint = match nearest(&word, names()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!(
                "known are {}; any other by --diameter-mm and --resistance beside one of them",
                names().collect::<Vec<_>>().join(", ")
            ),
        };
        let message = format!("there is no conductor `{name}`");
        Diagnostic::error("rating.conductor", message).hint(hint).into()
    })
}

/// Every figure that is no weather and no conductor.
fn out_of_range(question: &Question) -> Diagnostics {
    let Question { weather, conductor_c, .. } = question;
    let mut complaints = Diagnostics::default();
    let mut within = |flag: &str, value: f64, low: f64, high: f64| {
        if !(low..=high).contains(&value) {
            let message = format!("--{flag} is {value}");
            let hint = format!("it lies between {low} and {high}");
            complaints.push(Diagnostic::error("rating.range", message).hint(hint));
        }
    };
    within("ambient-c", weather.ambient_c, -90.0, 70.0);
    within("wind-m-s", weather.wind_m_s, 0.0, 120.0);
    within("wind-angle-deg", weather.wind_angle_deg, 0.0, 90.0);
    within("elevation-m", weather.elevation_m, -500.0, 9000.0);
    within("conductor-c", *conductor_c, -90.0, 400.0);
    match weather.sun {
        Sun::Heat(heat_w_m) => within("solar-w-m", heat_w_m, 0.0, 1000.0),
        Sun::At(place) => {
            within("latitude", place.latitude_deg, -90.0, 90.0);
            within("day", f64::from(place.day), 1.0, 366.0);
            within("hour", place.hour, 0.0, 24.0);
            within("azimuth-deg", place.line_azimuth_deg, 0.0, 360.0);
        }
    }
    question.diameter_mm.iter().for_each(|mm| within("diameter-mm", *mm, 1.0, 200.0));
    question.emissivity.iter().for_each(|share| within("emissivity", *share, 0.0, 1.0));
    question.absorptivity.iter().for_each(|share| within("absorptivity", *share, 0.0, 1.0));
    for (flag, current_a) in [("current-a", question.current_a), ("before-a", question.before_a)] {
        current_a.iter().for_each(|current_a| within(flag, *current_a, 0.0, 1e5));
    }
    question.after_s.iter().for_each(|after_s| within("after-s", *after_s, 0.0, LONGEST_S));
    match question.resistance[..] {
        [] => {}
        [cool_c, cool, warm_c, warm] if cool_c < warm_c && 0.0 < cool && cool <= warm => {}
        _ => {
            complaints.push(Diagnostic::error("rating.range", "--resistance is not two rising pairs").hint(
                "say it twice, the cooler one first: --resistance 25 7.283e-5 --resistance 75 8.688e-5",
            ))
        }
    }
    complaints
}

fn with_figures(usual: Conductor, question: &Question) -> Conductor {
    let (cooler, warmer) = match question.resistance[..] {
        [cool_c, cool, warm_c, warm] => ((cool_c, cool), (warm_c, warm)),
        _ => (usual.cooler, usual.warmer),
    };
    Conductor {
        diameter_mm: question.diameter_mm.unwrap_or(usual.diameter_mm),
        cooler,
        warmer,
        emissivity: question.emissivity.unwrap_or(usual.emissivity),
        absorptivity: question.absorptivity.unwrap_or(usual.absorptivity),
        ..usual
    }
}

fn loaded(conductor: &Conductor, question: &Question, current_a: f64) -> Result<LoadedRecord, Diagnostics> {
    let weather = &question.weather;
    let before_c = match question.before_a {
        None => None,
        Some(before_a) => Some(conductor.steady_c(weather, before_a).ok_or_else(|| {
            Diagnostic::error("rating.range", format!("--before-a: {before_a} A melt the conductor"))
                .hint("name a current that it carried for long")
        })?),
    };
    let course = before_c.into_iter().flat_map(|before_c| {
        question.after_s.iter().map(move |after_s| CourseRecord {
            after_s: *after_s,
            conductor_c: conductor.warmed_c(weather, before_c, current_a, *after_s, STEP_S),
        })
    });
    let course: Vec<CourseRecord> = course.collect();
    if course.iter().any(|point| !point.conductor_c.is_finite()) {
        let message = format!("{current_a} A melt the conductor before the course ends");
        return Err(Diagnostic::error("rating.range", message).hint("ask about a smaller current").into());
    }
    Ok(LoadedRecord { current_a, steady_c: conductor.steady_c(weather, current_a), before_c, course })
}

fn sun_record(place: &Place, elevation_m: f64) -> SunRecord {
    let sun = place.sun();
    SunRecord {
        latitude_deg: place.latitude_deg,
        day: place.day,
        hour: place.hour,
        line_azimuth_deg: place.line_azimuth_deg,
        atmosphere: match place.atmosphere {
            Atmosphere::Clear => "clear".into(),
            Atmosphere::Industrial => "industrial".into(),
        },
        declination_deg: sun.declination_deg,
        altitude_deg: sun.altitude_deg,
        azimuth_deg: sun.azimuth_deg,
        incidence_deg: place.incidence_deg(),
        irradiance_w_m2: place.irradiance_w_m2(elevation_m),
    }
}
