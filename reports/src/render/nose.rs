//! How far a grid can be loaded, for a terminal.

use crate::nose::{NoseStatus, NoseStudy};

/// Limits that are listed.
const SHOWN: usize = 30;

/// The answer first, then the weakest buses and the limits on the way.
pub fn text(study: &NoseStudy) -> String {
    let mut out = format!("{}: {}\n", study.case, study.headline());
    if let Some(why) = &study.why {
        let what = if study.status == NoseStatus::NoBase { "base" } else { "curve" };
        out.push_str(&format!("{what}: {why}\n"));
    }
    let Some(nose) = &study.nose else { return out };
    out.push_str(&format!(
        "at the nose: lambda {:.6}, demand {:.1} MW, lowest voltage {:.4} pu at bus {}\n",
        nose.lambda, nose.demand_mw, nose.vm_min_pu, nose.vm_min_bus
    ));
    for (name, value) in &study.settings {
        out.push_str(&format!("{name}: {value}\n"));
    }
    out.push_str(&format!(
        "\n{:>10}  {:>8}  {:>8}  {:>16}  {:>16}  {:>5}\n",
        "weak bus", "base pu", "nose pu", "base pu/lambda", "nose pu/lambda", "fall"
    ));
    for weak in &study.weakest {
        let slope = weak.slope_nose_pu.map_or_else(|| "-".to_owned(), |slope| format!("{slope:.4}"));
        out.push_str(&format!(
            "{:>10}  {:>8.4}  {:>8.4}  {:>16.4}  {slope:>16}  {:>5.2}\n",
            weak.bus, weak.vm_base_pu, weak.vm_nose_pu, weak.slope_base_pu, weak.fall
        ));
    }
    if !study.at_limit_in_base.is_empty() {
        let buses: Vec<String> = study.at_limit_in_base.iter().map(u64::to_string).collect();
        out.push_str(&format!("\nat a reactive limit in the base already: {}\n", buses.join(", ")));
    }
    if !study.limits.is_empty() {
        out.push_str("\n    lambda  limits on the way\n");
    }
    for limit in study.limits.iter().take(SHOWN) {
        let left = if limit.reached { "" } else { ", left again" };
        out.push_str(&format!("{:>10.6}  {}{left}\n", limit.lambda, limit.words()));
    }
    if study.limits.len() > SHOWN {
        out.push_str(&format!("            and {} more: see --format json\n", study.limits.len() - SHOWN));
    }
    out
}
