//! The rules of step environments, by name.

use std::collections::BTreeMap;

use crate::fields::Fields;

/// How power flows are solved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowModel {
    /// AC.
    Ac,
    /// Linear.
    Dc,
}

/// What becomes of a demand or a unit that is cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// It ends everything, as in the environments: what is left is not followed.
    End,
    /// The demand is lost, the unit off, and the rest goes on.
    Shed,
}

/// Parameters of the engine, with the defaults of the operator-training environments that it follows.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Steps after the outage; the outage is at the beginning of the first.
    pub steps: u32,
    /// Length of a step, s. It decides nothing but the times in the log.
    pub step_s: f64,
    /// Current in shares of the limit above which a branch counts as overloaded.
    pub soft_limit: f64,
    /// A branch trips when it has been overloaded for more than so many consecutive steps.
    pub soft_steps: u32,
    /// Current in shares of the limit above which a branch trips at once.
    pub hard_limit: f64,
    /// How power flows are solved.
    pub flow: FlowModel,
    /// What becomes of a demand or a unit that is cut off.
    pub isolation: Isolation,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            steps: 10,
            step_s: 300.0,
            soft_limit: 1.0,
            soft_steps: 2,
            hard_limit: 2.0,
            flow: FlowModel::Ac,
            isolation: Isolation::End,
        }
    }
}

impl Settings {
    /// Reads the table `[steps]`.
    pub(crate) fn read(mut fields: Fields<'_>) -> Option<Self> {
        let default = Settings::default();
        let steps = fields.integer("steps", 1);
        let steps = fields.or("steps", steps, default.steps);
        let soft_steps = fields.integer("soft_steps", 0);
        let soft_steps = fields.or("soft_steps", soft_steps, default.soft_steps);
        let mut positive = |key, default| {
            let value = fields.number(key, "positive", |value| value > 0.0);
            fields.or(key, value, default)
        };
        let step_s = positive("step_s", default.step_s);
        let soft_limit = positive("soft_limit", default.soft_limit);
        let hard_limit = positive("hard_limit", default.hard_limit);
        if let (Some(soft), Some(hard)) = (soft_limit, hard_limit)
            && hard < soft
        {
            let message = format!("`hard_limit` is {hard}, below the soft limit of {soft}");
            fields.complain("range", Some("hard_limit"), message);
        }
        let flow = fields.choice("flow", &[("ac", FlowModel::Ac), ("dc", FlowModel::Dc)]);
        let flow = fields.or("flow", flow, default.flow);
        let isolation = fields.choice("isolation", &[("end", Isolation::End), ("shed", Isolation::Shed)]);
        let isolation = fields.or("isolation", isolation, default.isolation);
        fields.finish();
        Some(Settings {
            steps: steps?,
            step_s: step_s?,
            soft_limit: soft_limit?,
            soft_steps: soft_steps?,
            hard_limit: hard_limit?,
            flow: flow?,
            isolation: isolation?,
        })
    }

    /// As text, for a document.
    pub fn described(&self) -> BTreeMap<String, String> {
        let word = |name: &str, value: String| (name.to_owned(), value);
        BTreeMap::from([
            word(
                "flow",
                match self.flow {
                    FlowModel::Ac => "AC, reactive limits enforced",
                    FlowModel::Dc => "linear: no losses, no voltages",
                }
                .to_owned(),
            ),
            word(
                "power balance",
                "pmax_share: units with headroom, in proportion to their largest power".to_owned(),
            ),
            word(
                "overload",
                format!(
                    "current at the more loaded end over the long-term rating: above {} for more than {} consecutive steps, or \
                     above {} at once",
                    self.soft_limit, self.soft_steps, self.hard_limit
                ),
            ),
            word(
                "steps",
                format!("{} of {} s; the outage is at the beginning of the first", self.steps, self.step_s),
            ),
            word(
                "a demand or a unit that is cut off",
                match self.isolation {
                    Isolation::End => "ends everything: what is left is not followed",
                    Isolation::Shed => "is lost, and the rest goes on",
                }
                .to_owned(),
            ),
            word("reconnection", "none: nobody acts".to_owned()),
        ])
    }
}
