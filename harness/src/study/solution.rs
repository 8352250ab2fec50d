//! The document `gridgate/solution/1`: a power flow in engineering units, by file ids.

use std::path::Path;
use std::sync::Arc;

use powerflow::control::{ControlConfig, Controlled, Element, LeftReason, solve_controlled};
use powerflow::{
    BusStatus, Diagnostic, Diagnostics, Divergence, Evidence, Index, Network, NewtonConfig, Rung, Slack,
    Solution, Solver,
};
use serde::Serialize;

/// Schema of [`SolutionDocument`].
pub const SOLUTION_SCHEMA: &str = "gridgate/solution/1";

/// A bus of a solution.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BusRow {
    /// Number in the file.
    pub id: u64,
    /// Magnitude, pu; absent where the bus is not live, or the flow is linear.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vm_pu: Option<f64>,
    /// Angle, degrees; absent where the bus is not live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub va_deg: Option<f64>,
    /// `live`, `dead` or `isolated`.
    pub status: BusStatus,
}

/// A branch of a solution.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BranchRow {
    /// Row in the file, from 1.
    pub row: usize,
    /// From bus.
    pub from: u64,
    /// To bus.
    pub to: u64,
    /// Whether it carries current.
    pub in_service: bool,
    /// Active power into the branch at the from end, MW.
    pub p_from_mw: f64,
    /// Reactive power into the branch at the from end, Mvar; absent in a linear flow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub q_from_mvar: Option<f64>,
    /// Active power into the branch at the to end, MW.
    pub p_to_mw: f64,
    /// Reactive power into the branch at the to end, Mvar; absent in a linear flow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub q_to_mvar: Option<f64>,
}

/// A generating unit of a solution.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GeneratorRow {
    /// Row in the file, from 1.
    pub row: usize,
    /// Bus.
    pub bus: u64,
    /// Whether it runs.
    pub in_service: bool,
    /// Active power, MW.
    pub p_mw: f64,
    /// Reactive power, Mvar; absent in a linear flow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub q_mvar: Option<f64>,
    /// Row of the DC line whose end this is, from 1; absent for a unit of the file. Ends of DC lines follow the units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dc_line: Option<usize>,
}

/// Something that a control moved.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MovedRow {
    /// `tap` (turns ratio), `shunt` (Mvar at 1 pu), `set_point` (pu) or `schedule` (MW).
    pub what: &'static str,
    /// Row of the branch, shunt or unit in the file, from 1.
    pub row: usize,
    /// Its bus; of a branch, its from bus.
    pub bus: u64,
    /// The to bus of a branch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_bus: Option<u64>,
    /// Value before.
    pub from: f64,
    /// Value afterwards.
    pub to: f64,
    /// How often it moved.
    pub times: u32,
}

/// Something whose control is not content.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LeftRow {
    /// `tap`, `shunt`, `set_point` or `schedule`.
    pub what: &'static str,
    /// Row of the branch, shunt or unit in the file, from 1.
    pub row: usize,
    /// Its bus; of a branch, its from bus.
    pub bus: u64,
    /// Why: `end_of_range`, `no_position`, `no_effect`, `no_solution` or `pass_limit`.
    pub why: &'static str,
}

/// A power flow in engineering units, by file ids. Rows are in file order.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SolutionDocument {
    /// Name and version of this document: [`SOLUTION_SCHEMA`].
    #[cfg_attr(feature = "schema", schemars(description = "Name and version of this document.", extend("const" = SOLUTION_SCHEMA)))]
    pub schema: &'static str,
    /// Case name.
    pub case: String,
    /// `solved` or `no_solution`.
    pub status: &'static str,
    /// Which method answered; absent where none did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rung: Option<String>,
    /// Newton iterations, over all attempts.
    pub iterations: u32,
    /// Largest power that does not balance at a bus, pu, recomputed from the case; where there is no solution, the
    /// mismatch of the worst bus at the best point that was found.
    pub mismatch_pu: f64,
    /// Power base, MVA.
    pub base_mva: f64,
    /// Buses; empty where there is no solution.
    pub buses: Vec<BusRow>,
    /// Branches; empty where there is no solution.
    pub branches: Vec<BranchRow>,
    /// Generating units; empty where there is no solution.
    pub generators: Vec<GeneratorRow>,
    /// Active losses, MW; absent where there is no solution.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub losses_mw: Option<f64>,
    /// Power that no unit could provide or take back, MW, all islands; absent where there is no solution.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unmet_mw: Option<f64>,
    /// Buses that do not hold their voltage because their units are at a reactive limit.
    pub at_reactive_limit: Vec<u64>,
    /// What controls moved; absent where they moved nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub moved: Vec<MovedRow>,
    /// What controls left although they are not content; absent where there is none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<LeftRow>,
    /// Where there is no solution: the largest share of demand and schedules, scaled alike, that has one; absent where that
    /// was not tried or found none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub largest_solvable_share: Option<f64>,
    /// Where there is no solution: what speaks for which explanation, strongest kind first. Only a message that says so
    /// proves its kind.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
    /// What is worth knowing about the case and the answer.
    pub diagnostics: Vec<Diagnostic>,
}

/// Whether DC lines run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DcLines {
    /// As programs of the file's format do: off in MATPOWER's, on in all others.
    #[default]
    File,
    /// On.
    On,
    /// Off: nothing is injected at their ends.
    Off,
}

/// What else belongs to the question.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// DC lines.
    pub dc_lines: DcLines,
    /// Controls. By default demand follows the voltage where the file says so, and nothing is switched.
    pub control: ControlConfig,
}

impl Default for Question {
    fn default() -> Self {
        Question {
            dc_lines: DcLines::File,
            control: ControlConfig { demand: true, ..ControlConfig::default() },
        }
    }
}

/// A case with its answer.
#[derive(Debug)]
pub struct Solved {
    /// The network.
    pub network: Arc<Network>,
    /// The document.
    pub document: SolutionDocument,
}

/// Reads a case and solves the operating point in it.
///
/// # Errors
/// `usage.tolerance`, and everything that is wrong with the file; a power flow without a solution is no error but a document that says so.
pub fn solve(path: &Path, config: &NewtonConfig, linear: bool) -> Result<Solved, Diagnostics> {
    solve_question(path, config, linear, &Question::default())
}

/// The same with DC lines and controls; a linear flow knows DC lines, and no controls.
///
/// # Errors
/// As [`solve`].
pub fn solve_question(
    path: &Path,
    config: &NewtonConfig,
    linear: bool,
    question: &Question,
) -> Result<Solved, Diagnostics> {
    check(config)?;
    let network = read_network(path, question.dc_lines)?;
    let document = answer(&network, config, linear, &question.control)?;
    Ok(Solved { network, document })
}

/// Reads a case as every study does: its DC lines run where they are to run.
///
/// # Errors
/// Everything that is wrong with the file.
pub fn read_network(path: &Path, dc_lines: DcLines) -> Result<Arc<Network>, Diagnostics> {
    let case = powerflow::case::read(path)?;
    let run = match dc_lines {
        DcLines::File => case.dc_lines_run,
        DcLines::On => true,
        DcLines::Off => false,
    };
    Network::build(if run { case.with_dc_lines() } else { case })
}

/// Solves the operating point in the file of a network, with the controls of the default [`Question`]; of a network from
/// [`read_network`] with the default of [`DcLines`] the document is that of [`solve`].
///
/// # Errors
/// `usage.tolerance`, and what a linear flow cannot answer; a power flow without a solution is no error but a document that says so.
pub fn solve_network(
    network: &Arc<Network>,
    config: &NewtonConfig,
    linear: bool,
) -> Result<SolutionDocument, Diagnostics> {
    check(config)?;
    answer(network, config, linear, &Question::default().control)
}

/// What a caller may have got wrong in the settings.
///
/// # Errors
/// `usage.tolerance`.
pub fn check(config: &NewtonConfig) -> Result<(), Diagnostics> {
    if !(config.tolerance_pu > 0.0 && config.tolerance_pu < 1.0) {
        let message = format!("the tolerance {} is not between 0 and 1", config.tolerance_pu);
        return Err(Diagnostic::error("usage.tolerance", message)
            .hint("it is the largest mismatch of a bus in per unit; 1e-8 is usual")
            .into());
    }
    Ok(())
}

/// The one way to a document.
fn answer(
    network: &Arc<Network>,
    config: &NewtonConfig,
    linear: bool,
    control: &ControlConfig,
) -> Result<SolutionDocument, Diagnostics> {
    if linear { linear_document(network, config) } else { Ok(document(network, config, control)) }
}

fn empty(network: &Network) -> SolutionDocument {
    SolutionDocument {
        schema: SOLUTION_SCHEMA,
        case: network.name.clone(),
        status: "solved",
        rung: None,
        iterations: 0,
        mismatch_pu: 0.0,
        base_mva: network.base.0,
        buses: Vec::new(),
        branches: Vec::new(),
        generators: Vec::new(),
        losses_mw: None,
        unmet_mw: None,
        at_reactive_limit: Vec::new(),
        moved: Vec::new(),
        left: Vec::new(),
        largest_solvable_share: None,
        evidence: Vec::new(),
        diagnostics: network.diagnostics.0.clone(),
    }
}

fn document(network: &Arc<Network>, config: &NewtonConfig, control: &ControlConfig) -> SolutionDocument {
    let mut solver = Solver::new(network);
    let state = network.initial_state();
    match solve_controlled(&mut solver, &state, None, config, control) {
        Ok(answer) => {
            let mut document = solved(network, config, &answer.solution, &answer.flows);
            followed(&mut document, control);
            switched(&mut document, network, &answer);
            document
        }
        Err(divergence) => diverged(network, &divergence),
    }
}

/// What was followed was not left out.
fn followed(document: &mut SolutionDocument, control: &ControlConfig) {
    let gone: Vec<&str> = [
        (control.taps, "case.transformer.control"),
        (control.shunts, "case.shunt.control"),
        (control.remote_voltage, "case.unit.remote-regulation"),
        (control.interchange, "case.area.ignored"),
        (control.demand, "case.load.voltage-dependence"),
    ]
    .iter()
    .filter(|(on, _)| *on)
    .map(|(_, code)| *code)
    .collect();
    document.diagnostics.retain(|d| !gone.contains(&d.code.as_ref()));
}

/// What an element is called, its row from 1, its bus and, of a branch, its other bus.
fn place(network: &Network, element: Element) -> (&'static str, usize, u64, Option<u64>) {
    let id = |bus: &powerflow::BusIdx| network.buses.id[*bus].0;
    let unit_bus = |unit: powerflow::UnitIdx| id(&network.units.bus[unit]);
    match element {
        Element::Tap(branch) => {
            let b = &network.branches;
            ("tap", branch.row() + 1, id(&b.from[branch]), Some(id(&b.to[branch])))
        }
        Element::Shunt(shunt) => ("shunt", shunt.row() + 1, id(&network.shunts.bus[shunt]), None),
        Element::SetPoint(unit) => ("set_point", unit.row() + 1, unit_bus(unit), None),
        Element::Schedule(unit) => ("schedule", unit.row() + 1, unit_bus(unit), None),
    }
}

/// Writes what controls moved and left.
fn switched(document: &mut SolutionDocument, network: &Network, answer: &Controlled) {
    let shown = |element: Element, value: f64| match element {
        Element::Tap(_) | Element::SetPoint(_) => value,
        Element::Shunt(shunt) => network.base.from_pu(network.shunts.steps_pu[shunt][value as usize]),
        Element::Schedule(_) => network.base.from_pu(value),
    };
    for made in &answer.moved {
        let (what, row, bus, to_bus) = place(network, made.element);
        let (from, to) = (shown(made.element, made.from), shown(made.element, made.to));
        document.moved.push(MovedRow { what, row, bus, to_bus, from, to, times: made.times });
    }
    for left in &answer.left {
        let (what, row, bus, _) = place(network, left.element);
        let why = match left.reason {
            LeftReason::EndOfRange => "end_of_range",
            LeftReason::NoPosition => "no_position",
            LeftReason::NoEffect => "no_effect",
            LeftReason::NoSolution => "no_solution",
            LeftReason::PassLimit => "pass_limit",
        };
        document.left.push(LeftRow { what, row, bus, why });
    }
}

/// The DC line whose end a unit is, from 1.
fn dc_line(network: &Network, unit: usize) -> Option<usize> {
    network.case.dc_units.iter().find(|(row, _)| *row == unit).map(|(_, line)| line + 1)
}

fn solved(
    network: &Network,
    config: &NewtonConfig,
    solution: &Solution,
    flows: &powerflow::Flows,
) -> SolutionDocument {
    let base = network.base;
    let mut document = empty(network);
    document.rung = Some(rung_id(solution.rung));
    document.iterations = solution.iterations;
    document.mismatch_pu = solution.mismatch_pu;
    document.losses_mw = Some(base.from_pu(flows.losses_pu()));
    document.unmet_mw = Some(base.from_pu(solution.unmet_pu()));
    document.at_reactive_limit = solution.at_limit.iter().map(|(bus, _)| network.buses.id[*bus].0).collect();
    for (bus, id) in network.buses.id.iter() {
        document.buses.push(BusRow {
            id: id.0,
            vm_pu: solution.vm_pu(bus),
            va_deg: solution.va_rad(bus).map(f64::to_degrees),
            status: solution.status[bus],
        });
    }
    for branch in network.branches.from.indices() {
        document.branches.push(BranchRow {
            row: branch.row() + 1,
            from: network.buses.id[network.branches.from[branch]].0,
            to: network.buses.id[network.branches.to[branch]].0,
            in_service: network.branches.in_service[branch]
                && solution.status[network.branches.from[branch]] == BusStatus::Live,
            p_from_mw: base.from_pu(flows.p_from_pu[branch]),
            q_from_mvar: Some(base.from_pu(flows.q_from_pu[branch])),
            p_to_mw: base.from_pu(flows.p_to_pu[branch]),
            q_to_mvar: Some(base.from_pu(flows.q_to_pu[branch])),
        });
    }
    for unit in network.units.bus.indices() {
        document.generators.push(GeneratorRow {
            row: unit.row() + 1,
            bus: network.buses.id[network.units.bus[unit]].0,
            in_service: network.units.in_service[unit]
                && solution.status[network.units.bus[unit]] == BusStatus::Live,
            p_mw: base.from_pu(solution.unit_p_pu[unit]),
            q_mvar: Some(base.from_pu(solution.unit_q_pu[unit])),
            dc_line: dc_line(network, unit.row()),
        });
    }
    document.diagnostics.extend(remarks(network, solution, config));
    document
}

/// What is worth knowing about a solution.
pub(super) fn remarks(network: &Network, solution: &Solution, config: &NewtonConfig) -> Vec<Diagnostic> {
    let base = network.base;
    let mut diagnostics = Vec::new();
    if solution.rung != Rung::Newton {
        diagnostics.push(Diagnostic::note(
            "solve.rescued",
            format!("Newton from the start that was asked for failed; {} answered", rung_id(solution.rung)),
        ));
    }
    if solution.stagnated {
        diagnostics.push(
            Diagnostic::warning(
                "solve.round-off",
                format!(
                    "rounding leaves {:.1e} pu out of balance, more than the tolerance of {:.1e} pu: in this network \
                     double precision cannot tell less from nothing",
                    solution.mismatch_pu, config.tolerance_pu
                ),
            )
            .hint("ask for a larger tolerance, or merge buses that an impedance near zero joins"),
        );
    }
    for island in &solution.islands {
        let unmet_mw = base.from_pu(island.unmet_pu);
        if unmet_mw.abs() > 1e-6 {
            let reference = network.buses.id[island.reference];
            diagnostics.push(
                Diagnostic::warning(
                    "solve.unmet-balance",
                    format!(
                        "no unit can {} {:.3} MW in the island of bus {reference}; the flows below take it from that bus",
                        if unmet_mw > 0.0 { "provide" } else { "take back" },
                        unmet_mw.abs()
                    ),
                )
                .hint("schedule more or less generation, or solve with --slack single for a textbook's answer"),
            );
        }
    }
    for bus in &solution.unsettled {
        diagnostics.push(Diagnostic::warning(
            "solve.limit-cycling",
            format!(
                "the units at bus {} turned between reactive limit and set-point {} times and were left at the limit",
                network.buses.id[*bus], 8
            ),
        ));
    }
    let dead: Vec<u64> = solution
        .status
        .iter()
        .filter(|(_, s)| **s == BusStatus::Dead)
        .map(|(bus, _)| network.buses.id[bus].0)
        .collect();
    if !dead.is_empty() {
        let demand: f64 = solution
            .status
            .iter()
            .filter(|(_, s)| **s == BusStatus::Dead)
            .map(|(bus, _)| network.buses.demand_p_pu[bus])
            .sum();
        let first: Vec<String> = dead.iter().take(5).map(u64::to_string).collect();
        diagnostics.push(Diagnostic::warning(
            "solve.dead-buses",
            format!(
                "{} buses without a source are dead ({}{}), {:.3} MW are not served",
                dead.len(),
                first.join(", "),
                if dead.len() > 5 { ", ..." } else { "" },
                base.from_pu(demand)
            ),
        ));
    }
    if config.slack == Slack::Single {
        for island in &solution.islands {
            let beyond: f64 = network
                .units
                .bus
                .iter()
                .filter(|(u, bus)| **bus == island.reference && network.units.in_service[*u])
                .map(|(u, _)| (solution.unit_p_pu[u] - network.units.p_max_pu[u]).max(0.0))
                .sum();
            if beyond > 1e-9 {
                diagnostics.push(Diagnostic::warning(
                    "solve.slack-beyond-range",
                    format!(
                        "the units at reference bus {} provide {:.3} MW more than their maximum",
                        network.buses.id[island.reference],
                        base.from_pu(beyond)
                    ),
                ));
            }
        }
    }
    diagnostics
}

/// The document of a power flow that has no solution.
pub fn diverged(network: &Network, divergence: &Divergence) -> SolutionDocument {
    let mut document = empty(network);
    document.status = "no_solution";
    document.iterations = divergence.iterations;
    document.mismatch_pu =
        network.base.to_pu(divergence.mismatch_mw.abs().max(divergence.mismatch_mvar.abs()));
    let tried: Vec<String> = divergence.tried.iter().map(|r| rung_id(*r)).collect();
    let mut complaint = Diagnostic::error("solve.no-solution", divergence.to_string());
    complaint = complaint.hint(format!(
        "tried {}; look at demand and reactive support near bus {}, or at the branches that feed it",
        tried.join(", "),
        divergence.worst_bus
    ));
    document.diagnostics.push(complaint);
    document.largest_solvable_share = divergence.largest_solvable_share;
    document.evidence.clone_from(&divergence.evidence);
    document
}

fn linear_document(network: &Arc<Network>, config: &NewtonConfig) -> Result<SolutionDocument, Diagnostics> {
    let flow = powerflow::solve_linear(network, &network.initial_state(), config)?;
    let base = network.base;
    let mut document = empty(network);
    document.rung = Some("linear".into());
    document.losses_mw = Some(0.0);
    document.unmet_mw = Some(base.from_pu(flow.unmet_pu));
    for (bus, id) in network.buses.id.iter() {
        document.buses.push(BusRow {
            id: id.0,
            vm_pu: None,
            va_deg: flow.angle_rad[bus.row()].map(f64::to_degrees),
            status: flow.status[bus.row()],
        });
    }
    for branch in network.branches.from.indices() {
        let p = base.from_pu(flow.branch_p_pu[branch.row()]);
        document.branches.push(BranchRow {
            row: branch.row() + 1,
            from: network.buses.id[network.branches.from[branch]].0,
            to: network.buses.id[network.branches.to[branch]].0,
            in_service: network.branches.in_service[branch]
                && flow.status[network.branches.from[branch].row()] == BusStatus::Live,
            p_from_mw: p,
            q_from_mvar: None,
            p_to_mw: -p,
            q_to_mvar: None,
        });
    }
    for unit in network.units.bus.indices() {
        document.generators.push(GeneratorRow {
            row: unit.row() + 1,
            bus: network.buses.id[network.units.bus[unit]].0,
            in_service: network.units.in_service[unit]
                && flow.status[network.units.bus[unit].row()] == BusStatus::Live,
            p_mw: base.from_pu(flow.unit_p_pu[unit.row()]),
            q_mvar: None,
            dc_line: dc_line(network, unit.row()),
        });
    }
    Ok(document)
}

pub(crate) fn rung_id(rung: Rung) -> String {
    rung.id().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_read_once_answers_as_the_file_does() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/openloadflow/case14-zip.raw");
        let config = NewtonConfig::default();
        let text = |document: &SolutionDocument| serde_json::to_string(document).expect("a document");
        let network = read_network(&path, DcLines::File).expect("a network");
        let constant = Question { control: ControlConfig::default(), ..Question::default() };
        for linear in [false, true] {
            let of_file = solve(&path, &config, linear).expect("an answer").document;
            let of_network = solve_network(&network, &config, linear).expect("an answer");
            assert_eq!(text(&of_network), text(&of_file));
            let other = solve_question(&path, &config, linear, &constant).expect("an answer").document;
            assert_eq!(text(&other) == text(&of_file), linear, "only the AC flow knows demand in parts");
        }
    }
}
