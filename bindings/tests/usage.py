"""Not run: what users write, for `mypy --strict`."""

from __future__ import annotations

from pathlib import Path

import gridgate
import numpy as np


def hold(seen: gridgate.Seen) -> gridgate.Answer:
    asked = np.ma.masked_where(seen["obs.gen.status"] == 0, np.full_like(seen["obs.gen.v_set"], 1.02))
    return {"act.gen.v_set": asked, "act.branch.tap": ([3], np.ones((len(seen["alive"]), 1)))}


class Remembering:
    batched = False

    def reset(self, seeds: np.typing.NDArray[np.uint64]) -> None:
        self.random = np.random.default_rng(seeds[0])

    def __call__(self, seen: gridgate.Seen) -> gridgate.Answer:
        return None


def told(progress: gridgate.Progress) -> None:
    print(progress.population, progress.done / progress.size_max)


def use(folder: Path) -> float:
    solution = gridgate.solve(folder / "case.m", start="flat", tolerance=1e-9)
    lowest: float = solution.vm_pu.min()
    network = gridgate.Network(folder / "case.m")
    outages = network.solve_outages("n-1", threads=2)
    lost = outages.bus_id[outages.vm_pu[3] < 0.9]
    rows = network.solve_injections(np.tile(network.p_mw, (9, 1)), slack="distributed")
    solved = rows.status == gridgate.RowStatus.SOLVED
    lowest = min(lowest, float(rows.vm_pu[solved].min()), float(lost.sum()))
    network.solve_outages([0, 1])
    network.solve_outages([[0, 1], [2]])
    network.solve_outages(np.flatnonzero(network.branch_in_service))
    for candidate in (hold, Remembering(), Remembering, "do_nothing", folder / "candidate.toml", None):
        run = gridgate.run(folder / "suite.toml", candidate, out=folder / "run", threads=2, progress=told)
        if run.verdict == "pass" and run.passed:
            gridgate.verify(run.out)
    try:
        gridgate.replay(folder / "run", "outages/3")["steps"]
    except gridgate.IntegrityError as error:
        print(error.diagnostics[0]["code"])
    return lowest + solution.losses_mw
