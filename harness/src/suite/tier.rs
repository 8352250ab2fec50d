//! Tiers: smaller designs of one suite, for pipelines that have less time.

use crate::fields::Fields;

/// Names of tiers, from the shortest.
pub const TIERS: [&str; 3] = ["change", "nightly", "release"];

/// A smaller design of the suite: the same gates, thresholds and seed, fewer episodes.
#[derive(Clone, Debug, PartialEq)]
pub struct Tier {
    /// One of [`TIERS`].
    pub name: &'static str,
    /// Largest number of episodes of each population; never more than the population's own.
    pub size_max: Option<u64>,
    /// Time for all populations together, minutes, above 0. When it is over no further episodes begin; what a clock ended is never a pass.
    pub minutes: Option<f64>,
    /// Line in the suite file, from 1, where known.
    pub line: Option<u32>,
}

/// Reads the tables `[tier.change]`, `[tier.nightly]`, `[tier.release]`; `None` after a complaint.
pub(super) fn read_tiers(fields: &mut Fields<'_>) -> Option<Vec<Tier>> {
    let Some(mut table) = fields.table("tier", "suite.tier") else {
        return fields.or("tier", None, Vec::new());
    };
    let mut tiers = Vec::new();
    let mut sound = true;
    for name in TIERS {
        let Some(mut tier) = table.table(name, "suite.tier") else {
            sound &= !table.has(name);
            continue;
        };
        tier.rename(format!("tier `{name}`"));
        let size_max = tier.integer::<u64>("size_max", 1);
        let size_max = tier.or("size_max", size_max.map(Some), None);
        let minutes = tier.number("minutes", "above 0 and at most 1e6", |m| m > 0.0 && m <= 1e6);
        let minutes = tier.or("minutes", minutes.map(Some), None);
        let line = tier.line();
        tier.finish();
        match (size_max, minutes) {
            (Some(size_max), Some(minutes)) => tiers.push(Tier { name, size_max, minutes, line }),
            _ => sound = false,
        }
    }
    table.finish();
    sound.then_some(tiers)
}
