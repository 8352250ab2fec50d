//! Whether each gate can be judged by the population that it names: claims about all of a list, about a sample of what is drawn.

use powerflow::{Diagnostic, Diagnostics};

use super::{HazardTable, Population, Suite, SuiteGate};
use crate::gate::Frame;
use crate::latency;

/// Whether hazards list rather than draw: every one of them, and there is one.
pub(super) fn are_lists(hazards: &[HazardTable]) -> bool {
    let lists = |table: &toml::Table| scenarios::hazard::parse(table).is_ok_and(|hazard| hazard.lists());
    !hazards.is_empty() && hazards.iter().all(|hazard| lists(&hazard.table))
}

impl Population {
    /// Whether its scenarios are a list rather than draws.
    pub fn is_listed(&self) -> bool {
        self.scenarios.is_some() || are_lists(&self.hazards)
    }
}

impl Suite {
    /// Checks every gate against the frame of its population, given for each population in suite order.
    ///
    /// # Errors
    /// `suite.gate.misfit` for each gate that its population cannot answer.
    pub(crate) fn check_frames(&self, frames: &[Frame]) -> Result<(), Diagnostics> {
        let complain = |gate: &SuiteGate| {
            let at = self.populations.iter().position(|population| population.id == gate.population)?;
            if gate.metric == latency::COMPUTE_MS {
                // Its sample are recorded calls.
                return None;
            }
            let misfit = gate.gate.misfit(frames.get(at)?)?;
            let message = format!("gate `{}`: {}", gate.id, misfit.problem);
            Some(Diagnostic::error("suite.gate.misfit", message).at(&self.file, gate.line).hint(misfit.hint))
        };
        Diagnostics(self.gates.iter().filter_map(complain).collect()).into_result(())
    }
}
