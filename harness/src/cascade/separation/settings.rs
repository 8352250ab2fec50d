//! What the published experiments chose, by name.

use std::collections::BTreeMap;

use crate::fields::Fields;

/// Lowest power of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LowestPower {
    /// None: a unit can go down to nothing, as in the published experiments.
    Zero,
    /// That of the file.
    File,
}

/// Parameters of the engine, with the values of the published program.
///
/// Source: M. J. Eppstein, P. D. H. Hines, "A 'Random Chemistry' algorithm for identifying collections of multiple
/// contingencies that initiate cascading failure", IEEE Transactions on Power Systems 27(3), 2012, and its program.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// A relay operates once flow beyond the emergency rating, integrated over time, reaches this share of the rating ...
    pub relay_share: f64,
    /// ... times this long, s: the share is the overload that trips in this time.
    pub relay_s: f64,
    /// Longest step from one look at the relays to the next, s.
    pub step_s_max: f64,
    /// What trips later than this does not trip, s.
    pub end_s: f64,
    /// Minutes of ramp that units have at every separation.
    pub ramp_min: f64,
    /// Ramp where the file gives none, share of the largest power a minute ...
    pub ramp_share_per_min: f64,
    /// ... but at least this, MW a minute.
    pub ramp_mw_per_min_min: f64,
    /// Lowest power of units.
    pub p_min: LowestPower,
    /// The cascade is given up once a smaller share of the demand is served; 0 follows it to its end. The published program has
    /// 0.95, its definition of a blackout.
    pub stop_served_share: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            relay_share: 0.5,
            relay_s: 15.0,
            step_s_max: 60.0,
            end_s: 900.0,
            ramp_min: 1.0,
            ramp_share_per_min: 0.05,
            ramp_mw_per_min_min: 1.0,
            p_min: LowestPower::Zero,
            stop_served_share: 0.0,
        }
    }
}

impl Settings {
    /// Reads the table `[dcsep]`.
    pub(crate) fn read(mut fields: Fields<'_>) -> Option<Self> {
        let default = Settings::default();
        let mut positive = |key, default| {
            let value = fields.number(key, "positive", |value| value > 0.0);
            fields.or(key, value, default)
        };
        let relay_share = positive("relay_share", default.relay_share);
        let relay_s = positive("relay_s", default.relay_s);
        let step_s_max = positive("step_s_max", default.step_s_max);
        let end_s = positive("end_s", default.end_s);
        let mut not_negative = |key, default| {
            let value = fields.number(key, "zero or positive", |value| value >= 0.0);
            fields.or(key, value, default)
        };
        let ramp_min = not_negative("ramp_min", default.ramp_min);
        let ramp_share_per_min = not_negative("ramp_share_per_min", default.ramp_share_per_min);
        let ramp_mw_per_min_min = not_negative("ramp_mw_per_min_min", default.ramp_mw_per_min_min);
        let p_min = fields.choice("p_min", &[("zero", LowestPower::Zero), ("file", LowestPower::File)]);
        let p_min = fields.or("p_min", p_min, default.p_min);
        let share =
            fields.number("stop_served_share", "between 0 and 1", |share| (0.0..=1.0).contains(&share));
        let stop_served_share = fields.or("stop_served_share", share, default.stop_served_share);
        fields.finish();
        Some(Settings {
            relay_share: relay_share?,
            relay_s: relay_s?,
            step_s_max: step_s_max?,
            end_s: end_s?,
            ramp_min: ramp_min?,
            ramp_share_per_min: ramp_share_per_min?,
            ramp_mw_per_min_min: ramp_mw_per_min_min?,
            p_min: p_min?,
            stop_served_share: stop_served_share?,
        })
    }

    /// As text, for a document.
    pub fn described(&self) -> BTreeMap<String, String> {
        let word = |name: &str, value: String| (name.to_owned(), value);
        BTreeMap::from([
            word("flow", "linear: reactances alone, no ratios, shifts or losses".to_owned()),
            word(
                "relays",
                format!(
                    "integral of the flow beyond the emergency rating (RATE_B): {} of the rating for {} s trips",
                    self.relay_share, self.relay_s
                ),
            ),
            word("clock", "the outage is at 1 s".to_owned()),
            word("longest step", format!("{} s", self.step_s_max)),
            word("end", format!("{} s", self.end_s)),
            word(
                "power balance",
                format!(
                    "ramp_limited: {} min of ramp at each separation, {} of the largest power and at least {} MW a minute \
                     where the file gives no ramp; then the smallest units off, or all demand of the island in proportion",
                    self.ramp_min, self.ramp_share_per_min, self.ramp_mw_per_min_min
                ),
            ),
            word(
                "lowest power of units",
                match self.p_min {
                    LowestPower::Zero => "zero",
                    LowestPower::File => "of the file",
                }
                .to_owned(),
            ),
            word(
                "given up",
                if self.stop_served_share == 0.0 {
                    "never: followed to its end".to_owned()
                } else {
                    format!("once less than {} of the demand is served", self.stop_served_share)
                },
            ),
        ])
    }
}
