//! What GitHub's runners read: annotations, outputs of the step, the summary of the job.

use std::io::Write;
use std::path::Path;

use reports::Report;
use reports::render::markdown;

use super::complain;

/// Whether this runs on GitHub.
pub(super) fn is_here() -> bool {
    std::env::var_os("GITHUB_ACTIONS").is_some()
}

/// The suite file as findings must name it: relative to the repository, with forward slashes. `None` where it lies elsewhere.
pub(super) fn path_in_repository(suite: &Path) -> Option<String> {
    let root = match std::env::var_os("GITHUB_WORKSPACE") {
        Some(root) => root.into(),
        None => std::env::current_dir().ok()?,
    };
    // Links resolved on both sides: a workspace is often reached through one.
    let inside = suite.canonicalize().ok()?.strip_prefix(root.canonicalize().ok()?).ok()?.to_owned();
    let parts: Option<Vec<&str>> = inside.iter().map(|part| part.to_str()).collect();
    Some(parts?.join("/"))
}

/// Writes outputs and summary where the runner says; a file that cannot be written changes no verdict. `code` is the exit code to come.
pub(super) fn tell(report: &Report, out: &Path, code: u8) {
    if let Some(path) = std::env::var_os("GITHUB_OUTPUT") {
        append(Path::new(&path), &outputs(report, out, code));
    }
    if let Some(path) = std::env::var_os("GITHUB_STEP_SUMMARY") {
        let path = Path::new(&path);
        // All writers of the step share the mebibyte.
        let taken =
            std::fs::metadata(path).map_or(0, |file| usize::try_from(file.len()).unwrap_or(usize::MAX));
        let room = markdown::SUMMARY_BYTES.saturating_sub(taken);
        append(path, &markdown::render_within(report, room));
    }
}

/// The outputs `verdict`, `report`, `digest` and `exit_code`.
fn outputs(report: &Report, out: &Path, code: u8) -> String {
    let verdict = serde_json::to_string(&report.headline.verdict).unwrap_or_default();
    let digest = report.evidence_digest.as_ref().map_or("", |digest| digest.sha256.as_str());
    let page = out.join("report.html").display().to_string();
    let values = [
        ("verdict", verdict.trim_matches('"')),
        ("report", &page),
        ("digest", digest),
        ("exit_code", &code.to_string()),
    ];
    values.map(|(name, value)| output(name, value)).concat()
}

/// One output. A value with line breaks could write outputs of its own, so those become spaces.
fn output(name: &str, value: &str) -> String {
    format!("{name}={}\n", value.replace(['\r', '\n'], " "))
}

fn append(path: &Path, text: &str) {
    let append = std::fs::OpenOptions::new().append(true).create(true).open(path);
    if let Err(error) = append.and_then(|mut file| file.write_all(text.as_bytes())) {
        complain(&format!("warning[run.github]: {} cannot be written: {error}", path.display()));
    }
}

#[cfg(test)]
mod tests {
    use super::output;

    #[test]
    fn a_value_stays_one_output() {
        assert_eq!(output("report", "a\nverdict=pass\r\nb=c"), "report=a verdict=pass  b=c\n");
    }
}
