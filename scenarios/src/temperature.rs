//! What days of heat and days of cold share: one series of temperatures, and all that follows it.
//!
//! ```text
//! T(t) = level(t) - (swing / 2) (1 - cos(2 pi (hour - 15 h) / 24 h))       warmest at three in the afternoon
//! lines         I(T, wind, sun) / I(40 deg C, 0.61 m/s, sun at eleven), IEEE 738 on the standard's example conductor
//! transformers  1 % per degree around 30 deg C
//! units         a two-state Markov chain each, whose long-run share of outage is that of its prime mover at T
//! ```
//!
//! Units that burn gas may fail together: with the probability of [`gas_supply_fails`] the pipeline of an area fails, and with it a share
//! of the area's gas units. The probability that a unit fails by itself is lowered so that its marginal stays the table's.

use powerflow::case::PrimeMover;
use powerflow::rating::{self, Place, Sun, Weather};
use powerflow::{Index, Network, UnitIdx};

use crate::event::{Event, Moment, TimedEvent};
use crate::hazard::World;
use crate::seed::Streams;
use crate::settings::{Parameter, Settings, Span};
use crate::storm::moments;
use crate::weather::availability::{self, gas_supply_fails, split};

pub(crate) const SWING: Parameter = Parameter {
    name: "swing_c",
    unit: "deg C",
    default: "12; in the cold 6",
    meaning: "how much colder the night is than the afternoon",
};
pub(crate) const BEGINS: Parameter = Parameter {
    name: "begins_h",
    unit: "h",
    default: "10",
    meaning: "hour of the day at which the episode begins",
};
pub(crate) const WIND: Parameter = Parameter {
    name: "wind_m_s",
    unit: "m/s",
    default: "0.61",
    meaning: "wind across lines, where ratings follow it: a number, or [lowest, highest] drawn from once an episode",
};
pub(crate) const RATINGS: Parameter = Parameter {
    name: "ratings",
    unit: "-",
    default: "ambient",
    meaning: "`ambient`: ratings follow the temperature, in summer air that hardly moves; `dynamic`: the wind as well; `static`: they are the file's",
};
pub(crate) const TECHNOLOGY: Parameter = Parameter {
    name: "technology",
    unit: "-",
    default: "case",
    meaning: "what units are, for their forced outages: `case`, as the case or the table `prime_movers` says, units of which nobody says it being never lost; or one for all, `combined_cycle`, `combustion_turbine`, `diesel`, `hydro`, `nuclear`, `steam`",
};

/// The warmest hour of a day.
const WARMEST_H: f64 = 15.0;
/// Time between two points of the series, s.
const POINT_S: f64 = 3600.0;

/// What ratings follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ratings {
    Ambient,
    Dynamic,
    Static,
}

/// How often units are out of order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Outages {
    /// One kind for all; `None`: as the case says.
    of_all: Option<PrimeMover>,
    /// Factor on the shares of the table.
    pub(crate) scale: f64,
    /// Share of an area's gas units that a failure of its pipeline takes; 0 where there is no such failure.
    pub(crate) gas_share: f64,
}

impl Outages {
    fn mover(&self, network: &Network, unit: UnitIdx) -> Option<PrimeMover> {
        self.of_all.or_else(|| network.case.prime_movers.get(unit.row()).copied().flatten())
    }

    /// Probability that the pipeline has failed, share of gas units that this takes, and probability that the unit fails by itself.
    fn causes(&self, mover: PrimeMover, celsius: f64) -> Option<(f64, f64, f64)> {
        let marginal = (self.scale * availability::unavailable(mover, celsius)?).min(0.95);
        let common = match self.gas_share > 0.0 && availability::burns_gas(mover) {
            true => gas_supply_fails(celsius),
            false => 0.0,
        };
        let (share, own) = split(marginal, common, self.gas_share);
        Some((common, share, own))
    }
}

/// What follows the temperature.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Effects {
    swing_c: f64,
    begins_h: f64,
    wind_m_s: Span,
    ratings: Ratings,
    pub(crate) outages: Outages,
}

/// A day's weather, drawn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Drawn {
    /// Wind across lines, m/s.
    pub(crate) wind_m_s: f64,
}

impl Effects {
    /// Reads the five settings.
    pub(crate) fn read(settings: &mut Settings<'_>, swing_c: f64) -> Self {
        let technologies = availability::known().map(|mover| (mover.id(), Some(mover)));
        let technologies: Vec<(&'static str, Option<PrimeMover>)> =
            std::iter::once(("case", None)).chain(technologies).collect();
        let still = rating::reference().1.wind_m_s;
        Effects {
            swing_c: settings.number(SWING.name, swing_c, 0.0, 40.0),
            begins_h: settings.number(BEGINS.name, 10.0, 0.0, 24.0),
            wind_m_s: settings.span(WIND.name, 0.0, 30.0).unwrap_or(Span { low: still, high: still }),
            ratings: settings.choice(
                RATINGS.name,
                &[("ambient", Ratings::Ambient), ("dynamic", Ratings::Dynamic), ("static", Ratings::Static)],
            ),
            outages: Outages {
                of_all: settings.choice(TECHNOLOGY.name, &technologies),
                scale: 1.0,
                gas_share: 0.0,
            },
        }
    }

    /// In words.
    pub(crate) fn describe(&self) -> String {
        let ratings = match self.ratings {
            Ratings::Ambient => "ratings follow the temperature",
            Ratings::Dynamic => "ratings follow temperature and wind",
            Ratings::Static => "ratings stay the file's",
        };
        let outages = match self.outages.of_all {
            None => "units are lost as their prime movers are at each temperature, where the case says what they are".to_owned(),
            Some(mover) => format!("units are lost as {} is at each temperature", mover.id()),
        };
        format!("{} degrees less at night, from {} h on; {ratings}, {outages}", self.swing_c, self.begins_h)
    }

    /// How much colder the night is than the afternoon, deg C.
    pub(crate) fn swing_c(&self) -> f64 {
        self.swing_c
    }

    /// Whether the likelihood of which units are lost is known: where none can be.
    pub(crate) fn loses_nothing(&self, network: &Network) -> bool {
        let known = |unit| {
            self.outages.mover(network, unit).is_some_and(|m| availability::unavailable(m, 0.0).is_some())
        };
        !network.units.bus.indices().any(known)
    }

    /// What is drawn once an episode: one word of the stream.
    pub(crate) fn draw(&self, stream: &mut crate::draw::Stream) -> Drawn {
        Drawn { wind_m_s: self.wind_m_s.draw(stream) }
    }

    /// Hour of the day at a moment of the episode.
    fn hour(&self, seconds: f64) -> f64 {
        (self.begins_h + seconds / 3600.0) % 24.0
    }

    /// Temperature of the air at a moment, deg C, where the afternoon has so much.
    pub(crate) fn celsius(&self, afternoon_c: f64, seconds: f64) -> f64 {
        let turn = std::f64::consts::TAU * (self.hour(seconds) - WARMEST_H) / 24.0;
        (0.5 * self.swing_c).mul_add(libm::cos(turn) - 1.0, afternoon_c)
    }

    /// Writes into a timeline what follows the temperatures `celsius(seconds)`: demand by its factor, the ratings, and the
    /// capability of units by its share, where there is one.
    pub(crate) fn enter(
        &self,
        world: &World<'_>,
        drawn: Drawn,
        celsius: impl Fn(f64) -> f64,
        demand: impl Fn(f64) -> f64,
        capability: Option<impl Fn(f64) -> f64>,
        timeline: &mut Vec<TimedEvent>,
    ) {
        let network = world.network;
        let demand = |seconds: f64| vec![demand(celsius(seconds)); network.buses.id.len()];
        for seconds in moments(world, POINT_S) {
            let at = Moment::from_seconds(seconds);
            let mut push = |event: Event| timeline.push(TimedEvent { at, event });
            if seconds == 0.0 {
                push(Event::DemandRamp { until: at, factor: demand(0.0) });
            }
            let next_s = seconds + POINT_S;
            push(Event::DemandRamp { until: Moment::from_seconds(next_s), factor: demand(next_s) });
            if self.ratings != Ratings::Static {
                let factor = self.rated(network, celsius(seconds), drawn.wind_m_s, self.hour(seconds));
                push(Event::Ratings { factor });
            }
            if let Some(capability) = &capability {
                push(Event::Capability {
                    factor: vec![capability(celsius(seconds)); network.units.bus.len()],
                });
            }
        }
    }

    /// What branches may carry, as shares of their ratings.
    fn rated(&self, network: &Network, celsius: f64, wind_m_s: f64, hour: f64) -> Vec<f64> {
        let (_, usual, _) = rating::reference();
        let wind_m_s = if self.ratings == Ratings::Dynamic { wind_m_s } else { usual.wind_m_s };
        // Ambient ratings have one value for days and one for nights: of days it is that of the standard's example, at eleven.
        let day = (6.0..20.0).contains(&hour);
        let sun = if day { usual.sun } else { Sun::At(Place { hour: 0.0, ..Place::EXAMPLE }) };
        let weather = Weather { ambient_c: celsius, wind_m_s, sun, ..usual };
        let (line, transformer) = (rating::line_factor(&weather), rating::transformer_factor(celsius));
        let of = |is_transformer: &bool| if *is_transformer { transformer } else { line };
        network.branches.transformer.as_slice().iter().map(of).collect()
    }

    /// Outages of units: everything at its first moment is as in the long run at that temperature. Streams `units`, and
    /// where pipelines can fail `pipelines` and `gas units`.
    pub(crate) fn enter_outages(
        &self,
        world: &World<'_>,
        celsius: impl Fn(f64) -> f64,
        streams: &Streams,
        timeline: &mut Vec<TimedEvent>,
    ) {
        let network = world.network;
        let mut supply = Supply::of(network, streams);
        let mut stream = streams.named("units");
        let mut alone = vec![false; network.units.bus.len()];
        let mut out = alone.clone();
        for seconds in moments(world, POINT_S) {
            let celsius = celsius(seconds);
            supply.pass(celsius, seconds == 0.0);
            for unit in network.units.bus.indices() {
                // Drawn for every unit and hour, so that each keeps its luck.
                let luck = stream.uniform();
                let row = unit.row();
                let Some(mover) = self.outages.mover(network, unit) else { continue };
                let Some((_, share, own)) = self.outages.causes(mover, celsius) else { continue };
                let (fails, stays) = match seconds == 0.0 {
                    true => (own, own),
                    false => availability::over(POINT_S / 3600.0, own, availability::repair_h(mover)),
                };
                alone[row] = luck < if alone[row] { stays } else { fails };
                let without_gas = availability::burns_gas(mover) && supply.fails(unit, share);
                let is_out = alone[row] || without_gas;
                let was_out = std::mem::replace(&mut out[row], is_out);
                let event = match (was_out, is_out) {
                    (false, true) => Event::UnitOut { unit },
                    (true, false) => Event::UnitBack { unit },
                    _ => continue,
                };
                if network.units.in_service[unit] {
                    timeline.push(TimedEvent { at: Moment::from_seconds(seconds), event });
                }
            }
        }
    }
}

/// The pipelines of a grid's areas.
struct Supply {
    /// Area of each unit, as a place in `failed`.
    area: Vec<usize>,
    failed: Vec<bool>,
    /// Each unit's luck: whether it is among those that hang on the pipeline.
    luck: Vec<f64>,
    stream: crate::draw::Stream,
}

impl Supply {
    /// The areas are those of the case: no file says which pipeline feeds whom.
    fn of(network: &Network, streams: &Streams) -> Self {
        let area_of = |unit: UnitIdx| network.case.buses[network.units.bus[unit].row()].area;
        let mut areas: Vec<_> = network.units.bus.indices().map(area_of).collect();
        areas.sort_unstable();
        areas.dedup();
        let place = |unit: UnitIdx| areas.binary_search(&area_of(unit)).unwrap_or_default();
        let mut luck = streams.named("gas units");
        Supply {
            area: network.units.bus.indices().map(place).collect(),
            failed: vec![false; areas.len()],
            luck: network.units.bus.indices().map(|_| luck.uniform()).collect(),
            stream: streams.named("pipelines"),
        }
    }

    /// An hour passes at this temperature, or the first moment is drawn.
    fn pass(&mut self, celsius: f64, first: bool) {
        /// Mean time until gas flows again, h.
        const REPAIR_H: f64 = 24.0;
        let often = gas_supply_fails(celsius);
        let (fails, stays) = match first {
            true => (often, often),
            false => availability::over(POINT_S / 3600.0, often, REPAIR_H),
        };
        for failed in &mut self.failed {
            *failed = self.stream.uniform() < if *failed { stays } else { fails };
        }
    }

    /// Whether a unit is without gas, where this share of all hang on the pipeline.
    fn fails(&self, unit: UnitIdx, share: f64) -> bool {
        self.failed[self.area[unit.row()]] && self.luck[unit.row()] < share
    }
}
