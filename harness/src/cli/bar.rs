//! A bar on standard error; nothing where that is no terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::run::{Progress, Watch};

/// See the module.
pub(super) struct Bar(ProgressBar);

impl Bar {
    /// A bar that counts `what`; none where `quiet`.
    pub(super) fn new(what: &str, quiet: bool) -> Self {
        let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(None, target);
        let template = format!("{{prefix}} [{{bar:30}}] {{pos}}/{{len}} {what}, {{eta}} left{{msg}}");
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Bar(bar)
    }

    /// Takes the bar away: all is done.
    pub(super) fn finish(&self) {
        self.0.finish_and_clear();
    }

    /// Leaves the bar as it stands: something went wrong.
    pub(super) fn abandon(&self) {
        self.0.abandon();
    }
}

impl Watch for Bar {
    fn progress(&self, progress: &Progress) {
        self.0.set_prefix(progress.population.clone());
        self.0.set_length(progress.size_max);
        self.0.set_position(progress.done);
        let comma = if progress.standing.is_empty() { "" } else { ", " };
        self.0.set_message(format!("{comma}{}", progress.standing));
    }
}
