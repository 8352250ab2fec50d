//! The guide knows every name that the program knows, and its examples are accepted.

use std::path::{Path, PathBuf};

use harness::action::Asked;
use harness::observation::Observed;
use harness::suite::Suite;
use harness::{assumption, candidate, gate, metric};

fn guide(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/guide").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Names that do not stand in the page as code.
fn unmentioned<'a>(page: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    names.into_iter().filter(|name| !page.contains(&format!("`{name}`"))).collect()
}

#[test]
fn every_hazard_and_metric_is_in_the_guide_to_suites() {
    let page = guide("suite.md");
    let hazards = scenarios::hazard::LIST;
    assert!(unmentioned(&page, hazards.iter().map(|h| h.name)).is_empty());
    let settings = hazards.iter().flat_map(|h| h.parameters).map(|p| p.name);
    assert_eq!(unmentioned(&page, settings), Vec::<&str>::new());
    assert_eq!(unmentioned(&page, metric::ids()), Vec::<&str>::new());
    for metric in metric::LIST {
        let row = page.lines().find(|line| line.starts_with(&format!("| `{}` ", metric.id)));
        assert!(row.is_some_and(|row| row.contains(&format!("| {} |", metric.unit))), "{}", metric.id);
    }
}

#[test]
fn every_kind_of_gate_is_in_the_guide_to_gates() {
    let page = guide("gates.md");
    for kind in gate::LIST {
        let begin = page.find(&format!("### `{}`", kind.name)).expect(kind.name);
        let section = page[begin + 1..].split("\n##").next().unwrap_or_default();
        assert_eq!(unmentioned(section, kind.parameters.iter().map(|p| p.name)), Vec::<&str>::new());
    }
}

#[test]
fn every_quantity_and_adapter_is_in_the_guide_to_candidates() {
    let page = guide("candidate.md");
    assert_eq!(unmentioned(&page, Observed::LIST.iter().map(|q| q.id())), Vec::<&str>::new());
    assert_eq!(unmentioned(&page, Asked::LIST.iter().map(|q| q.id())), Vec::<&str>::new());
    for adapter in candidate::LIST.iter().filter(|a| a.name != "python") {
        assert!(page.contains(&format!("`\"{}\"`", adapter.name)), "{}", adapter.name);
    }
}

#[test]
fn every_variant_of_the_world_is_in_the_guide_to_assumptions() {
    let page = guide("assumptions.md");
    assert_eq!(unmentioned(&page, assumption::LIST.iter().map(|variant| variant.id)), Vec::<&str>::new());
}

#[test]
fn the_suite_in_the_guide_is_accepted() {
    let page = guide("suite.md");
    let suite = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let suite = Suite::from_text(suite, Path::new("suite.toml")).unwrap();
    suite.check_metrics(&metric::ids()).unwrap();
}
