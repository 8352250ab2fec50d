//! A folder to work in, and the program `gridgate`.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

/// Fourteen buses; see `data/cases/case14/SOURCE.md`.
pub(crate) const CASE14: &str = include_str!("../data/cases/case14/case14.m");

/// A suite on [`CASE14`] that ends undecided: some outages leave no power flow. (With relays the ladder is climbed to its end
/// instead, and demand is shed until there is one.)
pub(crate) const SUITE: &str = r#"schema = "gridgate/suite/1"
name = "journey"
seed = 20261121
grid = "case14.m"
candidate = "idle/candidate.toml"
champion = "do_nothing"

[loop]
task = "volt_var"
step_s = 60
steps = 5

[[population]]
id = "outages"
hazards = [{ kind = "line_trip", k = [1, 2] }, { kind = "load_swing", sigma = 0.05 }]
size_max = 600

[[gate]]
id = "voltage"
population = "outages"
metric = "voltage.violation_pu_min"
kind = "rate"
over = 0.5
max = 0.3

[[gate]]
id = "blackout"
population = "outages"
metric = "blackout"
kind = "rate"
max = 0.3

[protection]
engine = "none"
"#;

/// A suite on [`CASE14`] that stops when it is decided, with a limit for its blackouts and what is added.
macro_rules! mild {
    ($max:literal, $more:literal) => {
        concat!(
            r#"schema = "gridgate/suite/1"
name = "mild"
seed = 7
grid = "case14.m"
candidate = "idle/candidate.toml"
stop = "decided"

[loop]
task = "volt_var"
step_s = 60
steps = 3

[[population]]
id = "swings"
hazards = [{ kind = "load_swing", sigma = 0.02 }]
size_max = 5000

[[gate]]
id = "blackout"
population = "swings"
metric = "blackout"
kind = "rate"
max = "#,
            $max,
            "\n",
            $more
        )
    };
}

/// One that every candidate that asks nothing passes, and that is decided long before its end.
pub(crate) const MILD: &str = mild!("0.008", "");

/// As [`MILD`], decided after the first block.
pub(crate) const QUICK: &str = mild!("0.3", "");

/// As [`QUICK`], with a gate that fails: a grid has losses.
pub(crate) const FAILING: &str = mild!(
    "0.3",
    r#"
[[gate]]
id = "losses"
population = "swings"
metric = "losses_mwh"
kind = "rate"
over = 0.0
max = 0.3
"#
);

/// A candidate that asks nothing.
const DO_NOTHING: &str = r#"schema = "gridgate/candidate/1"
name = "idle"
version = "1"
task = "volt_var"
[adapter]
kind = "do_nothing"
"#;

/// The program, built with the profile of this test where that has not been done.
pub(crate) fn gridgate() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        // .../target/PROFILE/deps/journeys-HASH
        let here = std::env::current_exe().expect("the path of this test");
        let folder = here.parent().and_then(Path::parent).expect("a profile's folder");
        let profile = match folder.file_name().and_then(|n| n.to_str()).expect("a profile's name") {
            "debug" => "dev",
            other => other,
        };
        // Cargo builds a package's programs for its own tests only. Where it is missing as well as where it is of
        // yesterday, the answer would be about another program than the sources beside this test.
        let built = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args([
                "build",
                "--quiet",
                "--package",
                "gridgate-harness",
                "--bin",
                "gridgate",
                "--profile",
                profile,
            ])
            .arg("--target-dir")
            .arg(folder.parent().expect("a target folder"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status();
        assert!(built.is_ok_and(|status| status.success()), "gridgate could not be built");
        folder.join(format!("gridgate{}", std::env::consts::EXE_SUFFIX))
    })
}

/// What the program said.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
        let said = Said {
            code: output.status.code().expect("an exit code, not a signal"),
            out: text(&output.stdout),
            err: text(&output.stderr),
        };
        assert!(!said.err.contains("panicked"), "{}", said.err);
        said
    }

    /// The same, where it ended with this code.
    #[track_caller]
    pub(crate) fn with(self, code: i32) -> Self {
        assert_eq!(self.code, code, "\n{}\n{}", self.out, self.err);
        self
    }
}

/// A folder with [`CASE14`], [`SUITE`] as `suite.toml` and a candidate that asks nothing, for as long as it lives.
pub(crate) struct Desk {
    folder: TempDir,
}

impl Desk {
    pub(crate) fn new() -> Self {
        let desk = Desk { folder: tempfile::tempdir().expect("a temporary folder") };
        desk.put("case14.m", CASE14);
        desk.put("suite.toml", SUITE);
        desk.put("idle/candidate.toml", DO_NOTHING);
        desk
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn put(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, content).expect("a written file");
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    pub(crate) fn text(&self, name: &str) -> String {
        String::from_utf8(self.read(name)).expect("UTF-8")
    }

    pub(crate) fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&self.read(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    /// The lines of `episodes.jsonl` of a run.
    pub(crate) fn episodes(&self, run: &str) -> Vec<Value> {
        let text = self.text(&format!("{run}/episodes.jsonl"));
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    /// All names in the folder, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).expect("the folder");
        let mut names: Vec<String> =
            entries.map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// All files below a folder, relative to it, sorted.
    pub(crate) fn files(&self, name: &str) -> Vec<String> {
        let root = self.path(name);
        let (mut files, mut folders) = (Vec::new(), vec![root.clone()]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let relative = path.strip_prefix(&root).expect("below");
                    files.push(relative.to_string_lossy().replace('\\', "/"));
                }
            }
        }
        files.sort();
        files
    }

    pub(crate) fn copy(&self, from: &str, to: &str) {
        for file in self.files(from) {
            self.put(&format!("{to}/{file}"), self.read(&format!("{from}/{file}")));
        }
    }

    /// The program with these arguments, in this folder.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(gridgate());
        command.args(arguments).current_dir(self.folder.path());
        // On GitHub's machines a run prints annotations beside its summary.
        for variable in
            ["GITHUB_ACTIONS", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_WORKSPACE", "GRIDGATE_CACHE"]
        {
            command.env_remove(variable);
        }
        command.stdin(Stdio::null());
        command
    }

    pub(crate) fn say(&self, arguments: &[&str]) -> Said {
        Said::of(&self.command(arguments).output().expect("gridgate starts"))
    }

    /// `suite.toml` was run into `run`, with this exit code and a population `swings`: it comes to the same bytes on two threads, and from
    /// the record alone.
    pub(crate) fn repeats(&self, code: i32) {
        self.run("suite.toml", "again", &["--threads", "2"]).with(code);
        for name in ["evidence.json", "episodes.jsonl"] {
            assert!(self.read(&format!("run/{name}")) == self.read(&format!("again/{name}")), "{name}");
        }
        self.say(&["verify", "run"]).with(0);
        let kept = self.files("run/trajectories");
        let index = kept[0].trim_start_matches("swings-").trim_end_matches(".json");
        let said = self.say(&["replay", "run", &format!("swings/{index}")]).with(0);
        assert!(said.err.contains("bit for bit"), "{}", said.err);
    }

    /// Runs `suite` into `out`.
    pub(crate) fn run(&self, suite: &str, out: &str, more: &[&str]) -> Said {
        self.say(&[&["run", suite, "--out", out, "--quiet"], more].concat())
    }
}

/// Whether there is a python3; its absence fails on the continuous integration and skips the test elsewhere.
pub(crate) fn python() -> bool {
    let found = Command::new("python3").arg("--version").output().is_ok_and(|o| o.status.success());
    if !found {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "this test needs python3");
        eprintln!("skipped: there is no python3");
    }
    found
}
