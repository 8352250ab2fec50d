//! How the frequency of islands moves, for a terminal.

use crate::frequency::{FrequencyEventKind, FrequencyEventRecord, FrequencyLevel, FrequencyStudy};

/// Events that are listed for each island.
const SHOWN: usize = 40;

/// The key figures of each island first, then what happened to it.
pub fn text(study: &FrequencyStudy) -> String {
    let level = match study.level {
        FrequencyLevel::CentreOfInertia => "centre of inertia, constant voltage and power",
        FrequencyLevel::MultiMachine => "machine by machine, with the network",
    };
    let mut out = format!("{}: {} s, {level}\n", study.name, study.horizon_s);
    for (name, value) in &study.settings {
        out.push_str(&format!("{name}: {value}\n"));
    }
    for island in &study.islands {
        out.push_str(&format!(
            "\n{}: H {:.3} s, demand {:.1} MW\n",
            island.id, island.inertia_s, island.load_mw
        ));
        out.push_str(&format!("  lowest   {:>10.5} Hz at {:>8.4} s\n", island.nadir_hz, island.nadir_s));
        out.push_str(&format!("  highest  {:>10.5} Hz at {:>8.4} s\n", island.peak_hz, island.peak_s));
        match island.end_hz {
            Some(hz) if island.settled => out.push_str(&format!("  settled  {hz:>10.5} Hz\n")),
            Some(hz) => out.push_str(&format!("  at end   {hz:>10.5} Hz, still moving\n")),
            None => out.push_str("  at end   no frequency: the island is dead\n"),
        }
        if let Some(slope) = island.rocof_hz_per_s {
            out.push_str(&format!("  steepest {slope:>10.5} Hz/s\n"));
        }
        out.push_str(&format!(
            "  served   {:>10.1} MW at the end, {:.1} MW shed\n",
            island.served_mw, island.shed_mw
        ));
        for event in island.events.iter().take(SHOWN) {
            let at = event.frequency_hz.map_or_else(String::new, |hz| format!(" at {hz:.4} Hz"));
            out.push_str(&format!("  {:>10.4} s{at}: {}\n", event.time_s, event.words()));
        }
        if island.events.len() > SHOWN {
            out.push_str(&format!("  and {} more: see --format json\n", island.events.len() - SHOWN));
        }
    }
    out
}

impl FrequencyEventRecord {
    /// As people say it: `stage 1 sheds 70.0 MW (59.5 Hz)`.
    pub fn words(&self) -> String {
        let element = self.element.as_deref().unwrap_or("the island");
        let power = self.power_mw.map_or_else(String::new, |mw| format!("{:.1} MW", mw.abs()));
        let unit = if self.cause.as_deref() == Some("rocof") { "Hz/s" } else { "Hz" };
        let limit = self.limit.map_or_else(String::new, |limit| format!(" ({limit} {unit})"));
        let lost = self.power_mw.is_some_and(|mw| mw < 0.0);
        match self.kind {
            FrequencyEventKind::Power if lost => format!("{power} of generation is lost"),
            FrequencyEventKind::Power => format!("{power} of generation appears"),
            FrequencyEventKind::Load if lost => format!("{power} of demand is lost"),
            FrequencyEventKind::Load => format!("{power} of demand appears"),
            FrequencyEventKind::Trip if power.is_empty() => format!("{element} trips, and is not connected"),
            FrequencyEventKind::Trip => format!("{element} trips with {power}"),
            FrequencyEventKind::Command => {
                format!("{element} is told to go to {:.1} MW", self.power_mw.unwrap_or_default())
            }
            FrequencyEventKind::Switching => format!("{element} is switched"),
            FrequencyEventKind::Fault => format!("short circuit: {element}"),
            FrequencyEventKind::Shed => format!("{element} sheds {power}{limit}"),
            FrequencyEventKind::UnitTripped => {
                format!("{element} does not ride through and trips with {power}{limit}")
            }
            FrequencyEventKind::ResponseFired => {
                format!("{element} acts: {:.1} MW", self.power_mw.unwrap_or_default())
            }
            FrequencyEventKind::LimitBroken => format!("the curve {element} is broken{limit}"),
            FrequencyEventKind::Dead => match self.cause.as_deref() {
                Some("no_source") => "the island dies: nothing with inertia is left".into(),
                _ => "the island dies: its frequency is beyond what any machine endures".into(),
            },
        }
    }
}
