//! The house rules that a compiler does not know: arrows between packages, lists and folders, forbidden words.

mod inlined;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Every `.rs` file of our packages, as a path from the workspace root with its text.
fn sources() -> BTreeMap<String, String> {
    fn walk(folder: &Path, root: &Path, found: &mut BTreeMap<String, String>) {
        for entry in std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
            let path = entry.expect("an entry").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                walk(&path, root, found);
            } else if name.ends_with(".rs") {
                let from_root = path.strip_prefix(root).expect("a path below the root");
                found.insert(from_root.to_string_lossy().replace('\\', "/"), text(&path));
            }
        }
    }
    let root = workspace();
    let mut found = BTreeMap::new();
    for package in packages() {
        walk(&root.join(package), &root, &mut found);
    }
    assert!(found.len() > 50, "only {} source files were found", found.len());
    found
}

fn manifest(path: &Path) -> toml::Table {
    text(path).parse().unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Members of the workspace.
fn packages() -> Vec<String> {
    let members = &manifest(&workspace().join("Cargo.toml"))["workspace"]["members"];
    let members = members.as_array().expect("a list of members");
    members.iter().map(|m| m.as_str().expect("a folder").to_owned()).collect()
}

/// The part of a file before its unit tests.
fn product(source: &str) -> &str {
    source.split("#[cfg(test)]").next().unwrap_or(source)
}

/// The README's first command names no program: with several in the workspace, `cargo run` needs one that says it is meant.
#[test]
fn cargo_run_means_the_program() {
    let root = workspace();
    let members = manifest(&root.join("Cargo.toml"))["workspace"]["default-members"].clone();
    let members = members.as_array().expect("a list of members").iter();
    let runs: Vec<String> = members
        .filter_map(|member| {
            let path = root.join(member.as_str().expect("a folder")).join("Cargo.toml");
            Some(manifest(&path)["package"].get("default-run")?.as_str()?.to_owned())
        })
        .collect();
    assert_eq!(runs, ["gridgate"]);
}

#[test]
fn packages_depend_along_the_arrows_only() {
    let arrows: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("powerflow", &[] as &[&str]),
        ("reports", &[]),
        ("scenarios", &["powerflow"]),
        ("harness", &["powerflow", "scenarios", "reports"]),
    ]);
    let ours: BTreeSet<String> = packages().into_iter().collect();
    for package in &ours {
        let Some(allowed) = arrows.get(package.as_str()) else {
            // Doors and tests may know everybody; nobody may know them, which the others' lists say.
            assert!(
                ["bindings", "tests", "bench", "surrogate"].contains(&package.as_str()),
                "{package} is new"
            );
            continue;
        };
        let manifest = manifest(&workspace().join(package).join("Cargo.toml"));
        for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let Some(dependencies) = manifest.get(table).and_then(|t| t.as_table()) else { continue };
            for name in dependencies.keys() {
                let short = name.strip_prefix("gridgate-").unwrap_or(name);
                assert!(
                    !ours.contains(short) || allowed.contains(&short),
                    "{package} depends on {short} ({table}): no such arrow"
                );
            }
        }
        assert!(!manifest.contains_key("target"), "{package} has dependencies by target: look at them here");
    }
}

#[test]
fn files_are_short_and_finished() {
    // Written apart, or this file would find itself.
    let unfinished = [["TO", "DO"].concat(), ["FIX", "ME"].concat(), ["XX", "X"].concat()];
    for (path, source) in sources() {
        let lines = source.lines().count();
        assert!(lines <= 800, "{path} has {lines} lines");
        for word in &unfinished {
            assert!(!source.contains(word.as_str()), "{path} contains {word}");
        }
        let stem = path.rsplit('/').next().unwrap_or_default().trim_end_matches(".rs");
        assert!(
            !["utils", "util", "helpers", "common", "misc", "manager"].contains(&stem),
            "{path} says nothing"
        );
    }
}

#[test]
fn unsafe_code_lives_in_one_file() {
    for (path, source) in sources() {
        if path == "powerflow/src/lane/x86.rs" || path.starts_with("tests/tidy/") {
            continue;
        }
        assert!(!source.contains("allow(unsafe_code)"), "{path} allows unsafe code");
        for (at, line) in source.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            let used = ["{", "fn", "impl", "trait", "extern"]
                .iter()
                .any(|next| code.contains(&format!("unsafe {next}")));
            assert!(!used, "{path}:{}: {line}", at + 1);
        }
    }
}

#[test]
fn physics_and_events_read_no_clock_and_no_environment() {
    for (path, source) in sources() {
        if !(path.starts_with("powerflow/src/") || path.starts_with("scenarios/src/")) {
            continue;
        }
        let code = product(&source);
        for word in
            ["std::time", "Instant::now", "SystemTime", "std::env", "thread_rng", "rand::rng(", "OsRng"]
        {
            assert!(!code.contains(word), "{path} uses {word}");
        }
        let opens_files = ["std::fs", "File::open", "std::net"].iter().any(|word| code.contains(word));
        assert!(!opens_files || path.starts_with("powerflow/src/case/"), "{path} opens files");
    }
}

#[test]
fn nothing_iterates_over_a_hash_map() {
    for (path, source) in sources() {
        if !(path.starts_with("powerflow/src/") || path.starts_with("scenarios/src/")) {
            continue;
        }
        let code = product(&source);
        // Names that are declared as hash maps, and whether any of them is walked. Look-ups are fine.
        for (at, _) in code.match_indices("HashMap<").chain(code.match_indices("HashSet<")) {
            let before = code[..at].trim_end().trim_end_matches(':').trim_end();
            let name = before.rsplit(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
            for walk in [".iter()", ".keys()", ".values()", ".drain()", ".into_iter()", ".into_keys()"] {
                let walked = !name.is_empty() && code.contains(&format!("{name}{walk}"));
                assert!(!walked, "{path}: {name}{walk} has no order");
            }
        }
    }
}

#[test]
fn a_folder_with_a_list_has_a_line_for_every_file() {
    // An adapter is found by its name in a manifest and not by a list of modules: there only the folder counts.
    for (folder, by_list) in [
        ("harness/src/gate", true),
        ("harness/src/metric", true),
        ("scenarios/src/hazard", true),
        ("harness/src/candidate", false),
    ] {
        let module = text(&workspace().join(folder).join("mod.rs"));
        let start = module.find("pub const LIST").unwrap_or_else(|| panic!("{folder} has no list"));
        let list = &module[start..start + module[start..].find("];").expect("the end of the list")];
        for entry in std::fs::read_dir(workspace().join(folder)).unwrap_or_else(|e| panic!("{folder}: {e}")) {
            let path = entry.expect("an entry").path();
            let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            if stem == "mod" {
                continue;
            }
            let declared = module.lines().any(|line| line.trim().ends_with(&format!("mod {stem};")));
            assert!(declared, "{folder}/{stem} is not declared in mod.rs");
            assert!(!by_list || list.contains(&format!("{stem}::")), "{folder}/{stem} is not in the list");
        }
    }
}

#[test]
fn every_path_in_the_architecture_exists() {
    let page = workspace().join("ARCHITECTURE.md");
    if !page.is_file() {
        eprintln!("skipped: there is no ARCHITECTURE.md yet");
        return;
    }
    let page = text(&page);
    let mut found = 0;
    // Paths are written in backticks and contain a slash.
    for quoted in page.split('`').skip(1).step_by(2) {
        let path = quoted.trim();
        let plain = path.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
        let ours = packages().iter().any(|package| path.starts_with(&format!("{package}/")));
        if plain && ours {
            assert!(workspace().join(path).exists(), "ARCHITECTURE.md names {path}");
            found += 1;
        }
    }
    assert!(found > 0, "ARCHITECTURE.md names no path");
}

#[test]
fn every_stored_case_says_where_it_comes_from() {
    let folder = workspace().join("tests/data/cases");
    for entry in std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
        let path = entry.expect("a folder of a case").path();
        let source = text(&path.join("SOURCE.md"));
        assert!(
            source.contains("expected.json") && path.join("expected.json").is_file(),
            "{}",
            path.display()
        );
    }
}
