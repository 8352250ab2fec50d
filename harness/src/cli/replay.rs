//! `gridgate replay RUN EPISODE`.

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;
use reports::{EpisodeRecord, StepRecord};

use super::{Format, complain, exit, print, refuse};
use crate::run::{self, replay};

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
    /// Print from this step on, counted from 0; text only.
    #[arg(long, value_name = "N", default_value_t = 0)]
    from_step: u32,
    /// Write a page to leaf through the episode to this file.
    #[arg(long, value_name = "FILE.html")]
    html: Option<PathBuf>,
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
        let steps = replayed.record.steps.iter().filter(|step| !step.between).count();
        if self.from_step > 0 && self.from_step as usize >= steps {
            complain(&format!(
                "error[replay.step]: there is no step {}\nhint: the episode has {steps}, counted from 0",
                self.from_step
            ));
            return exit::USAGE;
        }
        if let Some(file) = &self.html {
            let page = reports::render::playback::render(&replayed.playback())
                .map_err(|problem| problem.to_string());
            let written = page.and_then(|page| {
                run::write_whole(file, page.as_bytes()).map_err(|complaints| complaints.to_string())
            });
            if let Err(complaint) = written {
                complain(&complaint);
                return exit::INFRASTRUCTURE;
            }
            complain(&format!("written to {}", file.display()));
        }
        match self.format {
            Format::Text => print(&text(&replayed.record, self.from_step as usize)),
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

fn text(record: &EpisodeRecord, from_step: usize) -> String {
    let mut page = format!("episode {}/{}: {}\n", record.population, record.index, record.outcome);
    // States within a step belong to the step before them.
    let mut begun = 0;
    let numbered: Vec<(Option<usize>, &StepRecord)> = record
        .steps
        .iter()
        .map(|step| {
            begun += usize::from(!step.between);
            ((!step.between).then_some(begun.saturating_sub(1)), step)
        })
        .collect();
    let first = numbered.iter().position(|(number, _)| *number == Some(from_step)).unwrap_or(0);
    let from_s = if from_step > 0 { numbered[first].1.time_s } else { f64::NEG_INFINITY };
    let _ = writeln!(page, "\nevents");
    for (at, what) in record.events.iter().filter(|(at, _)| *at >= from_s) {
        let _ = writeln!(page, "{at:>8.1} s  {what}");
    }
    let _ = writeln!(
        page,
        "\n step     time   lowest   highest     most   served    demand   asked granted refused  notes\n            s       pu        pu  loaded %      MW        MW"
    );
    for (number, step) in &numbered[first..] {
        let number = number.map_or_else(String::new, |number| number.to_string());
        let _ = writeln!(page, "{number:>5} {}", line(step));
        for (element, reason, _) in step.refused.iter().take(4) {
            let _ = writeln!(page, "{:>86}{element}: {reason}", "");
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
