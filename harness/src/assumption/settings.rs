//! Reading the table `[assumptions]`.

use super::{EPISODES, EPISODES_MIN, LIST, Variant, by_id};
use crate::fields::Fields;
use scenarios::nearest;

/// Code of complaints.
const CODE: &str = "suite.assumptions";

/// What a suite wants to know about its assumptions.
#[derive(Clone, Debug)]
pub struct Written {
    /// Variants that it wants, each once, in the order of [`LIST`]; at least one.
    pub vary: Vec<&'static Variant>,
    /// Episodes of each population that are lived again in every variant, at least [`EPISODES_MIN`].
    pub episodes: u64,
}

/// Reads the table from a suite's root; the inner `None`: there is none. The outer one is a complaint.
pub(crate) fn read(suite: &mut Fields<'_>) -> Option<Option<Written>> {
    let Some(mut fields) = suite.table("assumptions", CODE) else {
        return suite.or("assumptions", None, None);
    };
    let names = fields.texts("vary");
    let mut sound = true;
    for (at, name) in names.iter().enumerate() {
        if by_id(name).is_none() {
            let message = format!("there is no variant `{name}`");
            let hint = nearest::advice(name, LIST.iter().map(|variant| variant.id));
            fields.complain_with("unknown-variant", Some("vary"), message, Some(hint));
            sound = false;
        } else if names[..at].contains(name) {
            fields.complain("duplicate", Some("vary"), format!("the variant `{name}` is named twice"));
            sound = false;
        }
    }
    if fields.has("vary") && names.is_empty() {
        let hint = "leave the key out to try every variant that can matter".to_owned();
        fields.complain_with("missing", Some("vary"), "`vary` names no variant", Some(hint));
        sound = false;
    }
    let episodes = fields.integer::<u64>("episodes", i128::from(EPISODES_MIN));
    let episodes = fields.or("episodes", episodes, EPISODES);
    fields.finish();
    let wanted = |variant: &&Variant| names.is_empty() || names.iter().any(|name| name == variant.id);
    let vary = LIST.iter().filter(wanted).collect();
    let episodes = episodes?;
    sound.then_some(Some(Written { vary, episodes }))
}
