//! Geomagnetically induced currents, for a terminal.

use crate::gic::{ASSESSED_A, GicFlowRecord, GicStudy};

/// Rows of a table that are shown: the largest ones.
const SHOWN: usize = 20;

/// The answer first, then the largest currents.
pub fn text(study: &GicStudy) -> String {
    let mut out = format!("{}: {}\n", study.case, study.headline());
    let loss = study.qloss_mvar.map_or_else(|| "not known".to_owned(), |q| format!("{q:.2} Mvar"));
    out.push_str(&format!("reactive losses of all transformers: {loss}\n"));
    let assessed = study.assessed().count();
    out.push_str(&format!("transformers at or above {ASSESSED_A} A per phase: {assessed}\n"));
    if let Some(flow) = &study.power_flow {
        out.push_str(&flow_text(flow));
    }
    for (name, value) in &study.settings {
        out.push_str(&format!("{name}: {value}\n"));
    }
    for note in &study.notes {
        out.push_str(&format!("note: {note}\n"));
    }

    out.push_str(&format!("\n{:>12}  {:>12}  {:>12}\n", "substation", "into earth A", "neutral V"));
    let rows = study.substations.iter().map(|s| {
        let a = s.gic_a;
        let volt = s.neutral_volt.map_or_else(|| "-".to_owned(), |v| format!("{v:.4}"));
        (a.abs(), format!("{:>12}  {a:>12.3}  {volt:>12}\n", s.id))
    });
    out.push_str(&largest(rows.collect()));

    out.push_str(&format!(
        "\n{:>16}  {:>14}  {:>14}  {:>10}\n",
        "transformer", "effective A", "at pu", "Mvar"
    ));
    let rows = study.transformers.iter().map(|t| {
        let a = t.ieff_a_per_phase;
        let name = format!("{}-{} ({})", t.from, t.to, t.circuit);
        let shown = |value: Option<f64>, digits: usize| {
            value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
        };
        let (pu, q) = (shown(t.voltage_pu, 4), shown(t.qloss_mvar, 3));
        (a, format!("{name:>16}  {a:>14.3}  {pu:>14}  {q:>10}\n"))
    });
    out.push_str(&largest(rows.collect()));

    out.push_str(&format!("\n{:>16}  {:>14}  {:>14}\n", "line", "A per phase", "induced V"));
    let rows = study.branches.iter().map(|b| {
        let a = b.gic_a_per_phase;
        let name = format!("{}-{} ({})", b.from, b.to, b.circuit);
        (a.abs(), format!("{name:>16}  {a:>14.3}  {:>14.3}\n", b.induced_v))
    });
    out.push_str(&largest(rows.collect()));
    out
}

/// The rows with the largest keys, largest first; equal ones in file order.
fn largest(mut rows: Vec<(f64, String)>) -> String {
    rows.sort_by(|a, b| b.0.total_cmp(&a.0));
    let more = rows.len().saturating_sub(SHOWN);
    let mut out: String = rows.into_iter().take(SHOWN).map(|(_, row)| row).collect();
    if more > 0 {
        out.push_str(&format!("and {more} more: see --format json\n"));
    }
    out
}

fn flow_text(flow: &GicFlowRecord) -> String {
    let mut out = match (flow.vm_min_pu, flow.vm_min_bus, flow.qloss_mvar) {
        (Some(vm), Some(bus), Some(loss)) => {
            format!("power flow with the losses: {loss:.2} Mvar, lowest voltage {vm:.4} pu at bus {bus}")
        }
        _ => "power flow with the losses: no solution".to_owned(),
    };
    if let Some(before) = flow.vm_min_before_pu {
        out.push_str(&format!(" (without the storm {before:.4} pu)"));
    }
    out.push('\n');
    for note in &flow.notes {
        out.push_str(&format!("note: {note}\n"));
    }
    out.push_str(&match (flow.multiplier, flow.multiplier_without) {
        (Some(with), Some(without)) => {
            format!("voltage collapse: between {with:.3} and {without:.3} times this field\n")
        }
        (Some(with), None) => format!("voltage collapse: beyond {with:.0} times this field\n"),
        (None, _) => "voltage collapse: not known\n".to_owned(),
    });
    out
}
