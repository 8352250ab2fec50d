//! Named settings of hazards: what people mean by "a category three hurricane" without writing it out.
//!
//! A hazard's table with `preset` has the settings of that preset, but for those that it writes itself. What a preset does on the
//! reference network is measured in `docs/benchmarks/presets.md`.

use std::borrow::Cow;

use powerflow::{Diagnostic, Diagnostics};
use toml::{Table, Value};

use crate::nearest::advice;

/// Named settings of one kind of hazard.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// Its name in suites.
    pub name: &'static str,
    /// The kind of hazard that it is of.
    pub kind: &'static str,
    /// What it stands for.
    pub meaning: &'static str,
    /// How long an episode has to be to hold it, h.
    pub hours: u32,
    /// Its settings, as a suite would write them.
    pub settings: &'static str,
}

const fn hurricane(name: &'static str, meaning: &'static str, settings: &'static str) -> Preset {
    Preset { name, kind: "hurricane", meaning, hours: 72, settings }
}

/// Every preset, by name.
pub const LIST: &[Preset] = &[
    Preset {
        name: "cold_snap_4d",
        kind: "cold_snap",
        meaning: "four days whose nights have -15 deg C",
        hours: 144,
        settings: "coldest_c = -15\nhold_h = 96",
    },
    Preset {
        name: "cold_snap_unprepared",
        kind: "cold_snap",
        meaning: "the same where nobody expects it: as in the south-central United States in February 2021",
        hours: 144,
        settings: "coldest_c = -15\nhold_h = 96\noutages_scale = 2.4",
    },
    Preset {
        name: "heat_dome_5d",
        kind: "heat_dome",
        meaning: "five days of 40 deg C, eight above a hot summer's 32",
        hours: 120,
        settings: "peak_c = 40",
    },
    hurricane("hurricane_cat1", "37 m/s over one minute as it comes ashore", "category = 1"),
    hurricane("hurricane_cat2", "46 m/s", "category = 2"),
    hurricane("hurricane_cat3", "54 m/s", "category = 3"),
    hurricane("hurricane_cat4", "64 m/s", "category = 4"),
    hurricane("hurricane_cat5", "72 m/s", "category = 5"),
    Preset {
        name: "ice_48h",
        kind: "ice_storm",
        meaning: "two days of freezing rain",
        hours: 96,
        settings: "rain_mm_h = [1, 3]\nwidth_km = 86\nspeed_m_s = 3",
    },
    Preset {
        name: "wind_cutout",
        kind: "wind_ramp",
        meaning: "a front in which wind farms stop",
        hours: 24,
        settings: "peak_m_s = [27, 32]",
    },
];

/// The table with the settings of its preset under its own; the table itself where it has none.
///
/// # Errors
/// `hazard.wrong-type`, and `hazard.unknown-preset` with the nearest of its kind.
pub(crate) fn resolved<'a>(table: &'a Table, kind: &str) -> Result<Cow<'a, Table>, Diagnostics> {
    let Some(value) = table.get("preset") else { return Ok(Cow::Borrowed(table)) };
    let of_kind = || LIST.iter().filter(|preset| preset.kind == kind).map(|preset| preset.name);
    let Some(name) = value.as_str() else {
        let message = format!("`preset` of the hazard {kind} should be a word, not {value}");
        return Err(Diagnostic::error("hazard.wrong-type", message).into());
    };
    let Some(preset) = LIST.iter().find(|preset| preset.name == name && preset.kind == kind) else {
        let message = format!("the hazard {kind} has no preset `{name}`");
        let hint = match of_kind().next() {
            Some(_) => advice(name, of_kind()),
            None => format!("a {kind} has no presets"),
        };
        return Err(Diagnostic::error("hazard.unknown-preset", message).hint(hint).into());
    };
    let mut whole: Table = preset.settings.parse().unwrap_or_default();
    whole.extend(
        table.iter().filter(|(key, _)| *key != "preset").map(|(key, value)| (key.clone(), value.clone())),
    );
    whole.entry("kind").or_insert_with(|| Value::String(kind.to_owned()));
    Ok(Cow::Owned(whole))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hazard::parse;

    #[test]
    fn every_preset_is_settings_of_its_kind() {
        for preset in LIST {
            let settings: Table = preset.settings.parse().expect("TOML");
            assert!(!settings.is_empty());
            let written: Table =
                format!("kind = '{}'\n{}", preset.kind, preset.settings).parse().expect("TOML");
            let named: Table =
                format!("kind = '{}'\npreset = '{}'", preset.kind, preset.name).parse().expect("TOML");
            let [written, named] = [written, named].map(|table| parse(&table).expect(preset.name).describe());
            assert_eq!(written, named);
        }
        assert!(LIST.is_sorted_by_key(|preset| preset.name));
    }

    #[test]
    fn what_a_table_writes_itself_comes_first() {
        let text = |more: &str| format!("kind = 'cold_snap'\npreset = 'cold_snap_4d'{more}");
        let told = |more: &str| parse(&text(more).parse().expect("TOML")).expect("sound").describe();
        assert!(told("").contains("down to -15 deg C"));
        assert!(told("\ncoldest_c = -20").contains("down to -20 deg C"));
        assert!(told("\ncoldest_c = -20").contains("for 96 h"));
    }

    #[test]
    fn an_unknown_preset_is_answered_with_the_nearest_of_its_kind() {
        let complain = |text: &str| parse(&text.parse().expect("TOML")).expect_err(text).0.remove(0);
        let found = complain("kind = 'hurricane'\npreset = 'hurricane_cat7'");
        assert_eq!(found.code, "hazard.unknown-preset");
        assert!(found.hint.expect("a hint").contains("hurricane_cat"));
        assert_eq!(complain("kind = 'hurricane'\npreset = 'ice_48h'").code, "hazard.unknown-preset");
        assert_eq!(complain("kind = 'hurricane'\npreset = 3").code, "hazard.wrong-type");
        let none = complain("kind = 'line_trip'\npreset = 'ice_48h'");
        assert!(none.hint.expect("a hint").contains("no presets"));
    }
}
