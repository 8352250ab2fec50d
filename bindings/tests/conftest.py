"""A small grid and a small suite, the reference data, and the program `gridgate`."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# A ring of five buses, numbered with gaps; units at buses 10 and 30 (two of them), a bus 60 that nothing feeds.
RING = """
function mpc = ring
mpc.version = '2';
mpc.baseMVA = 100;
mpc.bus = [
    10 3  0  0 0  0 1 1 0 110 1 1.1 0.9;
    20 1 60 10 0  0 1 1 0 110 1 1.1 0.9;
    30 2  0  0 0  0 1 1 0 110 1 1.1 0.9;
    40 1 45 15 0 10 1 1 0 110 1 1.1 0.9;
    50 1 20  5 0  0 1 1 0 110 1 1.1 0.9;
    60 1  5  1 0  0 1 1 0 110 1 1.1 0.9;
];
mpc.gen = [
    10 50 0 60 -60 1.02 100 1 150 0;
    30 40 0 40 -40 1.01 100 1  80 0;
    30 30 0 40 -40 1.01 100 1  60 0;
];
mpc.branch = [
    10 20 0.01 0.08 0.02 120 120 120 0 0 1 -360 360;
    20 30 0.01 0.08 0.02 120 120 120 0 0 1 -360 360;
    30 40 0.01 0.09 0.02 120 120 120 0 0 1 -360 360;
    40 50 0.02 0.10 0.02 120 120 120 0 0 1 -360 360;
    50 10 0.02 0.10 0.02 120 120 120 0 0 1 -360 360;
];
"""

SUITE = """
schema = "gridgate/suite/1"
name = "ring"
seed = 7
grid = "ring.m"
champion = "do_nothing"

[loop]
task = "volt_var"
step_s = 60
steps = 3

[[population]]
id = "outages"
hazards = [{ kind = "line_trip", k = [1, 1] }, { kind = "load_swing", sigma = 0.1 }]
size_max = 600

[[gate]]
id = "voltage"
population = "outages"
metric = "voltage.violation_pu_min"
kind = "rate"
over = 0.5
max = 0.05

# Every episode has losses, so the worst of them are always kept.
[[gate]]
id = "losses"
population = "outages"
metric = "losses_mwh"
kind = "quantile"
q = 0.9
max = 5.0
"""

EPISODES = 600


@pytest.fixture
def ring(tmp_path: Path) -> Path:
    """A case with a dead bus."""
    path = tmp_path / "ring.m"
    path.write_text(RING)
    return path


@pytest.fixture
def suite(tmp_path: Path, ring: Path) -> Path:
    """A suite of 600 episodes, three blocks, on the grid without its dead bus."""
    lines = [line for line in ring.read_text().splitlines() if not line.startswith("    60 ")]
    ring.write_text("\n".join(lines))
    path = tmp_path / "suite.toml"
    path.write_text(SUITE)
    return path


def absent(what: str) -> None:
    """Skips, but for the machine whose word counts."""
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture(scope="session")
def reference() -> Path:
    """The folder of reference data."""
    shared = os.environ.get("GRIDGATE_SHARED")
    folder = (Path(shared) if shared else ROOT.parent / "shared") / "reference"
    if not (folder / "index.json").is_file():
        absent(f"no reference data in {folder}; set GRIDGATE_SHARED")
    return folder


@pytest.fixture(scope="session")
def cli() -> Callable[..., subprocess.CompletedProcess[str]]:
    """The program, built from the same sources."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    program = os.environ.get("GRIDGATE_PROGRAM") or shutil.which(target / "debug" / "gridgate")
    if program is None:
        absent("no program: cargo build --bin gridgate")

    def call(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(program), *map(str, arguments)], capture_output=True, text=True, check=False
        )

    return call
