//! The model's numbers.

use powerflow::{Diagnostics, Index, UnitIdx};

use crate::fields::{Document, Fields};

/// All settings, by default those of the published program.
///
/// Source of every default: M. Noebels, R. Preece, M. Panteli, "AC Cascading Failure Model for Resilience Analysis in Power
/// Networks", IEEE Systems Journal, 2020, and its open program. Its settings of the optimal power flow (value of lost load,
/// lowest voltage) have no place here, where demand is given up by [`Settings::collapse_share`].
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// `max_recursion_depth`: an island is given up as unsolved when its generation plus the generations since it split off
    /// exceed this.
    pub max_recursion_depth: u32,
    /// `line_trip_factor`: a branch trips above this many times its rating.
    pub line_trip_factor: f64,
    /// `uvls_per_step`: share of a bus's demand before the cascade that one step of under-voltage load shedding takes.
    pub uvls_per_step: f64,
    /// `uvls_max_steps`: steps after which the next violation takes all that is left.
    pub uvls_max_steps: u32,
    /// `dP_limit`: relative change of an island's generation that its frequency bears.
    pub generation_change_max: f64,
    /// `P_overhead`: under-frequency load shedding leaves a demand of what can be generated over one plus this, room for
    /// losses.
    pub losses_overhead: f64,
    /// `Q_tolerance`: a reactive limit may be exceeded by this share of its magnitude.
    pub reactive_tolerance: f64,
    /// `slack_deadband`: changes of the reference unit's power, and of an island's generation, below this are let pass, MW.
    pub slack_deadband_mw: f64,
    /// `grid_forming`: units of which one must run in every island that lives. `None` where the case names no types of
    /// units: then every unit will do.
    pub grid_forming: Option<Vec<UnitIdx>>,
    /// `newton_tolerance`: largest mismatch of a solved power flow, pu.
    pub tolerance_pu: f64,
    /// `newton_iterations`: iterations after which a power flow has failed.
    pub iterations_max: u32,
    /// `collapse_share`: what is kept of the largest share of an island's demand that has a power flow. It stands in the
    /// place of the published program's optimal power flow.
    pub collapse_share: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_recursion_depth: 100,
            line_trip_factor: 1.01,
            uvls_per_step: 0.05,
            uvls_max_steps: 5,
            generation_change_max: 0.15,
            losses_overhead: 0.10,
            reactive_tolerance: 0.10,
            slack_deadband_mw: 1.0,
            grid_forming: None,
            tolerance_pu: 1e-8,
            iterations_max: 10,
            collapse_share: 0.99,
        }
    }
}

impl Settings {
    /// Reads a TOML table whose keys are the quoted names above; `grid_forming` is a list of generator rows as texts, from 1. A
    /// key that is absent keeps its default. `file` is the name to show.
    ///
    /// # Errors
    /// Syntax errors, unknown keys, and values out of range, each with its line.
    pub fn read(file: &str, text: &str) -> Result<Self, Diagnostics> {
        let document = Document::toml(file, text, "cascade.settings")?;
        let mut fields = document.root("cascade.settings", "the settings");
        let settings = Self::of(&mut fields);
        fields.finish();
        document.finish(settings, "cascade.settings")
    }

    /// As text, for a document.
    pub(in crate::cascade) fn described(&self) -> std::collections::BTreeMap<String, String> {
        let word = |name: &str, value: String| (name.to_owned(), value);
        let forming = self.grid_forming.as_ref().map_or_else(
            || "any unit".to_owned(),
            |units| units.iter().map(|unit| (unit.row() + 1).to_string()).collect::<Vec<_>>().join(" "),
        );
        [
            word("max_recursion_depth", self.max_recursion_depth.to_string()),
            word("line_trip_factor", self.line_trip_factor.to_string()),
            word("uvls_per_step", self.uvls_per_step.to_string()),
            word("uvls_max_steps", self.uvls_max_steps.to_string()),
            word("dP_limit", self.generation_change_max.to_string()),
            word("P_overhead", self.losses_overhead.to_string()),
            word("Q_tolerance", self.reactive_tolerance.to_string()),
            word("slack_deadband", format!("{} MW", self.slack_deadband_mw)),
            word("grid_forming", forming),
            word("newton_tolerance", format!("{:e} pu", self.tolerance_pu)),
            word("newton_iterations", self.iterations_max.to_string()),
            word(
                "collapse_share",
                format!("{}, in the place of the optimal power flow", self.collapse_share),
            ),
        ]
        .into()
    }

    /// Reads the table of a settings file.
    pub(in crate::cascade) fn of(fields: &mut Fields<'_>) -> Option<Self> {
        let default = Self::default();
        let mut number = |key: &'static str, default: f64, range: &str, holds: fn(f64) -> bool| {
            let value = fields.number(key, range, holds);
            fields.or(key, value, default)
        };
        let not_negative: fn(f64) -> bool = |x| x >= 0.0;
        let positive: fn(f64) -> bool = |x| x > 0.0;
        let share: fn(f64) -> bool = |x| x > 0.0 && x <= 1.0;
        let line_trip_factor = number("line_trip_factor", default.line_trip_factor, "above 0", positive);
        let uvls_per_step = number("uvls_per_step", default.uvls_per_step, "in (0, 1]", share);
        let generation_change_max =
            number("dP_limit", default.generation_change_max, "at least 0", not_negative);
        let losses_overhead = number("P_overhead", default.losses_overhead, "at least 0", not_negative);
        let reactive_tolerance =
            number("Q_tolerance", default.reactive_tolerance, "at least 0", not_negative);
        let slack_deadband_mw =
            number("slack_deadband", default.slack_deadband_mw, "at least 0", not_negative);
        let tolerance_pu = number("newton_tolerance", default.tolerance_pu, "above 0", positive);
        let collapse_share = number("collapse_share", default.collapse_share, "in (0, 1]", share);
        let mut count = |key: &'static str, default: u32, min: i128| {
            let value = fields.integer(key, min);
            fields.or(key, value, default)
        };
        let max_recursion_depth = count("max_recursion_depth", default.max_recursion_depth, 1);
        let uvls_max_steps = count("uvls_max_steps", default.uvls_max_steps, 0);
        let iterations_max = count("newton_iterations", default.iterations_max, 1);
        if let (Some(step), Some(steps)) = (uvls_per_step, uvls_max_steps)
            && step * f64::from(steps) >= 1.0
        {
            let message = format!("{steps} steps of {step} shed more than there is");
            fields.complain("range", Some("uvls_max_steps"), message);
        }
        let grid_forming = Self::rows(fields);
        Some(Self {
            max_recursion_depth: max_recursion_depth?,
            line_trip_factor: line_trip_factor?,
            uvls_per_step: uvls_per_step?,
            uvls_max_steps: uvls_max_steps?,
            generation_change_max: generation_change_max?,
            losses_overhead: losses_overhead?,
            reactive_tolerance: reactive_tolerance?,
            slack_deadband_mw: slack_deadband_mw?,
            grid_forming: grid_forming?,
            tolerance_pu: tolerance_pu?,
            iterations_max: iterations_max?,
            collapse_share: collapse_share?,
        })
    }

    /// The rows of grid-forming units, where the key is there; nothing where one is no row.
    fn rows(fields: &mut Fields<'_>) -> Option<Option<Vec<UnitIdx>>> {
        let names = fields.texts("grid_forming");
        if !fields.has("grid_forming") {
            return Some(None);
        }
        let row = |name: &String| name.trim().parse::<usize>().ok().filter(|row| *row > 0);
        if let Some(wrong) = names.iter().find(|name| row(name).is_none()) {
            fields.complain("range", Some("grid_forming"), format!("\"{wrong}\" is no row of a generator"));
            return None;
        }
        Some(Some(names.iter().filter_map(row).map(|row| UnitIdx::from_row(row - 1)).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_absent_keeps_its_default() {
        assert_eq!(Settings::read("s.toml", "").expect("settings"), Settings::default());
        let settings = Settings::read("s.toml", "Q_tolerance = 0\ndP_limit = 0.05\ngrid_forming = [\"2\"]");
        let expected = Settings {
            reactive_tolerance: 0.0,
            generation_change_max: 0.05,
            grid_forming: Some(vec![UnitIdx::from_row(1)]),
            ..Settings::default()
        };
        assert_eq!(settings.expect("settings"), expected);
    }

    #[test]
    fn all_that_is_wrong_is_told() {
        let text = "uvls_per_step = 0.3\nP_overhead = -1\nQ_toleranse = 0\ngrid_forming = [\"0\"]";
        let complaints = Settings::read("s.toml", text).expect_err("four complaints");
        let codes: Vec<&str> = complaints.0.iter().map(|d| d.code.as_ref()).collect();
        let of = |problem: &str| codes.iter().filter(|code| code.ends_with(problem)).count();
        assert_eq!((codes.len(), of(".range"), of(".unknown-key")), (4, 3, 1), "{complaints}");
    }
}
