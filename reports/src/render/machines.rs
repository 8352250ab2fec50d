//! What machines and frequency do after events, for a terminal.

use crate::machines::MachineStudy;

/// Buses that an event is told with: those whose voltage it changes most.
const BUSES_SHOWN: usize = 3;
/// Islands and names that are listed.
const SHOWN: usize = 20;

/// The answer first, then what is left out, the events, islands and machines out of step.
pub fn text(study: &MachineStudy) -> String {
    let mut out = format!("{}: {}\n", study.case, study.headline());
    if let Some(clearing) = &study.clearing {
        let observed = clearing.observed_s;
        out.push_str(&match (clearing.unstable_ms, &clearing.first_lost) {
            (Some(unstable), Some(machine)) => format!(
                "critical clearing time of {}: {} ms; with {unstable} ms machine {machine} falls out of step first \
                 (observed for {observed} s)\n",
                clearing.fault, clearing.stable_ms
            ),
            _ => format!(
                "critical clearing time of {}: above {} ms, the longest that was tried (observed for {observed} s)\n",
                clearing.fault, clearing.stable_ms
            ),
        });
    }
    if let Some(why) = &study.why {
        out.push_str(&format!("why: {why}\n"));
    }
    for warning in &study.warnings {
        out.push_str(&format!("warning: {warning}\n"));
    }
    if let Some(key) = &study.key_figures {
        let or_none = |value: Option<f64>, digits: usize, unit: &str| {
            value.map_or_else(|| "none".to_owned(), |value| format!("{value:.digits$} {unit}"))
        };
        out.push_str(&format!(
            "\nnadir                 {:.5} Hz at {:.3} s\npeak                  {:.5} Hz at {:.3} s\nend                   {:.5} Hz\n\
             settled at            {}\nsteepest over 0.5 s   {}\n0.5 s after an event  {}\n",
            key.nadir_hz,
            key.nadir_s,
            key.peak_hz,
            key.peak_s,
            key.end_hz,
            or_none(key.settling_hz, 5, "Hz"),
            or_none(key.rocof_hz_per_s, 4, "Hz/s"),
            or_none(key.rocof_after_event_hz_per_s, 4, "Hz/s"),
        ));
    }
    if let Some(base) = &study.base {
        out.push_str(&format!(
            "start                 demand {:.1} MW, generation {:.1} MW\n",
            base.demand_mw, base.generation_mw
        ));
    }
    for (name, value) in &study.settings {
        out.push_str(&format!("{name}: {value}\n"));
    }
    for event in &study.events {
        out.push_str(&format!("\n{:>9.4} s  {}\n", event.t_s, event.what.join("; ")));
        let mut changed: Vec<(usize, f64, f64)> =
            (event.vm_before_pu.iter().zip(&event.vm_after_pu).enumerate())
                .filter_map(|(bus, (before, after))| Some((bus, (*before)?, (*after)?)))
                .collect();
        changed.sort_by(|a, b| (b.2 - b.1).abs().total_cmp(&(a.2 - a.1).abs()));
        for (bus, before, after) in changed.into_iter().take(BUSES_SHOWN) {
            let id = study.table.buses.get(bus).map_or("", |bus| bus.id.as_str());
            out.push_str(&format!("             bus {id}: {before:.4} -> {after:.4} pu\n"));
        }
    }
    if study.islands.len() > 1 {
        out.push_str(&format!(
            "\n{:>9}  {:>9}  {:>9}  {:>6}  {:>10}  {:>10}  {:>10}  machines\n",
            "island of", "from s", "to s", "buses", "nadir Hz", "peak Hz", "end Hz"
        ));
    }
    for island in study.islands.iter().take(SHOWN).filter(|_| study.islands.len() > 1) {
        out.push_str(&format!(
            "{:>9}  {:>9.3}  {:>9.3}  {:>6}  {:>10.4}  {:>10.4}  {:>10.4}  {}\n",
            island.first_bus,
            island.from_s,
            island.to_s,
            island.buses,
            island.nadir_hz,
            island.peak_hz,
            island.end_hz,
            shortened(&island.machines)
        ));
    }
    for dead in study.dead.iter().take(SHOWN) {
        out.push_str(&format!(
            "\nwithout a source from {:.3} to {:.3} s, {:.1} MW unserved: bus {}\n",
            dead.from_s,
            dead.to_s,
            dead.demand_mw,
            shortened(&dead.buses)
        ));
    }
    for angle in &study.angles {
        let lost = angle.lost_s.map_or_else(String::new, |s| format!(", out of step at {s:.3} s"));
        out.push_str(&format!(
            "machine {}: beyond 120 degrees at {:.3} s{lost}\n",
            angle.machine, angle.strained_s
        ));
    }
    out
}

/// Names, and how many more there are.
fn shortened(names: &[String]) -> String {
    let shown = names[..names.len().min(SHOWN)].join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
