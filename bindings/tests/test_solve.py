"""Solving: agreement with a formula, with published states, and with the command line."""

from __future__ import annotations

import csv
import gzip
import json
import math
import pickle
import subprocess
from collections.abc import Callable
from pathlib import Path

import gridgate
import numpy as np
import pytest

Cli = Callable[..., subprocess.CompletedProcess[str]]

TWO = """
function mpc = two
mpc.version = '2';
mpc.baseMVA = 100;
mpc.bus = [
    1 3  0  0 0 0 1 1 0 110 1 1.1 0.9;
    2 1 80 30 0 0 1 1 0 110 1 1.1 0.9;
];
mpc.gen = [1 0 0 100 -100 1.05 100 1 200 0];
mpc.branch = [1 2 0.02 0.1 0 0 0 0 0 0 1 -360 360];
"""


def test_two_buses_agree_with_the_formula(tmp_path: Path) -> None:
    # The voltage at the end of a line r + jx is the larger root of a quadratic in its square (any textbook).
    r, x, p, q, v1 = 0.02, 0.1, 0.8, 0.3, 1.05
    b = 2 * (p * r + q * x) - v1**2
    c = (p**2 + q**2) * (r**2 + x**2)
    v2 = math.sqrt((-b + math.sqrt(b * b - 4 * c)) / 2)
    angle = -math.degrees(math.atan2(p * x - q * r, v2**2 + p * r + q * x))
    losses = r * (p**2 + q**2) / v2**2 * 100
    case = tmp_path / "two.m"
    case.write_text(TWO)
    solution = gridgate.solve(case)
    # Ten times the tolerance of the mismatch, which the solution takes far below itself.
    np.testing.assert_allclose(solution.vm_pu, [v1, v2], atol=1e-7)
    np.testing.assert_allclose(solution.va_deg, [0, angle], atol=1e-5)
    assert solution.losses_mw == pytest.approx(losses, abs=1e-5)
    assert solution.p_from_mw[0] == pytest.approx(80 + losses, abs=1e-5)
    assert solution.p_to_mw[0] == pytest.approx(-80, abs=1e-5)


@pytest.mark.parametrize("name", ["case9", "case14", "case118"])
def test_agrees_with_the_reference(reference: Path, name: str) -> None:
    solution = gridgate.solve(
        reference / "cases" / f"{name}.m", reactive_limits="ignore", slack="single"
    )
    with gzip.open(reference / "solutions" / name / "pf_bus.csv.gz", "rt") as table:
        rows = list(csv.DictReader(table))
    assert [int(float(row["bus_i"])) for row in rows] == solution.bus_id.tolist()
    # The bound that the reference gives for itself.
    np.testing.assert_allclose(solution.vm_pu, [float(row["Vm"]) for row in rows], atol=1e-8)
    np.testing.assert_allclose(solution.va_deg, [float(row["Va"]) for row in rows], atol=1e-6)


def test_a_dead_bus_has_no_voltage(ring: Path) -> None:
    solution = gridgate.solve(ring)
    assert solution.bus_id.tolist() == [10, 20, 30, 40, 50, 60]
    assert solution.bus_status.tolist() == ["live"] * 5 + ["dead"]
    assert solution.live.tolist() == [True] * 5 + [False]
    for voltage in (solution.vm_pu, solution.va_deg):
        assert voltage.mask.tolist() == [False] * 5 + [True]
        assert str(voltage).rstrip("]").endswith("--")
        assert np.isnan(voltage.data[5])
    assert 0.9 < solution.vm_pu.min() <= solution.vm_pu.mean() <= solution.vm_pu.max() < 1.1
    assert "vm_pu" not in solution.to_dict()["buses"][5]
    assert any(d["code"] == "solve.dead-buses" for d in solution.diagnostics)


def test_numbers_are_those_of_the_command_line(ring: Path, cli: Cli) -> None:
    solution = gridgate.solve(ring, start="flat", slack="single")
    printed = cli("solve", ring, "--start", "flat", "--slack", "single", "--format", "json")
    assert printed.returncode == 0
    assert solution.json() == printed.stdout.strip()
    document = json.loads(printed.stdout)
    assert solution.to_dict() == document
    for name in ("case", "status", "rung", "iterations", "mismatch_pu", "base_mva", "losses_mw", "unmet_mw"):
        assert getattr(solution, name) == document[name]
    # Not a bit may change on the way.
    columns = {
        "buses": {"bus_id": "id", "bus_status": "status", "vm_pu": "vm_pu", "va_deg": "va_deg"},
        "branches": {
            "branch_from": "from",
            "branch_to": "to",
            "branch_in_service": "in_service",
            "p_from_mw": "p_from_mw",
            "q_from_mvar": "q_from_mvar",
            "p_to_mw": "p_to_mw",
            "q_to_mvar": "q_to_mvar",
        },
        "generators": {
            "unit_bus": "bus",
            "unit_in_service": "in_service",
            "unit_p_mw": "p_mw",
            "unit_q_mvar": "q_mvar",
        },
    }
    for table, names in columns.items():
        for name, key in names.items():
            values = [row.get(key) for row in document[table]]
            assert getattr(solution, name).tolist() == values, name
    assert solution.at_reactive_limit == document["at_reactive_limit"]
    assert solution.diagnostics == document["diagnostics"]
    page = cli("solve", ring, "--start", "flat", "--slack", "single").stdout
    assert str(solution) == page.strip()


def test_a_linear_flow_has_no_magnitudes(ring: Path) -> None:
    solution = gridgate.solve(ring, linear=True)
    assert solution.rung == "linear"
    assert solution.vm_pu.mask.all() and solution.q_from_mvar.mask.all() and solution.unit_q_mvar.mask.all()
    assert solution.va_deg.mask.tolist() == [False] * 5 + [True]
    np.testing.assert_allclose(solution.p_from_mw, -solution.p_to_mw)
    assert solution.p_from_mw.any()


def test_arrays_are_read_only(ring: Path) -> None:
    solution = gridgate.solve(ring)
    for array in (solution.p_from_mw, solution.bus_id, solution.live, solution.bus_status, solution.vm_pu):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = array[1]


def test_no_solution_is_an_exception_with_the_text_of_the_command_line(tmp_path: Path, cli: Cli) -> None:
    case = tmp_path / "two.m"
    # A hundred times the demand: far beyond what a line of 0.1 pu can carry.
    case.write_text(TWO.replace("2 1 80 30", "2 1 8000 3000"))
    with pytest.raises(gridgate.NoSolution) as caught:
        gridgate.solve(case, slack="single")
    printed = cli("solve", case, "--slack", "single")
    assert printed.returncode == 1
    assert str(caught.value) == printed.stdout.strip()
    assert "solve.no-solution" in [d["code"] for d in caught.value.diagnostics]
    assert caught.value.document["status"] == "no_solution"
    assert caught.value.document["buses"] == []
    assert isinstance(caught.value, gridgate.Error) and not isinstance(caught.value, ValueError)
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == str(caught.value) and again.document == caught.value.document


@pytest.mark.parametrize("verb", ["solve", "census"])
def test_bad_input_is_told_as_on_the_command_line(tmp_path: Path, cli: Cli, verb: str) -> None:
    damaged = tmp_path / "damaged.m"
    damaged.write_text(TWO.replace("[1 2 0.02", "[1 9010 0.02").replace("mpc.gen = [1 ", "mpc.gen = [77 "))
    for path in (damaged, tmp_path / "none.m"):
        printed = cli(verb, path)
        assert printed.returncode == 2
        if verb == "census" and printed.stdout:
            # A census counts what it can read, and complains beside it.
            assert gridgate.census(path) == json.loads(cli(verb, path, "--format", "json").stdout)
            continue
        with pytest.raises(gridgate.InputError) as caught:
            getattr(gridgate, verb)(path)
        assert str(caught.value) == printed.stderr.strip()
        assert isinstance(caught.value, ValueError)
        assert {"code", "severity", "message"} <= caught.value.diagnostics[0].keys()


def test_wrong_arguments_name_what_was_meant(ring: Path) -> None:
    with pytest.raises(gridgate.InputError, match="did you mean `flat`"):
        gridgate.solve(ring, start="flet")  # type: ignore[arg-type]
    with pytest.raises(gridgate.InputError, match="there is no slack"):
        gridgate.solve(ring, slack="x")  # type: ignore[arg-type]
    with pytest.raises(gridgate.InputError, match="there is no reactive_limits"):
        gridgate.solve(ring, reactive_limits="")  # type: ignore[arg-type]
    for tolerance in (0.0, -1.0, math.nan, 2.0):
        with pytest.raises(gridgate.InputError, match="usage.tolerance"):
            gridgate.solve(ring, tolerance=tolerance)


def test_the_census_is_that_of_the_command_line(ring: Path, cli: Cli) -> None:
    census = gridgate.census(ring)
    assert census == json.loads(cli("census", ring, "--format", "json").stdout)
    assert census["buses"]["total"] == 6
