//! Who the candidate is compared with.

use scenarios::nearest;

use crate::candidate::greedy;
use crate::candidate::operator::{Model, Settings};
use crate::fields::Fields;

/// Who the candidate is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Champion {
    /// A controller that never asks for anything.
    DoNothing,
    /// The people in the control room, by each model that the suite names.
    Operator,
    /// Who tries single actions with the power flow and asks the best.
    Greedy,
    /// Another candidate: its manifest or its folder, as the suite writes it, relative to the suite.
    Manifest(String),
}

impl Champion {
    /// Every champion that has a name of its own, with it.
    pub const LIST: [(&str, Champion); 3] = [
        ("do_nothing", Champion::DoNothing),
        ("operator", Champion::Operator),
        (greedy::NAME, Champion::Greedy),
    ];

    /// What a path contains and a name does not.
    pub const OF_PATHS: &str = "/";
}

/// How the operator is modelled.
#[derive(Clone, Debug, PartialEq)]
pub struct Operators {
    /// Every model that the candidate is compared with; at least one, each once.
    pub models: Vec<Model>,
    /// How each of them works.
    pub settings: Settings,
}

impl Default for Operators {
    fn default() -> Self {
        Operators { models: vec![Model::Greedy], settings: Settings::default() }
    }
}

/// Reads `champion`; `None` where there is none, or after a complaint.
pub(super) fn read_champion(fields: &mut Fields<'_>) -> Option<Champion> {
    let text = fields.name("champion")?;
    if text.contains(Champion::OF_PATHS) {
        return Some(Champion::Manifest(text.to_owned()));
    }
    let found = Champion::LIST.into_iter().find(|(name, _)| *name == text);
    if found.is_none() {
        let names = Champion::LIST.map(|(name, _)| name);
        let hint = nearest::nearest(text, names).map_or_else(
            || "another candidate is named by a path such as \"champion/candidate.toml\"".to_owned(),
            |name| format!("did you mean \"{name}\"?"),
        );
        let message =
            format!("`champion` is \"{text}\", which is no path and not one of: {}", names.join(", "));
        fields.complain_with("unknown-choice", Some("champion"), message, Some(hint));
    }
    found.map(|(_, champion)| champion)
}

/// Reads `operator = ["greedy", "lp"]` and `operator_delay_s`.
pub(super) fn read_operators(fields: &mut Fields<'_>) -> Option<Operators> {
    let default = Operators::default();
    let names = fields.texts("operator");
    let mut models = Vec::with_capacity(names.len());
    for name in &names {
        match Model::LIST.iter().copied().find(|model| model.id() == name) {
            Some(model) if models.contains(&model) => {
                fields.complain(
                    "duplicate",
                    Some("operator"),
                    format!("the operator `{name}` is named twice"),
                );
            }
            Some(model) => models.push(model),
            None => {
                let message = format!("there is no operator `{name}`");
                let known: Vec<&str> = Model::LIST.iter().copied().map(Model::id).collect();
                let hint = format!("there are: {}", known.join(", "));
                fields.complain_with("operator", Some("operator"), message, Some(hint));
            }
        }
    }
    let delay_s = fields.number("operator_delay_s", "from 300 to 900", |s| (300.0..=900.0).contains(&s));
    let delay_s = fields.or("operator_delay_s", delay_s, default.settings.delay_s)?;
    if fields.has("operator") && names.is_empty() {
        fields.complain("missing", Some("operator"), "`operator` names nobody");
    }
    let models = if names.is_empty() { default.models } else { models };
    Some(Operators { models, settings: Settings { delay_s } })
}
