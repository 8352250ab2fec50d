//! Who the candidate is compared with.

use crate::candidate::operator::{Model, Settings};
use crate::fields::Fields;

/// Who the candidate is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Champion {
    /// A controller that never asks for anything.
    DoNothing,
    /// The people in the control room, by each model that the suite names.
    Operator,
}

impl Champion {
    /// Every champion.
    pub const LIST: [Champion; 2] = [Champion::DoNothing, Champion::Operator];

    /// Its name in suites and documents.
    pub fn id(self) -> &'static str {
        match self {
            Champion::DoNothing => "do_nothing",
            Champion::Operator => "operator",
        }
    }
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
    let choices: Vec<(&str, Champion)> =
        Champion::LIST.iter().map(|&champion| (champion.id(), champion)).collect();
    fields.choice("champion", &choices)
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
