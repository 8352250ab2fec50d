//! The settings file of a cascade: one table an engine, all of them checked whichever is asked.

use std::collections::BTreeMap;
use std::path::Path;

use powerflow::{Diagnostic, Diagnostics};

use super::{Engine, separation, steps};
use crate::fields::Document;

/// Schema of the settings file.
pub const SETTINGS_SCHEMA: &str = "gridgate/cascade-settings/1";

/// Parameters of all engines; what a file leaves out has its default.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// `[dcsep]`.
    pub dcsep: separation::Settings,
    /// `[steps]`.
    pub steps: steps::Settings,
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
        root.finish();
        let settings = dcsep.zip(steps).map(|(dcsep, steps)| Settings { dcsep, steps });
        document.finish(settings, CODE)
    }

    /// Those of one engine as text, for a document.
    pub fn described(&self, engine: Engine) -> BTreeMap<String, String> {
        match engine {
            Engine::Dcsep => self.dcsep.described(),
            Engine::Steps => self.steps.described(),
            Engine::Protection | Engine::Acfm => BTreeMap::new(),
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
