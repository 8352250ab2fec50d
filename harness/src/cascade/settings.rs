//! The settings file of a cascade: one table an engine, all of them checked whichever is asked.

use std::collections::BTreeMap;
use std::path::Path;

use powerflow::{Diagnostic, Diagnostics};

use super::{Engine, acfm, separation, steps};
use crate::fields::Document;
use crate::grid::frequency;
use crate::grid::protection::{self, Written};

/// Schema of the settings file.
pub const SETTINGS_SCHEMA: &str = "gridgate/cascade-settings/1";

/// Parameters of all engines; what a file leaves out has its default.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// `[acfm]`.
    pub acfm: acfm::Settings,
    /// `[dcsep]`.
    pub dcsep: separation::Settings,
    /// `[steps]`.
    pub steps: steps::Settings,
    /// `[protection]`: the table of a suite.
    pub protection: Written,
    /// `[frequency]`: the table of a suite; `None`: where the frequency would settle, it is.
    pub frequency: Option<frequency::Written>,
    /// `horizon_s`: simulated time of engine `protection`, s.
    pub horizon_s: f64,
    /// `seed` of what hidden failures draw.
    pub seed: u64,
}

/// Relays act within minutes; what operators would do then is not simulated.
const HORIZON_S: f64 = 600.0;

impl Default for Settings {
    fn default() -> Self {
        Settings {
            acfm: acfm::Settings::default(),
            dcsep: separation::Settings::default(),
            steps: steps::Settings::default(),
            protection: Written::default(),
            frequency: None,
            horizon_s: HORIZON_S,
            seed: 0,
        }
    }
}

impl Settings {
    /// Reads a settings file (TOML).
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its line; an unknown key with the nearest known.
    pub fn read(path: &Path) -> Result<Self, Diagnostics> {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| {
            Diagnostic::error("cascade.settings.read", format!("the settings cannot be read: {error}"))
                .at(file.as_str(), None)
        })?;
        Settings::of(&file, &text)
    }

    /// The same from text; `file` is the name to show.
    ///
    /// # Errors
    /// As [`Settings::read`].
    pub fn of(file: &str, text: &str) -> Result<Self, Diagnostics> {
        const CODE: &str = "cascade.settings";
        let document = Document::toml(file, text, CODE)?;
        let mut root = document.root(CODE, "the settings");
        let schema = root.text("schema");
        if root.need("schema", schema).is_some_and(|schema| schema != SETTINGS_SCHEMA) {
            let message = format!("`schema` is not \"{SETTINGS_SCHEMA}\"");
            root.complain("schema", Some("schema"), message);
        }
        let default = Settings::default();
        let dcsep = match root.table("dcsep", "cascade.settings.dcsep") {
            Some(fields) => separation::Settings::read(fields),
            None => Some(default.dcsep),
        };
        let steps = match root.table("steps", "cascade.settings.steps") {
            Some(fields) => steps::Settings::read(fields),
            None => Some(default.steps),
        };
        let acfm = match root.table("acfm", "cascade.settings.acfm") {
            Some(mut fields) => {
                let settings = acfm::Settings::of(&mut fields);
                fields.finish();
                settings
            }
            None => Some(default.acfm),
        };
        let protection = match root.table("protection", "cascade.settings.protection") {
            Some(fields) => protection::read(fields),
            None => Some(Some(default.protection)),
        };
        if matches!(protection, Some(None)) {
            root.complain("protection", Some("protection"), "without relays nothing cascades".to_owned());
        }
        let frequency = frequency::of_suite(&mut root, None);
        let horizon_s = root.number("horizon_s", "positive", |seconds| seconds > 0.0 && seconds <= 86_400.0);
        let horizon_s = root.or("horizon_s", horizon_s, default.horizon_s);
        let seed = root.integer("seed", 0);
        let seed = root.or("seed", seed, default.seed);
        root.finish();
        let settings = (|| {
            Some(Settings {
                acfm: acfm?,
                dcsep: dcsep?,
                steps: steps?,
                protection: protection??,
                frequency: frequency?,
                horizon_s: horizon_s?,
                seed: seed?,
            })
        })();
        document.finish(settings, CODE)
    }

    /// Those of one engine as text, for a document; of a grid with this nominal frequency, Hz.
    pub fn described(&self, engine: Engine, nominal_hz: f64) -> BTreeMap<String, String> {
        match engine {
            Engine::Dcsep => self.dcsep.described(),
            Engine::Steps => self.steps.described(),
            Engine::Acfm => self.acfm.described(),
            Engine::Protection => {
                let mut words: BTreeMap<String, String> =
                    self.protection.of(nominal_hz).in_words().into_iter().collect();
                words.insert("horizon".to_owned(), format!("{} s", self.horizon_s));
                words.insert("seed".to_owned(), self.seed.to_string());
                words
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(tables: &str) -> Result<Settings, Diagnostics> {
        Settings::of("settings.toml", &format!("schema = \"{SETTINGS_SCHEMA}\"\n{tables}"))
    }

    #[test]
    fn what_is_left_out_has_its_default_and_the_rest_is_read() {
        assert_eq!(read("").unwrap(), Settings::default());
        let settings = read("[dcsep]\nend_s = 600\np_min = \"file\"\n[steps]\nsoft_steps = 0\n").unwrap();
        assert_eq!((settings.dcsep.end_s, settings.dcsep.p_min), (600.0, separation::LowestPower::File));
        assert_eq!((settings.steps.soft_steps, settings.steps.hard_limit), (0, 2.0));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let told = |tables: &str| -> Vec<(String, Option<u32>)> {
            let line = |d: &Diagnostic| d.place.as_ref().and_then(|place| place.line);
            read(tables).unwrap_err().0.iter().map(|d| (d.code.to_string(), line(d))).collect()
        };
        let one = |code: &str, line| [(code.to_owned(), Some(line))];
        assert_eq!(told("[dcsep]\nend = 3\n"), one("cascade.settings.dcsep.unknown-key", 3));
        assert_eq!(told("[dcsep]\nrelay_s = 0\n"), one("cascade.settings.dcsep.range", 3));
        assert_eq!(told("[steps]\nflow = \"ad\"\n"), one("cascade.settings.steps.unknown-choice", 3));
        assert_eq!(told("[steps]\nhard_limit = 0.5\n"), one("cascade.settings.steps.range", 3));
        assert_eq!(told("[dcspe]\n"), one("cascade.settings.unknown-key", 2));
        let hint = read("[dcsep]\nend = 3\n").unwrap_err().0[0].hint.clone().unwrap();
        assert!(hint.contains("end_s"), "{hint}");
        assert_eq!(
            Settings::of("s.toml", "schema = \"x/1\"").unwrap_err().0[0].code,
            "cascade.settings.schema"
        );
        assert_eq!(Settings::of("s.toml", "").unwrap_err().0[0].code, "cascade.settings.missing");
    }
}
