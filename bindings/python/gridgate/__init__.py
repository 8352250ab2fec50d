"""The gate between a trained model and the power grid.

Solve a power flow, let a candidate live on a simulated grid in closed loop, and judge it by a suite:

>>> import gridgate, pathlib, tempfile
>>> folder = pathlib.Path(tempfile.mkdtemp())
>>> case = folder / "two.m"
>>> _ = case.write_text('''
... function mpc = two
... mpc.version = '2';
... mpc.baseMVA = 100;
... mpc.bus = [
...     1 3  0  0 0 0 1 1 0 110 1 1.1 0.9;
...     2 1 50 10 0 0 1 1 0 110 1 1.1 0.9;
... ];
... mpc.gen = [1 0 0 100 -100 1.02 100 1 200 0];
... mpc.branch = [1 2 0.01 0.1 0.02 100 100 100 0 0 1 -360 360];
... ''')
>>> solution = gridgate.solve(case)
>>> print(solution.bus_id[solution.vm_pu < 1.01], f"{solution.losses_mw:.2f} MW")
[2] 0.26 MW

A network is read once and solved many times; here with the demand of its second bus at three levels:

>>> network = gridgate.Network(case)
>>> rows = network.solve_injections([[0, 40], [0, 50], [0, 60]])
>>> print(rows.vm_pu[:, 1].round(4), rows.status == gridgate.RowStatus.SOLVED)
[1.0064 1.0049 1.0034] [ True  True  True]

A candidate is a path, or a function of what it sees. This one holds every voltage set-point at 1.03 pu:

>>> def hold(seen):
...     return {"act.gen.v_set": 0.0 * seen["obs.gen.v_set"] + 1.03}
>>> suite = folder / "suite.toml"
>>> _ = suite.write_text('''
... schema = "gridgate/suite/1"
... name = "first"
... seed = 1
... grid = "two.m"
... [loop]
... task = "volt_var"
... step_s = 60
... steps = 2
... [[population]]
... id = "loads"
... hazards = [{ kind = "load_swing", sigma = 0.1 }]
... size_max = 512
... [[gate]]
... id = "voltage"
... population = "loads"
... metric = "voltage.violation_pu_min"
... kind = "rate"
... over = 0.1
... max = 0.05
... ''')
>>> run = gridgate.run(suite, hold, out=folder / "run")
>>> run.verdict, run.exit_code
('pass', 0)

Everything here is also a command: `gridgate solve`, `gridgate run`. See `Controller` for what a candidate sees and may
ask, and `Error` for what can go wrong.
"""

from gridgate import frequency
from gridgate._controller import Answer, Controller, Seen
from gridgate._errors import Error, InfrastructureError, InputError, IntegrityError, NoSolution
from gridgate._frequency import UflsTrip
from gridgate._native import (
    Envelope,
    IslandResponse,
    Network,
    Progress,
    Run,
    Solution,
    Solutions,
    __version__,
    census,
    explain,
    hunt,
    replay,
    run,
    simulate_island,
    solve,
    verify,
)
from gridgate._rows import Method, RowStatus

__all__ = [
    "Answer",
    "Controller",
    "Envelope",
    "Error",
    "InfrastructureError",
    "InputError",
    "IntegrityError",
    "IslandResponse",
    "Method",
    "Network",
    "NoSolution",
    "Progress",
    "RowStatus",
    "Run",
    "Seen",
    "Solution",
    "Solutions",
    "UflsTrip",
    "__version__",
    "census",
    "explain",
    "frequency",
    "hunt",
    "replay",
    "run",
    "simulate_island",
    "solve",
    "verify",
]
