//! What a file says beside its tables of buses, branches, units, loads and fixed shunts: automatic controls, DC lines,
//! demand that follows the voltage. A plain power flow leaves all of it alone; see [`crate::control`] and
//! [`Case::with_dc_lines`].

use crate::case::{BusKind, Case, CaseUnit};
use crate::diagnostic::Diagnostic;
use crate::index::BusId;

/// Automatic controls of a case. Rows refer to the tables of the [`Case`]; only controls that are switched on in the file,
/// and that this program knows how to follow, are listed. The others are in [`Case::ignored`].
#[derive(Clone, Debug, Default)]
pub struct CaseControls {
    /// Transformers that hold a voltage by their tap.
    pub taps: Vec<CaseTapControl>,
    /// Switched shunts that hold a voltage by their step.
    pub shunts: Vec<CaseShuntControl>,
    /// Units that hold the voltage of another bus than their own.
    pub remote: Vec<CaseRemoteControl>,
    /// Areas that hold an exchange.
    pub areas: Vec<CaseArea>,
}

/// A transformer that keeps a voltage in a band by its tap; the positions are those of
/// [`crate::case::CaseBranch::tap_range`].
#[derive(Clone, Debug, PartialEq)]
pub struct CaseTapControl {
    /// Row of the branch.
    pub branch: usize,
    /// The bus whose voltage it keeps.
    pub bus: BusId,
    /// Lower end of the band, pu.
    pub low_pu: f64,
    /// Upper end of the band, pu.
    pub high_pu: f64,
    /// Whether the bus is on the from side, where a larger ratio raises the voltage; on the to side it lowers it.
    pub from_side: bool,
}

/// A shunt that keeps a voltage in a band by its step.
#[derive(Clone, Debug, PartialEq)]
pub struct CaseShuntControl {
    /// Row of the shunt.
    pub shunt: usize,
    /// The bus whose voltage it keeps.
    pub bus: BusId,
    /// Lower end of the band, pu.
    pub low_pu: f64,
    /// Upper end of the band, pu.
    pub high_pu: f64,
}

/// A unit whose set-point belongs to another bus than its own.
#[derive(Clone, Debug, PartialEq)]
pub struct CaseRemoteControl {
    /// Row of the unit.
    pub unit: usize,
    /// The bus whose voltage its set-point is.
    pub bus: BusId,
}

/// An area that exchanges a scheduled power with all others.
#[derive(Clone, Debug, PartialEq)]
pub struct CaseArea {
    /// Number, as in [`crate::case::CaseBus::area`].
    pub number: u64,
    /// The bus whose units balance it.
    pub slack_bus: BusId,
    /// Scheduled export, MW.
    pub export_mw: f64,
    /// How far from it is near enough, MW.
    pub tolerance_mw: f64,
}

/// A part of a demand that follows the voltage: `p_mw |V|^p_exponent` instead of `p_mw`, and the same for its reactive
/// power. Exponent 1 is constant current, 2 constant impedance. The part is contained in the demand's own power, which is
/// that at 1 pu.
#[derive(Clone, Debug, PartialEq)]
pub struct CaseDemandPart {
    /// Row of the load.
    pub load: usize,
    /// Active power of the part at 1 pu, MW, positive consumes.
    pub p_mw: f64,
    /// Exponent of its voltage.
    pub p_exponent: f64,
    /// Reactive power of the part at 1 pu, Mvar, positive consumes.
    pub q_mvar: f64,
    /// Exponent of its voltage.
    pub q_exponent: f64,
}

/// One end of a DC line.
#[derive(Clone, Debug, PartialEq)]
pub struct DcTerminal {
    /// Its bus.
    pub bus: BusId,
    /// Active power that it injects there, MW: negative where it takes power from the bus.
    pub p_mw: f64,
    /// Reactive power that it injects where it holds no voltage, Mvar.
    pub q_mvar: f64,
    /// Lowest reactive power that it can inject, Mvar.
    pub q_min_mvar: f64,
    /// Highest reactive power that it can inject, Mvar.
    pub q_max_mvar: f64,
    /// The voltage that it holds, pu; `None` where it injects what it is told.
    pub v_set_pu: Option<f64>,
}

/// A DC line at its scheduled power.
#[derive(Clone, Debug, PartialEq)]
pub struct CaseDcLine {
    /// The end that is scheduled to send.
    pub from: DcTerminal,
    /// The end that receives.
    pub to: DcTerminal,
    /// Whether it runs.
    pub in_service: bool,
}

impl Case {
    /// Runs the DC lines: every one in service between two connected buses becomes two units of fixed power at the end of
    /// the table of units, all sending ends first, then all receiving ends. An end that holds a voltage makes its bus a PV
    /// bus. [`Case::dc_units`] says which unit is an end of which line.
    ///
    /// Source: MATPOWER User's Manual, section 7.6.3, `toggle_dcline`: two dummy generators a line.
    pub fn with_dc_lines(mut self) -> Self {
        let connected: std::collections::HashSet<BusId> =
            self.buses.iter().filter(|b| b.kind != BusKind::Isolated).map(|b| b.id).collect();
        let lines = std::mem::take(&mut self.dc_lines);
        let running: Vec<usize> = (0..lines.len())
            .filter(|row| {
                let line = &lines[*row];
                line.in_service && connected.contains(&line.from.bus) && connected.contains(&line.to.bus)
            })
            .collect();
        let idle: Vec<String> = (0..lines.len())
            .filter(|row| lines[*row].in_service && !running.contains(row))
            .map(|row| (row + 1).to_string())
            .collect();
        if !idle.is_empty() {
            let message = format!(
                "DC lines that are in service at a bus that is not: {}; they do not run",
                idle.join(", ")
            );
            let note = Diagnostic::warning("case.dcline.not-connected", message);
            self.diagnostics.0.push(if self.file.is_empty() {
                note
            } else {
                note.at(self.file.as_str(), None)
            });
        }
        for end in [|line: &CaseDcLine| line.from.clone(), |line: &CaseDcLine| line.to.clone()] {
            for row in &running {
                let terminal = end(&lines[*row]);
                self.dc_units.push((self.units.len(), *row));
                self.units.push(CaseUnit {
                    bus: terminal.bus,
                    p_mw: terminal.p_mw,
                    q_mvar: terminal.q_mvar,
                    p_min_mw: terminal.p_mw,
                    p_max_mw: terminal.p_mw,
                    q_min_mvar: terminal.q_min_mvar,
                    q_max_mvar: terminal.q_max_mvar,
                    v_set_pu: terminal.v_set_pu.unwrap_or(1.0),
                    m_base_mva: self.base_mva.0,
                    ramp_mw_per_min: None,
                    in_service: true,
                    regulates: terminal.v_set_pu.is_some(),
                    line: None,
                });
                let holds = |b: &&mut crate::case::CaseBus| {
                    b.id == terminal.bus && b.kind == BusKind::Pq && terminal.v_set_pu.is_some()
                };
                if let Some(bus) = self.buses.iter_mut().find(holds) {
                    bus.kind = BusKind::Pv;
                    // Units that were there injected what they were told to: the bus was no PV bus in the file.
                    let first = self.dc_units[0].0;
                    self.units[..first]
                        .iter_mut()
                        .filter(|u| u.bus == terminal.bus)
                        .for_each(|u| u.regulates = false);
                }
            }
        }
        // What was left out is left out no more.
        let ignored = "case.dcline.ignored";
        let stated: Vec<String> =
            self.diagnostics.0.iter().filter(|d| d.code == ignored).map(|d| d.message.clone()).collect();
        self.diagnostics.0.retain(|d| d.code != ignored);
        self.ignored.retain(|line| !stated.contains(line));
        self.dc_lines = lines;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terminal(bus: u64, p_mw: f64, v_set_pu: Option<f64>) -> DcTerminal {
        DcTerminal { bus: BusId(bus), p_mw, q_mvar: 3.0, q_min_mvar: -50.0, q_max_mvar: 50.0, v_set_pu }
    }

    fn with(line: CaseDcLine) -> Case {
        Case { dc_lines: vec![line], ..Case::two_bus_example() }.with_dc_lines()
    }

    #[test]
    fn a_line_is_two_units_and_holds_what_it_is_told_to_hold() {
        let (from, to) = (terminal(1, -10.0, None), terminal(2, 9.5, Some(1.01)));
        let case = with(CaseDcLine { from, to, in_service: true });
        assert_eq!(case.dc_units, [(1, 0), (2, 0)]);
        let [sends, receives] = &case.units[1..] else { panic!("{:?}", case.units) };
        assert_eq!((sends.bus, sends.p_mw, sends.q_mvar, sends.regulates), (BusId(1), -10.0, 3.0, false));
        assert_eq!((receives.bus, receives.p_mw, receives.v_set_pu), (BusId(2), 9.5, 1.01));
        assert!(receives.regulates && case.buses[1].kind == BusKind::Pv);
        // Neither moves with the balance.
        assert_eq!((receives.p_min_mw, receives.p_max_mw), (9.5, 9.5));
    }

    #[test]
    fn a_line_that_is_off_is_none_and_one_at_a_bus_that_is_off_is_named() {
        let ends = (terminal(1, -10.0, None), terminal(2, 9.5, None));
        let off = with(CaseDcLine { from: ends.0.clone(), to: ends.1.clone(), in_service: false });
        assert!(off.dc_units.is_empty() && off.diagnostics.0.is_empty());
        let nowhere = with(CaseDcLine { from: ends.0, to: terminal(77, 9.5, None), in_service: true });
        assert!(nowhere.dc_units.is_empty());
        assert_eq!(nowhere.diagnostics.0[0].code, "case.dcline.not-connected");
    }
}
