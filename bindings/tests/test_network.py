"""A network that is read once: its columns, and power flows of many rows."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import gridgate
import numpy as np
import numpy.typing as npt
import pytest
from conftest import RING

Floats = npt.NDArray[np.float64]

# The sweeps stop at 1e-8 pu of mismatch; on this small, stiff ring a voltage is then far closer than this.
CLOSE = 1e-7


def without_branch(path: Path, row: int) -> Path:
    """The ring in a file of its own, with a branch out of service."""
    head, tail = RING.split("mpc.branch = [\n")
    lines = tail.splitlines()
    lines[row] = lines[row].replace(" 0 0 1 -360", " 0 0 0 -360")
    path.write_text(head + "mpc.branch = [\n" + "\n".join(lines))
    return path


def with_injections(path: Path, p: Floats, q: Floats, units: Floats) -> Path:
    """The ring in a file of its own, with other demand and another schedule."""
    rows = [line.split() for line in RING.splitlines()]
    buses = [row for row in rows if len(row) == 13 and row[-1] == "0.9;"]
    generators = [row for row in rows if len(row) == 10 and row[-1] == "0;"]
    for bus, mw, mvar in zip(buses, p.tolist(), q.tolist(), strict=True):
        bus[2:4] = [repr(mw), repr(mvar)]
    for generator, mw in zip(generators, units.tolist(), strict=True):
        generator[1] = repr(mw)
    path.write_text("\n".join(" ".join(row) for row in rows))
    return path


def test_columns_are_those_of_the_file(ring: Path) -> None:
    network = gridgate.Network(ring)
    assert (network.name, network.base_mva, network.frequency_hz) == ("ring", 100.0, 60.0)
    assert (network.n_buses, network.n_branches, network.n_units) == (6, 5, 3)
    assert network.bus_id.tolist() == [10, 20, 30, 40, 50, 60]
    assert network.p_mw.tolist() == [0, 60, 0, 45, 20, 5]
    assert network.q_mvar.tolist() == [0, 10, 0, 15, 5, 1]
    assert network.branch_from.tolist() == [10, 20, 30, 40, 50]
    assert network.branch_to.tolist() == [20, 30, 40, 50, 10]
    assert network.branch_in_service.all() and not network.branch_transformer.any()
    assert network.branch_rating_mva.tolist() == [120.0] * 5
    assert network.unit_bus.tolist() == [10, 30, 30]
    assert network.unit_p_mw.tolist() == [50, 40, 30]
    assert network.unit_v_set_pu.tolist() == [1.02, 1.01, 1.01]
    assert network.unit_in_service.all()
    assert (network.vm_min_pu == 0.9).all() and (network.vm_max_pu == 1.1).all()
    assert network.census() == gridgate.census(ring)
    assert repr(network) == '<gridgate.Network "ring": 6 buses, 5 branches, 3 units>'
    with pytest.raises(ValueError, match="read-only"):
        network.p_mw[0] = 1.0


def test_solves_as_the_function_does(ring: Path) -> None:
    network = gridgate.Network(ring)
    assert network.solve().json() == gridgate.solve(ring).json()
    assert network.solve(slack="single").json() == gridgate.solve(ring, slack="single").json()
    assert network.solve(linear=True).json() == gridgate.solve(ring, linear=True).json()
    with pytest.raises(gridgate.InputError, match="usage.tolerance"):
        network.solve(tolerance=0.0)


@pytest.mark.parametrize("limits", ["ignore", "enforce"])
@pytest.mark.parametrize("slack", ["single", "distributed"])
def test_an_outage_is_the_power_flow_of_a_file_without_the_branch(
    ring: Path, tmp_path: Path, limits: str, slack: str
) -> None:
    rows = gridgate.Network(ring).solve_outages("n-1", reactive_limits=limits, slack=slack)  # type: ignore[arg-type]
    assert rows.outages == [[0], [1], [2], [3], [4]] and len(rows) == 5
    assert rows.bus_id.tolist() == [10, 20, 30, 40, 50, 60]
    for row in range(5):
        alone = gridgate.solve(
            without_branch(tmp_path / "out.m", row), reactive_limits=limits, slack=slack  # type: ignore[arg-type]
        )
        np.testing.assert_allclose(rows.vm_pu[row], alone.vm_pu, atol=CLOSE)
        np.testing.assert_allclose(rows.va_deg[row], alone.va_deg, atol=math.degrees(CLOSE))
        assert rows.live[row].tolist() == alone.live.tolist()
    assert (rows.status == gridgate.RowStatus.SOLVED).all()
    assert (rows.method != gridgate.Method.NONE).all()
    assert (rows.iterations > 0).all()
    assert (rows.mismatch_pu <= 1e-8).all()
    assert rows.no_solution == {}


def test_what_has_no_voltage_is_masked(ring: Path) -> None:
    network = gridgate.Network(ring)
    # Bus 20 alone has no unit; buses 40 and 50 have none either.
    rows = network.solve_outages([[0, 1], [2, 4], [3]])
    assert rows.status.tolist() == [
        gridgate.RowStatus.ISLANDED,
        gridgate.RowStatus.ISLANDED,
        gridgate.RowStatus.SOLVED,
    ]
    dead = [{20, 60}, {40, 50, 60}, {60}]
    for row in range(3):
        for table in (rows.voltage, rows.vm_pu, rows.va_deg):
            assert set(rows.bus_id[np.ma.getmaskarray(table)[row]].tolist()) == dead[row]
            assert np.isnan(table.data[row][np.ma.getmaskarray(table)[row]]).all()
        assert set(rows.bus_id[~rows.live[row]].tolist()) == dead[row]
    assert 0.9 < rows.vm_pu.min() <= rows.vm_pu.max() < 1.1
    # numpy takes the magnitude in another way: to the last digit or two.
    np.testing.assert_allclose(np.abs(rows.voltage.data[rows.live]), rows.vm_pu.data[rows.live], rtol=1e-15)
    for array in (rows.voltage, rows.vm_pu, rows.status, rows.iterations, rows.live):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = array[1]


def test_injections_are_those_of_each_row(ring: Path, tmp_path: Path) -> None:
    network = gridgate.Network(ring)
    p = np.outer([0.5, 1.0, 1.2], network.p_mw)
    q = np.outer([0.2, 1.0, 1.1], network.q_mvar)
    units = np.outer([0.6, 1.0, 1.2], network.unit_p_mw)
    rows = network.solve_injections(p, q, units)
    assert rows.outages is None
    for row in range(3):
        case = with_injections(tmp_path / "row.m", p[row], q[row], units[row])
        alone = gridgate.solve(case, reactive_limits="ignore", slack="single")
        np.testing.assert_allclose(rows.vm_pu[row], alone.vm_pu, atol=CLOSE)
        np.testing.assert_allclose(rows.va_deg[row], alone.va_deg, atol=math.degrees(CLOSE))
    # What is not given is the file's.
    np.testing.assert_array_equal(network.solve_injections(q_mvar=q[1:2]).voltage, rows.voltage[1:2])
    # Other ways to lie in memory, other types of number.
    for table in (np.asfortranarray(p), p.tolist(), np.repeat(p, 2, axis=0)[::2]):
        np.testing.assert_array_equal(network.solve_injections(table, q, units).voltage, rows.voltage)


def test_a_row_without_a_solution_says_so(ring: Path) -> None:
    network = gridgate.Network(ring)
    p = np.tile(network.p_mw, (3, 1))
    p[1, 1] = 1e5
    rows = network.solve_injections(p)
    assert rows.status.tolist() == [0, gridgate.RowStatus.NO_SOLUTION, 0]
    assert rows.method[1] == gridgate.Method.NONE
    mask = np.ma.getmaskarray(rows.voltage)
    assert mask[1].all() and not rows.live[1].any() and not mask[0, :5].any()
    assert rows.mismatch_pu.mask.tolist() == [False, True, False]
    assert list(rows.no_solution) == [1] and "bus" in rows.no_solution[1]
    np.testing.assert_array_equal(rows.voltage[0], rows.voltage[2])
    with pytest.raises(gridgate.NoSolution) as caught:
        case = ring.with_name("heavy.m")
        case.write_text(RING.replace("20 1 60 10", "20 1 100000 10"))
        gridgate.Network(case).solve_outages("n-1")
    assert caught.value.document["status"] == "no_solution"


def test_threads_and_neighbours_change_no_bit(ring: Path) -> None:
    network = gridgate.Network(ring)
    random = np.random.default_rng(5)
    p = network.p_mw * random.uniform(0.7, 1.3, (700, 6))
    q = network.q_mvar * random.uniform(0.7, 1.3, (700, 6))
    one = network.solve_injections(p, q)
    for threads in (2, 5):
        several = network.solve_injections(p, q, threads=threads)
        for name in ("voltage", "status", "method", "iterations", "mismatch_pu"):
            np.testing.assert_array_equal(getattr(several, name), getattr(one, name))
    few = gridgate.Network(ring).solve_injections(p[13:16], q[13:16])
    np.testing.assert_array_equal(few.voltage, one.voltage[13:16])
    # One object in several threads of Python.
    with ThreadPoolExecutor(3) as pool:
        for again in pool.map(lambda _: network.solve_injections(p, q), range(3)):
            np.testing.assert_array_equal(again.voltage, one.voltage)


def test_no_rows_are_no_error(ring: Path) -> None:
    network = gridgate.Network(ring)
    assert network.solve_outages([]).voltage.shape == (0, 6)
    assert network.solve_injections(np.zeros((0, 6))).vm_pu.shape == (0, 6)
    assert network.solve_injections(np.zeros((0, 6)), threads=4).live.shape == (0, 6)


def test_wrong_input_is_named(ring: Path) -> None:
    network = gridgate.Network(ring)
    p = np.tile(network.p_mw, (4, 1))
    p[2, 3] = math.nan
    with pytest.raises(gridgate.InputError, match=r"sweep.injection.not-finite.*active demand of bus 40 in row 2"):
        network.solve_injections(p)
    units = np.tile(network.unit_p_mw, (4, 1))
    units[1, 2] = math.inf
    with pytest.raises(gridgate.InputError, match=r"unit 3 at bus 30 in row 1"):
        network.solve_injections(unit_p_mw=units)
    with pytest.raises(gridgate.InputError) as caught:
        network.solve_injections(np.full((4, 6), math.nan))
    assert len(caught.value.diagnostics) == 6 and "19 more" in str(caught.value)
    for arguments, what in (
        ((np.zeros((4, 5)),), "6 buses"),
        ((np.zeros(6),), "6 buses"),
        ((None, None, np.zeros((4, 6))), "3 units"),
        ((np.zeros((4, 6)), np.zeros((3, 6))), "4, 3"),
        ((np.ma.masked_less(np.zeros((4, 6)), 1),), "masked"),
        ((), "neither"),
    ):
        with pytest.raises(gridgate.InputError, match=what):
            network.solve_injections(*arguments)
    for outages, what in (
        ([7], "branch row 7.*last one is 4"),
        ([[0], ["x"]], "outage 1"),
        ([-1], "outage 0"),
        ("n-2", "there is no outages"),
    ):
        with pytest.raises(gridgate.InputError, match=f"(?s){what}"):
            network.solve_outages(outages)  # type: ignore[arg-type]
    with pytest.raises(gridgate.InputError, match="usage.threads"):
        network.solve_outages([0], threads=0)
    with pytest.raises(gridgate.InputError, match="usage.tolerance"):
        network.solve_outages([0], tolerance=math.nan)
    with pytest.raises(gridgate.InputError, match="unknown-branch|case.branch"):
        bad = ring.with_name("bad.m")
        bad.write_text(RING.replace("50 10 0.02", "50 77 0.02"))
        gridgate.Network(bad)
    # It still works.
    assert network.solve_outages([0, 1]).status.tolist() == [0, 0]


def test_a_real_grid_agrees_with_its_own_power_flow(reference: Path) -> None:
    network = gridgate.Network(reference / "cases" / "case118.m")
    base = network.solve(reactive_limits="ignore", slack="single")
    rows = network.solve_injections(network.p_mw[None, :], network.q_mvar[None, :], network.unit_p_mw[None, :])
    np.testing.assert_allclose(rows.vm_pu[0], base.vm_pu, atol=1e-8)
    np.testing.assert_allclose(rows.va_deg[0], base.va_deg, atol=1e-6)
    outages = network.solve_outages("n-1")
    # Nine of its branches are bridges: each takes a bus away.
    assert len(outages) == 186 and (outages.status == gridgate.RowStatus.SOLVED).sum() == 177
