//! Which error rate a suite claims, and the level at which each of its gates is tested for it.

use super::{Claim, Suite, SuiteGate};
use crate::gate;
use crate::statistic::multiplicity::holm_levels;

impl Suite {
    /// Gates whose verdicts may be wrong by chance.
    fn inferring(&self) -> impl Iterator<Item = &SuiteGate> {
        self.gates.iter().filter(|gate| gate.gate.by_chance())
    }

    /// Level at which each gate is tested while a run is under way: alpha, or its share where every gate makes a claim of its
    /// own. Gates that infer nothing need no share. What [`Self::levels`] gives in the end is never less.
    pub fn gate_alpha(&self) -> f64 {
        match self.claim {
            Claim::Suite => self.alpha,
            Claim::PerGate => self.alpha / self.inferring().count().max(1) as f64,
        }
    }

    /// Whether a gate shares its level with others by Holm's procedure.
    pub fn shares_level(&self, gate: &SuiteGate) -> bool {
        self.claim == Claim::PerGate && gate.gate.by_chance() && !gate.gate.anytime()
    }

    /// Level of each gate in suite order, given the p-value of each for which [`Self::shares_level`] holds (`None` counts as 1).
    ///
    /// Where every gate makes a claim of its own, those that may stop at any time have the weight 1/G of G gates, an e-value of
    /// G/alpha. Those with a number of episodes fixed beforehand put their weights together and share them by Holm's procedure.
    /// Both together, no gate passes whose claim is untrue with probability at least 1 - alpha, by Bonferroni's inequality
    /// between the two groups.
    pub fn levels(&self, p_values: &[Option<f64>]) -> Vec<f64> {
        let each = self.gate_alpha();
        let mut levels = vec![each; self.gates.len()];
        let sharing: Vec<usize> =
            (0..levels.len()).filter(|&at| self.shares_level(&self.gates[at])).collect();
        let p = |at: &usize| p_values.get(*at).copied().flatten().unwrap_or(1.0);
        let shared: Vec<f64> = sharing.iter().map(p).collect();
        for (at, level) in sharing.iter().zip(holm_levels(&shared, each * sharing.len() as f64)) {
            levels[*at] = level;
        }
        levels
    }

    /// Which error rate a verdict of this suite claims, in one sentence.
    pub fn claim_sentence(&self) -> String {
        let alpha = gate::percent(self.alpha);
        match self.claim {
            Claim::Suite => format!(
                "A candidate for which any required claim is untrue passes this suite with probability at most {alpha}; \
                 the verdict of a single gate is read at the same level, one gate at a time."
            ),
            Claim::PerGate => {
                let sharing = self.gates.iter().filter(|gate| self.shares_level(gate)).count();
                let each = gate::percent(self.gate_alpha());
                let holm = match sharing {
                    0 | 1 => String::new(),
                    _ => format!(
                        ", but for {sharing} with a fixed number of episodes, which share {} by Holm's procedure",
                        gate::percent(self.gate_alpha() * sharing as f64)
                    ),
                };
                format!(
                    "With probability at least {} no gate of this suite passes whose claim is untrue; each gate that infers \
                     from a sample is tested at level {each}{holm}.",
                    gate::percent(1.0 - self.alpha)
                )
            }
        }
    }
}
