from collections.abc import Callable, Iterable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Literal, final

import numpy as np
import numpy.typing as npt

from gridgate._controller import Controller

__version__: str

_Path = str | PathLike[str]
_Floats = npt.NDArray[np.float64]
_MaskedFloats = np.ma.MaskedArray[tuple[int], np.dtype[np.float64]]
_Ids = npt.NDArray[np.int64]
_Bools = npt.NDArray[np.bool_]
_Words = npt.NDArray[np.str_]
_Codes = npt.NDArray[np.uint8]
_MaskedTable = np.ma.MaskedArray[tuple[int, int], np.dtype[np.float64]]
_MaskedComplexTable = np.ma.MaskedArray[tuple[int, int], np.dtype[np.complex128]]

@final
class Solution:
    @property
    def case(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def rung(self) -> str | None: ...
    @property
    def iterations(self) -> int: ...
    @property
    def mismatch_pu(self) -> float: ...
    @property
    def base_mva(self) -> float: ...
    @property
    def losses_mw(self) -> float: ...
    @property
    def unmet_mw(self) -> float: ...
    @property
    def bus_id(self) -> _Ids: ...
    @property
    def bus_status(self) -> _Words: ...
    @property
    def live(self) -> _Bools: ...
    @property
    def vm_pu(self) -> _MaskedFloats: ...
    @property
    def va_deg(self) -> _MaskedFloats: ...
    @property
    def branch_from(self) -> _Ids: ...
    @property
    def branch_to(self) -> _Ids: ...
    @property
    def branch_in_service(self) -> _Bools: ...
    @property
    def p_from_mw(self) -> _Floats: ...
    @property
    def q_from_mvar(self) -> _MaskedFloats: ...
    @property
    def p_to_mw(self) -> _Floats: ...
    @property
    def q_to_mvar(self) -> _MaskedFloats: ...
    @property
    def unit_bus(self) -> _Ids: ...
    @property
    def unit_in_service(self) -> _Bools: ...
    @property
    def unit_p_mw(self) -> _Floats: ...
    @property
    def unit_q_mvar(self) -> _MaskedFloats: ...
    @property
    def at_reactive_limit(self) -> list[int]: ...
    @property
    def diagnostics(self) -> list[dict[str, Any]]: ...
    def json(self) -> str: ...
    def to_dict(self) -> dict[str, Any]: ...

@final
class Solutions:
    @property
    def bus_id(self) -> _Ids: ...
    @property
    def outages(self) -> list[list[int]] | None: ...
    @property
    def status(self) -> _Codes: ...
    @property
    def method(self) -> _Codes: ...
    @property
    def iterations(self) -> npt.NDArray[np.uint32]: ...
    @property
    def mismatch_pu(self) -> _MaskedFloats: ...
    @property
    def voltage(self) -> _MaskedComplexTable: ...
    @property
    def vm_pu(self) -> _MaskedTable: ...
    @property
    def va_deg(self) -> _MaskedTable: ...
    @property
    def live(self) -> _Bools: ...
    @property
    def no_solution(self) -> dict[int, str]: ...
    def __len__(self) -> int: ...

@final
class Envelope:
    @staticmethod
    def load(path: _Path) -> Envelope: ...
    def contains(
        self,
        *,
        demand: float | None = None,
        branches: set[int] | None = None,
        units: set[int] | None = None,
        voltage_pu: tuple[float, float] | None = None,
        frequency_hz: tuple[float, float] | None = None,
        delay_ms: float | None = None,
        areas: dict[int, float] | None = None,
    ) -> bool: ...
    def left(
        self,
        *,
        demand: float | None = None,
        branches: set[int] | None = None,
        units: set[int] | None = None,
        voltage_pu: tuple[float, float] | None = None,
        frequency_hz: tuple[float, float] | None = None,
        delay_ms: float | None = None,
        areas: dict[int, float] | None = None,
    ) -> list[tuple[str, float | None, tuple[float, float], float | None]]: ...

@final
class Network:
    def __new__(cls, path: _Path) -> Network: ...
    @property
    def name(self) -> str: ...
    @property
    def base_mva(self) -> float: ...
    @property
    def frequency_hz(self) -> float: ...
    @property
    def n_buses(self) -> int: ...
    @property
    def n_branches(self) -> int: ...
    @property
    def n_units(self) -> int: ...
    @property
    def bus_id(self) -> _Ids: ...
    @property
    def p_mw(self) -> _Floats: ...
    @property
    def q_mvar(self) -> _Floats: ...
    @property
    def vm_min_pu(self) -> _Floats: ...
    @property
    def vm_max_pu(self) -> _Floats: ...
    @property
    def branch_from(self) -> _Ids: ...
    @property
    def branch_to(self) -> _Ids: ...
    @property
    def branch_in_service(self) -> _Bools: ...
    @property
    def branch_transformer(self) -> _Bools: ...
    @property
    def branch_rating_mva(self) -> _MaskedFloats: ...
    @property
    def unit_bus(self) -> _Ids: ...
    @property
    def unit_in_service(self) -> _Bools: ...
    @property
    def unit_p_mw(self) -> _Floats: ...
    @property
    def unit_v_set_pu(self) -> _Floats: ...
    @property
    def diagnostics(self) -> list[dict[str, Any]]: ...
    def census(self) -> dict[str, Any]: ...
    def solve(
        self,
        *,
        start: Literal["case", "flat", "dc"] = "case",
        reactive_limits: Literal["enforce", "ignore"] = "enforce",
        slack: Literal["distributed", "single"] = "distributed",
        linear: bool = False,
        tolerance: float = 1e-8,
    ) -> Solution: ...
    def solve_outages(
        self,
        outages: Literal["n-1"] | Iterable[int] | Iterable[Sequence[int]] | npt.NDArray[np.integer],
        *,
        reactive_limits: Literal["enforce", "ignore"] = "ignore",
        slack: Literal["distributed", "single"] = "single",
        threads: int = 1,
        tolerance: float = 1e-8,
        start: Literal["case", "flat", "dc"] = "case",
        rescue: Literal["no", "quick", "full"] = "quick",
    ) -> Solutions: ...
    def solve_injections(
        self,
        p_mw: npt.ArrayLike | None = None,
        q_mvar: npt.ArrayLike | None = None,
        unit_p_mw: npt.ArrayLike | None = None,
        *,
        reactive_limits: Literal["enforce", "ignore"] = "ignore",
        slack: Literal["distributed", "single"] = "single",
        threads: int = 1,
        tolerance: float = 1e-8,
        start: Literal["case", "flat", "dc"] = "case",
        rescue: Literal["no", "quick", "full"] = "quick",
    ) -> Solutions: ...

@final
class IslandResponse:
    @property
    def time_s(self) -> _Floats: ...
    @property
    def frequency_hz(self) -> Any: ...
    @property
    def nadir_hz(self) -> Any: ...
    @property
    def nadir_s(self) -> Any: ...
    @property
    def settling_hz(self) -> Any: ...
    @property
    def rocof_hz_per_s(self) -> Any: ...
    @property
    def rocof_500ms_hz_per_s(self) -> Any: ...
    @property
    def ufls_trips(self) -> list[Any]: ...
    @property
    def ffr_s(self) -> Any: ...

@final
class Progress:
    @property
    def population(self) -> str: ...
    @property
    def done(self) -> int: ...
    @property
    def size_max(self) -> int: ...
    @property
    def standing(self) -> str: ...

@final
class Run:
    @property
    def verdict(self) -> Literal["pass", "fail", "undecided", "error", "skipped"]: ...
    @property
    def reason(self) -> str: ...
    @property
    def passed(self) -> bool: ...
    @property
    def exit_code(self) -> int: ...
    @property
    def evidence(self) -> dict[str, Any]: ...
    @property
    def gates(self) -> list[dict[str, Any]]: ...
    @property
    def out(self) -> Path: ...
    @property
    def report_path(self) -> Path: ...

def solve(
    path: _Path,
    *,
    start: Literal["case", "flat", "dc"] = "case",
    reactive_limits: Literal["enforce", "ignore"] = "enforce",
    slack: Literal["distributed", "single"] = "distributed",
    linear: bool = False,
    tolerance: float = 1e-8,
) -> Solution: ...
def run(
    suite: _Path,
    candidate: _Path | Controller | type[Controller] | None = None,
    *,
    out: _Path | None = None,
    threads: int | None = None,
    seed: int | None = None,
    progress: Callable[[Progress], object] | None = None,
) -> Run: ...
def census(path: _Path) -> dict[str, Any]: ...
def verify(run_dir: _Path) -> dict[str, Any]: ...
def replay(run_dir: _Path, episode: str) -> dict[str, Any]: ...
def explain(
    run_dir: _Path,
    episode: str,
    *,
    gate: str | None = None,
    candidate: _Path | None = None,
    open_loop: bool = False,
    pairs: int = 128,
    threads: int | None = None,
) -> dict[str, Any]: ...
def hunt(
    suite: _Path,
    candidate: _Path | Controller | type[Controller] | None = None,
    *,
    population: str | None = None,
    gate: str | None = None,
    method: Literal["chemistry", "subset"] = "chemistry",
    budget: int = 10_000,
    size_max: int | None = None,
    backgrounds: int = 4,
    keep: Literal["caused", "all"] = "caused",
    out: _Path | None = None,
    threads: int | None = None,
    seed: int | None = None,
    progress: Callable[[Progress], object] | None = None,
) -> dict[str, Any]: ...
def simulate_island(
    *,
    inertia_s: npt.ArrayLike,
    damping_pu: npt.ArrayLike,
    droop_pu: npt.ArrayLike,
    reheat_fraction: npt.ArrayLike,
    reheat_s: npt.ArrayLike,
    mechanical_gain: npt.ArrayLike,
    power_step_pu: npt.ArrayLike,
    ffr_pu: npt.ArrayLike | None = None,
    ffr_trigger_hz: npt.ArrayLike | None = None,
    ffr_delay_s: npt.ArrayLike | None = None,
    ufls: str | Sequence[tuple[float, float, float]] | None = None,
    horizon_s: float = 30.0,
    sample_s: float = 0.02,
    nominal_hz: float = 60.0,
    ufls_window_s: float | None = None,
    ufls_breaker_s: float | None = None,
) -> IslandResponse: ...
