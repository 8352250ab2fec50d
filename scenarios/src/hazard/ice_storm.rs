//! Freezing rain crosses the grid, and lines break under the ice.
//!
//! The rain is a band, Gaussian along its way and across it, that moves over the map. Ice grows on every piece of a line by Jones' formula with
//! the rain and the wind of each hour; a piece breaks when the probability of its ice exceeds its luck, as in a
//! [`super::wind_front`]: more rain of the same seed and index breaks a superset. Crews go out when the rain is over.

use powerflow::Diagnostics;
use toml::Table;

use super::{Hazard, HazardKind, World};
use crate::event::TimedEvent;
use crate::seed::Streams;
use crate::settings::{Parameter, Settings, Span};
use crate::storm::{self, Course, Damage};
use crate::weather::damage::{Lines, Strain, Work};
use crate::weather::front::Front;
use crate::weather::geography::{Map, Point};
use crate::weather::ice;

const RAIN: Parameter = Parameter {
    name: "rain_mm_h",
    unit: "mm/h",
    default: "[1, 4]",
    meaning: "strongest freezing rain: a number, or [lowest, highest] drawn from uniformly",
};
const WIND: Parameter = Parameter {
    name: "wind_m_s",
    unit: "m/s",
    default: "[2, 10]",
    meaning: "wind that drives it, drawn once an episode",
};
const WIDTH: Parameter = Parameter {
    name: "width_km",
    unit: "km",
    default: "[50, 150]",
    meaning: "standard deviation of the rain along its way",
};
const LENGTH: Parameter =
    Parameter { name: "length_km", unit: "km", default: "[100, 400]", meaning: "the same across its way" };

pub(super) const KIND: HazardKind = HazardKind {
    name: "ice_storm",
    summary: "freezing rain crosses the grid, and lines break under the ice; needs coordinates",
    parameters: &[
        RAIN,
        WIND,
        WIDTH,
        LENGTH,
        storm::SPEED,
        storm::HEADING,
        storm::OFFSET,
        storm::PASSES,
        storm::ALIKE_EVERYWHERE,
        storm::ALIKE_NEARBY,
        storm::CREWS,
    ],
    commands: &[],
    techniques: &[],
    parse,
};

/// Time between two values of the thickness, s.
const HOUR_S: f64 = 3600.0;
/// Of the band that much is counted, standard deviations before and behind.
const DEVIATIONS: f64 = 3.0;
/// A line under ice takes so many times longer to repair than in fair weather: an assumption.
const LONGER: (f64, f64) = (2.0, 4.0);

/// Freezing rain; see the module.
#[derive(Clone, Debug, PartialEq)]
pub struct IceStorm {
    rain_mm_h: Span,
    wind_m_s: Span,
    width_km: Span,
    length_km: Span,
    course: Course,
    damage: Damage,
}

fn parse(table: &Table) -> Result<Box<dyn Hazard>, Diagnostics> {
    let mut settings = Settings::of(KIND.name, KIND.parameters, table);
    let lines = Lines { curve: ice::BREAKS, whole: false, work: Work::After(LONGER.0, LONGER.1) };
    let span = |low, high| Span { low, high };
    let hazard = IceStorm {
        rain_mm_h: settings.span(RAIN.name, 0.0, 50.0).unwrap_or(span(1.0, 4.0)),
        wind_m_s: settings.span(WIND.name, 0.0, 30.0).unwrap_or(span(2.0, 10.0)),
        width_km: settings.span(WIDTH.name, 1.0, 5000.0).unwrap_or(span(50.0, 150.0)),
        length_km: settings.span(LENGTH.name, 1.0, 5000.0).unwrap_or(span(100.0, 400.0)),
        course: Course::read(&mut settings, span(3.0, 10.0)),
        damage: Damage::along(&mut settings, "ice", lines),
    };
    settings.finish(hazard).map(|hazard| Box::new(hazard) as Box<dyn Hazard>)
}

/// The ice at a place, mm, hour by hour while the band passes: its `peak_m_s` is rain in mm/h.
fn thickness(band: &Front, wind_m_s: f64, point: Point) -> Strain {
    let passing = band.at(point);
    let (rain_mm_h, crest_s) = passing.peak();
    let width_s = 1000.0 * band.width_km / band.way.speed_m_s;
    let hours = (2.0 * DEVIATIONS * width_s / HOUR_S).ceil().max(1.0);
    let begin_s = crest_s - 0.5 * hours * HOUR_S;
    let mut grown_mm = 0.0;
    let mut values = vec![0.0];
    for hour in 0..hours as u32 {
        let middle_s = (f64::from(hour) + 0.5).mul_add(HOUR_S, begin_s);
        let deviations = (middle_s - crest_s) / width_s;
        grown_mm += ice::hourly_mm(rain_mm_h * libm::exp(-0.5 * deviations * deviations), wind_m_s);
        values.push(grown_mm);
    }
    Strain::Series { begin_s, step_s: HOUR_S, values }
}

impl Hazard for IceStorm {
    fn draw(&self, world: &World<'_>, streams: &Streams, timeline: &mut Vec<TimedEvent>) -> Option<f64> {
        let map = Map::of(world.network, KIND.name).ok()?;
        let mut stream = streams.named("storm");
        let band = Front {
            peak_m_s: self.rain_mm_h.draw(&mut stream),
            width_km: self.width_km.draw(&mut stream),
            length_km: self.length_km.draw(&mut stream),
            way: self.course.draw(world, &map, &mut stream),
        };
        let wind_m_s = self.wind_m_s.draw(&mut stream);
        self.damage.enter(world, &map, streams, timeline, |point| thickness(&band, wind_m_s, point));
        None
    }

    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn describe(&self) -> String {
        format!(
            "freezing rain of up to {} mm/h in wind of {} m/s, {} km along and {} km across its way, {}, breaks lines {}",
            self.rain_mm_h,
            self.wind_m_s,
            self.width_km,
            self.length_km,
            self.course.describe(),
            self.damage.describe()
        )
    }

    fn check(&self, world: &World<'_>) -> Diagnostics {
        self.course.check(KIND.name, world)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weather::geography::Way;

    fn band(rain_mm_h: f64) -> Front {
        let way = Way { speed_m_s: 5.0, heading_deg: 90.0, offset_km: 0.0, passes_at_s: 86_400.0 };
        Front { peak_m_s: rain_mm_h, width_km: 60.0, length_km: 200.0, way }
    }

    /// Without wind ice is proportional to the rain that falls: of a Gaussian the peak times sqrt(2 pi) deviations.
    #[test]
    fn ice_is_what_all_of_the_rain_leaves() {
        let strain = thickness(&band(2.0), 0.0, Point::default());
        let hours = 60.0 / 5.0 / 3.6 * (2.0 * std::f64::consts::PI).sqrt();
        let wanted = 2.0 * hours / (0.9 * std::f64::consts::PI);
        let (most, at_s) = strain.peak();
        assert!((most / wanted - 1.0).abs() < 5e-3, "{most} against {wanted}");
        // It only grows, so that it is thickest when the rain is over.
        assert!((at_s - strain.end_s()).abs() < 1e-9 && at_s > 86_400.0);
        assert!(thickness(&band(2.0), 8.0, Point::default()).peak().0 > most);
    }

    #[test]
    fn more_rain_breaks_a_superset_and_no_line_later() {
        crate::sample::more_breaks_a_superset(
            "ice_storm",
            |rain| format!("rain_mm_h = {rain}\nheading_deg = 90\noffset_km = 0\nspeed_m_s = 4"),
            2.0,
            4.0,
        );
    }
}
