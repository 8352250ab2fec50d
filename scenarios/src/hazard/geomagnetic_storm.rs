//! A geomagnetic storm: direct currents through grounded transformers, which take reactive power.
//!
//! The field is uniform over the grid. Its size rises and falls as half a sine with fluctuations, a first-order autoregression, and its direction
//! turns: a caricature of a record, since which record would be the right one nobody knows. Its peak is given, or is the benchmark event's
//! for the grid's geomagnetic latitude and ground,
//!
//! ```text
//! 8 V/km x alpha x beta x multiple,    alpha = 0.001 exp(0.115 L), 0.1 to 1            (NERC TPL-007-4, attachment 1)
//! ```
//!
//! and is reached exactly once. Currents, effective currents and losses: [`powerflow::gic`]. What the losses do to voltages is the power flow's; a
//! candidate sees it only there.

use powerflow::gic::{
    GeoelectricField, GicNetwork, GicSolver, POLE_2025, benchmark_peak_v_per_km, geomagnetic_latitude_deg,
    reactive_losses,
};
use powerflow::{Diagnostic, Diagnostics, Index, Network};
use toml::Table;

use super::{Command, Hazard, HazardKind, World};
use crate::draw::Stream;
use crate::event::{Event, Moment, TimedEvent};
use crate::seed::Streams;
use crate::settings::{Parameter, Settings, Span};
use crate::storm;

const FIELD: Parameter = Parameter {
    name: "field_v_per_km",
    unit: "V/km",
    default: "the benchmark event's at the grid's latitude",
    meaning: "peak of the field: a number, or [lowest, highest] drawn from uniformly",
};
const GROUND: Parameter = Parameter {
    name: "ground",
    unit: "1",
    default: "1",
    meaning: "factor beta of the ground on the benchmark event",
};
const MULTIPLE: Parameter = Parameter {
    name: "multiple",
    unit: "1",
    default: "[0.25, 2]",
    meaning: "factor on the benchmark event, drawn once an episode; of no effect beside `field_v_per_km`",
};
const AZIMUTH: Parameter = Parameter {
    name: "azimuth_deg",
    unit: "degree",
    default: "[0, 180]",
    meaning: "direction of the field at its peak, clockwise from north",
};
const TURNS: Parameter =
    Parameter { name: "turns_deg_h", unit: "degree/h", default: "[-60, 60]", meaning: "how fast it turns" };
const LASTS: Parameter =
    Parameter { name: "lasts_h", unit: "h", default: "[1, 8]", meaning: "how long the storm lasts" };
const BEGINS: Parameter = storm::begins_parameter("when it begins");

pub(super) const KIND: HazardKind = HazardKind {
    name: "geomagnetic_storm",
    summary: "direct currents through transformers, which take reactive power; needs `geomagnetic` in the suite",
    parameters: &[FIELD, GROUND, MULTIPLE, AZIMUTH, TURNS, LASTS, BEGINS],
    commands: &[Command::Saturation],
    techniques: &[],
    parse,
};

/// Time between two values of the field, s.
const POINT_S: f64 = 60.0;
/// How much of a fluctuation is left after a point, and its size as a share of the field.
const PERSISTENCE: f64 = 0.9;
const FLUCTUATION: f64 = 0.3;

/// A geomagnetic storm; see the module.
#[derive(Clone, Debug, PartialEq)]
pub struct GeomagneticStorm {
    field_v_per_km: Option<Span>,
    ground: f64,
    multiple: Span,
    azimuth_deg: Span,
    turns_deg_h: Span,
    lasts_h: Span,
    begins_s: Option<Span>,
}

fn parse(table: &Table) -> Result<Box<dyn Hazard>, Diagnostics> {
    let mut settings = Settings::of(KIND.name, KIND.parameters, table);
    let span = |low, high| Span { low, high };
    let hazard = GeomagneticStorm {
        field_v_per_km: settings.span(FIELD.name, 0.0, 100.0),
        ground: settings.number(GROUND.name, 1.0, 0.0, 10.0),
        multiple: settings.span(MULTIPLE.name, 0.0, 100.0).unwrap_or(span(0.25, 2.0)),
        azimuth_deg: settings.span(AZIMUTH.name, -360.0, 360.0).unwrap_or(span(0.0, 180.0)),
        turns_deg_h: settings.span(TURNS.name, -3600.0, 3600.0).unwrap_or(span(-60.0, 60.0)),
        lasts_h: settings.span(LASTS.name, 0.01, 10_000.0).unwrap_or(span(1.0, 8.0)),
        begins_s: settings.span(BEGINS.name, 0.0, f64::INFINITY),
    };
    if settings.has(FIELD.name) && (settings.has(GROUND.name) || settings.has(MULTIPLE.name)) {
        let what = "is given beside `ground` or `multiple`, which are about the benchmark event";
        settings.complain("hazard.conflict", FIELD.name, what);
    }
    settings.finish(hazard).map(|hazard| Box::new(hazard) as Box<dyn Hazard>)
}

/// Mean place of the stations' buses, degrees (latitude, longitude), where any is known.
fn middle(network: &GicNetwork) -> Option<(f64, f64)> {
    let places: Vec<(f64, f64)> = network.buses.iter().filter_map(|(_, bus)| bus.place).collect();
    let n = places.len() as f64;
    let sum = places.iter().fold((0.0, 0.0), |sum, place| (sum.0 + place.0, sum.1 + place.1));
    (!places.is_empty()).then(|| (sum.0 / n, sum.1 / n))
}

/// The size of the field over time as shares of its peak, from 0 to 1: the largest is 1.
fn shape(points: usize, stream: &mut Stream) -> Vec<f64> {
    let mut fluctuation = stream.normal();
    let raw: Vec<f64> = (0..points)
        .map(|point| {
            let phase = std::f64::consts::PI * (point as f64 + 0.5) / points as f64;
            let envelope = libm::sin(phase);
            let now = envelope * FLUCTUATION.mul_add(fluctuation, 1.0).max(0.0);
            let fresh = (1.0 - PERSISTENCE * PERSISTENCE).sqrt() * stream.normal();
            fluctuation = PERSISTENCE.mul_add(fluctuation, fresh);
            now
        })
        .collect();
    let largest = raw.iter().copied().fold(0.0, f64::max);
    if largest > 0.0 { raw.into_iter().map(|value| value / largest).collect() } else { vec![1.0; points] }
}

impl GeomagneticStorm {
    /// Peak of the field, V/km. One word of the stream.
    fn peak(&self, network: &GicNetwork, stream: &mut Stream) -> Option<f64> {
        if let Some(field) = self.field_v_per_km {
            return Some(field.draw(stream));
        }
        let latitude_deg = geomagnetic_latitude_deg(middle(network)?, POLE_2025);
        Some(self.multiple.draw(stream) * benchmark_peak_v_per_km(latitude_deg, self.ground))
    }
}

/// Reactive power that a field makes transformers take at each bus of the case at 1 pu, Mvar.
fn losses(
    network: &Network,
    solver: &GicSolver<'_>,
    gic: &GicNetwork,
    field: GeoelectricField,
) -> Option<Vec<f64>> {
    let mut mvar = vec![0.0; network.buses.id.len()];
    for loss in reactive_losses(gic, &solver.uniform(field))? {
        mvar[network.bus(loss.bus).ok()?.row()] += loss.mvar_per_pu;
    }
    Some(mvar)
}

impl Hazard for GeomagneticStorm {
    fn draw(&self, world: &World<'_>, streams: &Streams, timeline: &mut Vec<TimedEvent>) -> Option<f64> {
        let gic = world.network.case.geomagnetic.as_deref()?;
        let solver = GicSolver::new(gic).ok()?;
        let mut stream = streams.named("storm");
        let peak = self.peak(gic, &mut stream)?;
        let azimuth_deg = self.azimuth_deg.draw(&mut stream);
        let turns_deg_s = self.turns_deg_h.draw(&mut stream) / 3600.0;
        let lasts_s = 3600.0 * self.lasts_h.draw(&mut stream);
        let begins_s = storm::begins(self.begins_s, world).draw(&mut stream);
        let sizes = shape((lasts_s / POINT_S).ceil().max(1.0) as usize, &mut streams.named("fluctuations"));
        let crest = sizes.iter().position(|share| *share == 1.0).unwrap_or_default();
        for (point, share) in sizes.iter().chain([&0.0]).enumerate() {
            let at_s = POINT_S.mul_add(point as f64, begins_s);
            if at_s > world.last_step_s() {
                break;
            }
            let turned = turns_deg_s * POINT_S * (point as f64 - crest as f64);
            let field = GeoelectricField::from_azimuth(peak * share, azimuth_deg + turned);
            let loss_mvar = losses(world.network, &solver, gic, field)?;
            timeline
                .push(TimedEvent { at: Moment::from_seconds(at_s), event: Event::Saturation { loss_mvar } });
        }
        // It makes no discrete draw.
        Some(0.0)
    }

    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn describe(&self) -> String {
        let field = match self.field_v_per_km {
            Some(field) => format!("{field} V/km"),
            None => {
                format!("{} times the benchmark event over ground of beta {}", self.multiple, self.ground)
            }
        };
        format!(
            "a geomagnetic storm with a field of up to {field} at {} degrees from north, turning by {} degrees an hour, for {} h",
            self.azimuth_deg, self.turns_deg_h, self.lasts_h
        )
    }

    fn check(&self, world: &World<'_>) -> Diagnostics {
        let late = storm::never_happens(KIND.name, world, self.begins_s, "begins", BEGINS.name);
        let mut complaints = Diagnostics(late.into_iter().collect());
        let Some(gic) = world.network.case.geomagnetic.as_deref() else {
            let message = format!(
                "the hazard {} needs to know the direct-current resistances of {}",
                KIND.name, world.network.name
            );
            let hint = "give the suite a file of them: `geomagnetic = \"grid.gic\"`, or a MATPOWER file with GMD tables";
            complaints.push(Diagnostic::error("hazard.no-direct-current", message).hint(hint));
            return complaints;
        };
        let solver = match GicSolver::new(gic) {
            Ok(solver) => solver,
            Err(found) => {
                complaints.0.extend(found.0);
                return complaints;
            }
        };
        if self.field_v_per_km.is_none() && middle(gic).is_none() {
            let message = format!("the hazard {} needs places for the benchmark event", KIND.name);
            let hint = "say `field_v_per_km`, or give stations latitude and longitude";
            complaints.push(Diagnostic::error("hazard.no-coordinates", message).hint(hint));
        }
        let known = [GeoelectricField::NORTH, GeoelectricField::EAST]
            .into_iter()
            .all(|field| losses(world.network, &solver, gic, field).is_some());
        if !known {
            let message = format!(
                "the hazard {} cannot tell what transformers take: a core with direct current in it has no known type",
                KIND.name
            );
            let hint = "write the core type of every grounded transformer, or its factor K, into the file";
            complaints.push(Diagnostic::error("hazard.unknown-cores", message).hint(hint));
        }
        complaints
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use crate::seed::{Seed, streams};

    #[test]
    fn the_peak_is_reached_once_and_the_ends_are_calm() {
        for index in 0..50 {
            let shape = shape(240, &mut streams(Seed::default(), "sun", index).named("fluctuations"));
            assert_eq!(shape.iter().filter(|share| **share == 1.0).count(), 1);
            assert!(shape.iter().all(|share| (0.0..=1.0).contains(share)));
            let crest = shape.iter().position(|share| *share == 1.0).expect("a peak");
            assert!((30..210).contains(&crest) && shape[0] < 0.1 && shape[239] < 0.1, "{crest}");
        }
    }

    #[test]
    fn a_grid_without_direct_currents_is_refused() {
        let network = sample::ring(4);
        let world = World { network: &network, horizon_s: 3600.0, step_s: 60.0 };
        let hazard =
            crate::hazard::parse(&"kind = 'geomagnetic_storm'".parse().expect("TOML")).expect("sound");
        assert_eq!(hazard.check(&world).0[0].code, "hazard.no-direct-current");
        let both = "kind = 'geomagnetic_storm'\nfield_v_per_km = 1\nground = 0.5";
        let complaints = crate::hazard::parse(&both.parse().expect("TOML")).expect_err("a conflict");
        assert_eq!(complaints.0[0].code, "hazard.conflict");
    }
}
