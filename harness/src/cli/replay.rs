//! `gridgate replay RUN EPISODE`.

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;
use reports::{EpisodeRecord, StepRecord};

use super::{Format, complain, exit, print, refuse};
use crate::run::replay;

/// Repeat one episode of a run, step by step.
#[derive(Debug, Args)]
pub(super) struct Replay {
    /// The folder that `gridgate run` wrote.
    run: PathBuf,
    /// The episode: population/index, as the report names it.
    episode: String,
    /// Let this candidate decide again, instead of repeating what was recorded.
    #[arg(long)]
    candidate: Option<String>,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Replay {
    pub(super) fn run(self) -> u8 {
        let replayed = match replay::replay(&self.run, &self.episode, self.candidate.as_deref()) {
            Ok(replayed) => replayed,
            Err(complaints) => return refuse(&complaints),
        };
        match self.format {
            Format::Text => print(&text(&replayed.record)),
            Format::Json => match reports::canonical_json(&replayed.record) {
                Ok(json) => print(&String::from_utf8_lossy(&json)),
                Err(problem) => {
                    complain(&problem.to_string());
                    return exit::INFRASTRUCTURE;
                }
            },
        }
        let how = if replayed.from_record {
            "the recorded actions were repeated"
        } else {
            "the candidate decided again"
        };
        if replayed.identical {
            complain(&format!("{how}: every step is the same, bit for bit"));
            exit::PASS
        } else if self.candidate.is_some() {
            complain(&format!("{how}: the episode took another course than in the run"));
            exit::PASS
        } else {
            complain(&format!(
                "error[replay.differs]: {how}, but the steps are not those of the run\nhint: was the folder changed \
                 (gridgate verify), or written by another version or on another kind of machine?"
            ));
            exit::INTEGRITY
        }
    }
}

fn text(record: &EpisodeRecord) -> String {
    let mut page = format!("episode {}/{}: {}\n", record.population, record.index, record.outcome);
    let _ = writeln!(page, "\nevents");
    for (at, what) in &record.events {
        let _ = writeln!(page, "{at:>8.1} s  {what}");
    }
    let _ = writeln!(
        page,
        "\n    time   lowest   highest     most   served    demand   asked granted refused  notes\n       s       pu        pu  loaded %      MW        MW"
    );
    for step in &record.steps {
        let _ = writeln!(page, "{}", line(step));
        for (element, reason, _) in step.refused.iter().take(4) {
            let _ = writeln!(page, "{:>80}{element}: {reason}", "");
        }
    }
    let _ = writeln!(page, "\nmeasured");
    for (id, value) in &record.metrics {
        let value = value.map_or_else(|| "not known".to_owned(), |v| format!("{v:.6}"));
        let _ = writeln!(page, "  {id:<26} {value}");
    }
    page
}

fn line(step: &StepRecord) -> String {
    let fold = |values: &[Option<f64>], pick: fn(f64, f64) -> f64| {
        values.iter().flatten().copied().reduce(pick).map_or_else(|| "-".to_owned(), |v| format!("{v:.4}"))
    };
    let most = step.loading.iter().flatten().copied().reduce(f64::max);
    let count = |by: &std::collections::BTreeMap<String, Vec<Option<f64>>>| -> usize {
        by.values().map(|v| v.iter().flatten().count()).sum()
    };
    format!(
        "{:>8.1} {:>8} {:>9} {:>8} {:>9} {:>9.1} {:>7} {:>7} {:>7}  {}",
        step.time_s,
        fold(&step.vm_pu, f64::min),
        fold(&step.vm_pu, f64::max),
        most.map_or_else(|| "-".to_owned(), |m| format!("{:.1}", m * 100.0)),
        step.served_mw.map_or_else(|| "-".to_owned(), |mw| format!("{mw:.1}")),
        step.demand_mw,
        count(&step.asked),
        count(&step.granted),
        step.refused.iter().map(|r| r.2).sum::<u32>(),
        step.notes.join("; ")
    )
}
