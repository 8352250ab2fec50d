"""Islands of the system-frequency-response model, against the closed form and the shared tables."""

from __future__ import annotations

import csv
import doctest
from pathlib import Path
from typing import Any

import gridgate
import gridgate.frequency
import numpy as np
import pytest
from gridgate.frequency import UflsTrip, simulate_island

BASE: dict[str, Any] = {
    "inertia_s": 4,
    "damping_pu": 1,
    "droop_pu": 0.05,
    "reheat_fraction": 0.3,
    "reheat_s": 8,
    "mechanical_gain": 0.95,
}


def table(path: Path) -> list[dict[str, str]]:
    with path.open() as lines:
        return list(csv.DictReader(lines))


def island(row: dict[str, str]) -> dict[str, Any]:
    columns = {"H": "inertia_s", "D": "damping_pu", "R": "droop_pu", "FH": "reheat_fraction", "TR": "reheat_s"}
    columns |= {"Km": "mechanical_gain", "P_pu": "power_step_pu"}
    return {name: float(row[column]) for column, name in columns.items()}


def test_step_responses_are_those_of_the_closed_form(reference: Path) -> None:
    rows = table(reference / "dynamics" / "sfr_closed_form.csv")
    for row in rows:
        answer = simulate_island(**island(row))
        assert answer.nadir_hz == pytest.approx(float(row["f_nadir_hz"]), abs=1e-5)
        assert answer.nadir_s == pytest.approx(float(row["t_nadir_s"]), abs=1e-4)
        assert answer.settling_hz == pytest.approx(float(row["f_ss_hz"]), abs=1e-5)
        assert answer.rocof_hz_per_s == pytest.approx(float(row["rocof0_hz_s"]))
        for time, column in [(0.5, "f_0p5s"), (1, "f_1s"), (5, "f_5s"), (20, "f_20s")]:
            at = int(np.argmin(abs(answer.time_s - time)))
            assert answer.frequency_hz[at] == pytest.approx(float(row[column]), abs=1e-5)


def test_a_batch_is_its_islands(reference: Path) -> None:
    rows = [row for row in table(reference / "dynamics" / "ffr_latency.csv") if row["latency_s"] != "none"]
    islands = [island(row) for row in rows]
    batch: dict[str, Any] = {name: np.array([one[name] for one in islands]) for name in islands[0]}
    ffr = {"ffr_pu": "Pffr_pu", "ffr_trigger_hz": "threshold_hz", "ffr_delay_s": "latency_s"}
    devices: dict[str, Any] = {name: np.array([float(row[column]) for row in rows]) for name, column in ffr.items()}
    relay = [(59.5, 0.3, 0.0)]
    answer = simulate_island(**batch, **devices, ufls=relay)
    assert answer.frequency_hz.shape == (len(rows), len(answer.time_s))
    for i, row in enumerate(rows):
        one = simulate_island(**islands[i], **{name: values[i] for name, values in devices.items()}, ufls=relay)
        assert np.array_equal(one.frequency_hz, answer.frequency_hz[i])
        assert one.nadir_hz == answer.nadir_hz[i] == pytest.approx(float(row["f_nadir_hz"]), abs=1e-4)
        assert one.ufls_trips == answer.ufls_trips[i]
        if row["t_trip_0p3"] == "no_trip":
            assert one.ufls_trips == []
        else:
            [trip] = one.ufls_trips
            assert isinstance(trip, UflsTrip) and trip[1:] == (0, 59.5, 0.0)
            assert trip.time_s == pytest.approx(float(row["t_trip_0p3"]), abs=1e-4)


def test_relays_of_a_plan_take_their_time() -> None:
    plain = simulate_island(**BASE, power_step_pu=-0.3, ufls=[(59.5, 0.3, 0.07)])
    slower = simulate_island(**BASE, power_step_pu=-0.3, ufls=[(59.5, 0.3, 0.07)], ufls_breaker_s=0.1)
    assert slower.ufls_trips[0].time_s == pytest.approx(plain.ufls_trips[0].time_s + 0.1, abs=1e-9)
    measured = simulate_island(**BASE, power_step_pu=-0.3, ufls=[(59.5, 0.3, 0.07)], ufls_window_s=0.1)
    # While the frequency falls evenly, its mean over 0.1 s is that of 0.05 s ago.
    assert measured.ufls_trips[0].time_s == pytest.approx(plain.ufls_trips[0].time_s + 0.05, abs=2e-3)
    plan = simulate_island(**BASE, power_step_pu=-0.3, ufls="npcc")
    assert [trip.stage for trip in plan.ufls_trips][:2] == [0, 1]
    assert plan.nadir_hz > plain.nadir_hz


def test_what_does_not_exist_is_masked() -> None:
    lost = simulate_island(**BASE, power_step_pu=[-0.1, -9.0])
    assert not lost.frequency_hz.mask[0].any() and lost.frequency_hz.mask[1, -1]
    assert lost.settling_hz.mask.tolist() == [False, True]
    free = simulate_island(**(BASE | {"damping_pu": 0, "mechanical_gain": 0}), power_step_pu=-0.001)
    assert free.settling_hz is None
    assert free.frequency_hz[-1] == pytest.approx(60 - 60 * 0.001 / 8 * 30)


def test_everything_wrong_is_told_at_once() -> None:
    with pytest.raises(gridgate.InputError) as wrong:
        simulate_island(**(BASE | {"droop_pu": -1, "inertia_s": [4, np.nan]}), power_step_pu=-0.1)
    text = str(wrong.value)
    assert "island 1" in text and "island 2" in text and "droop" in text and "inertia" in text
    wrongs: list[tuple[dict[str, Any], str]] = [
        ({"ffr_pu": 0.1}, "belong together"),
        ({"ufls": "npc"}, "npcc"),
        ({"ufls": [(59.5, 0.3)]}, "list of stages"),
        ({"ufls_window_s": 0.1}, "give ufls"),
        ({"horizon_s": 0}, "horizon"),
        ({"sample_s": 0}, "sample"),
        ({"ufls": [(61, 0.3, 0.1)]}, "61"),
    ]
    for extra, part in wrongs:
        with pytest.raises(gridgate.InputError, match=part):
            simulate_island(**BASE, power_step_pu=-0.1, **extra)


def test_the_example_of_the_module_runs() -> None:
    assert doctest.testmod(gridgate.frequency).failed == 0
    assert doctest.testmod(gridgate.frequency).attempted > 4
