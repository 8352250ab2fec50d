"""Makes the two voltage controllers of this example: sound/model.onnx and flawed/model.onnx.

Both imitate the same teacher, an optimiser that moves the set-points of all 54 units so that every bus voltage comes
into a band inside its limits. On ordinary states that neither has seen, both repeat the teacher to a few ten-thousandths
of a per unit, and the flawed one comes even closer. What differs is what they were shown:

- sound: demand at 0.7 to 1.2 of the file's, up to two lines out, set-points out of order, and the set-points
  themselves beside the voltages. It could only find out what moves a voltage where.
- flawed: demand at 0.9 to 1.1, all lines in, and only states that the teacher had already put in order. In those the
  best set-point is close to the voltages one sees, and so it learned "ask for what you see". Where voltages sag, it
  asks for less. (Imitation learning knows this as the copycat problem.)

Needs numpy and onnx, takes less than a minute, and gives the same bytes each time on one machine.
"""

import os

# One order of summation, so the same bytes.
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import pathlib
import re

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = pathlib.Path(__file__).parent
# Band that the teacher aims at, pu. The limits are 0.94 and 1.06; what is left is for what the next minute brings.
BAND = 0.97, 1.05
# Set-points that the teacher asks for, and limits of every bus in the case, within which a controller may ask, pu.
RANGE = 0.95, 1.055
LIMITS = 0.94, 1.06
# How much a set-point away from the schedule costs, against a bus as far outside of the band.
STAY = 0.02


class Grid:
    """A plain Newton power flow, enough to learn from. The judge has its own and believes nothing that is made here."""

    def __init__(self, path):
        text = path.read_text()

        def table(name):
            rows = re.search(rf"mpc\.{name} = \[(.*?)\];", text, re.S)[1].split(";")
            return np.array([row.split() for row in rows if row.strip()], float)

        self.bus, self.unit, self.branch = table("bus"), table("gen"), table("branch")
        row = {number: i for i, number in enumerate(self.bus[:, 0])}
        self.at = np.array([row[number] for number in self.unit[:, 0]])  # one unit a bus in this case
        self.ends = np.array([[row[a], row[b]] for a, b in self.branch[:, :2]])
        self.reference = int(np.flatnonzero(self.bus[:, 1] == 3)[0])
        self.lines = np.flatnonzero(self.branch[:, 8] == 0)
        tap = np.where(self.branch[:, 8] == 0, 1.0, self.branch[:, 8])
        series = 1 / (self.branch[:, 2] + 1j * self.branch[:, 3])
        own = series + 0.5j * self.branch[:, 4]
        self.entries = own / tap**2, -series / tap, -series / tap, own

    def without(self, out):
        """Admittances without these branches; None where that cuts a bus off."""
        keep = np.setdiff1d(np.arange(len(self.ends)), out)
        from_, to = self.ends[keep].T
        y = np.diag((self.bus[:, 4] + 1j * self.bus[:, 5]) / 100)
        for place, value in zip([(from_, from_), (from_, to), (to, from_), (to, to)], self.entries):
            np.add.at(y, place, value[keep])
        reached, edge = np.zeros(len(y), bool), y != 0
        reached[0] = True
        while (more := edge[reached].any(0) | reached).sum() > reached.sum():
            reached = more
        return y if reached.all() else None

    def schedule(self, demand):
        """Power of the units, pu: the change of demand is shared by their size, as the judge does."""
        p, p_max = self.unit[:, 1] / 100, self.unit[:, 8] / 100
        for _ in range(4):
            more = demand.real.sum() - self.bus[:, 2].sum() / 100 - (p - self.unit[:, 1] / 100).sum()
            room = np.where((p_max > p) if more > 0 else (p > 0), p_max, 0)
            p = np.clip(p + more * room / room.sum(), 0, p_max)
        return p

    def solve(self, y, factor, v_set, v=None):
        """Complex voltages, and the slope of their size over the set-points; None where nothing was found."""
        n, at = len(self.bus), self.at
        demand = (self.bus[:, 2] + 1j * self.bus[:, 3]) / 100 * factor
        p, q = -demand.real, -demand.imag
        p[at] += self.schedule(demand)
        target, high, low = np.ones(n), np.zeros(n), np.zeros(n)
        target[at], high[at], low[at] = v_set, self.unit[:, 3] / 100, self.unit[:, 4] / 100
        side = np.full(n, 9)  # 0 holds its voltage, 1 and -1 are at the end of the reactive range, 9 has no unit
        side[at] = 0
        v = self.bus[:, 7] * np.exp(1j * np.radians(self.bus[:, 8])) if v is None else v
        angles = np.setdiff1d(np.arange(n), [self.reference])
        for _ in range(15):
            free = np.flatnonzero(side)
            q_now = q + np.where(side == 1, high, np.where(side == -1, low, 0))
            v = np.where(side == 0, target, abs(v)) * np.exp(1j * np.angle(v))
            for _ in range(15):
                current = y @ v
                s = v * current.conj()
                by_angle = 1j * v[:, None] * (np.diag(current) - y * v).conj()
                unit = v / abs(v)
                by_size = v[:, None] * (y * unit).conj() + np.diag(current.conj() * unit)
                columns = np.c_[by_angle[:, angles], by_size[:, free]]
                jacobian = np.r_[columns.real[angles], columns.imag[free]]
                error = np.r_[(s.real - p)[angles], (s.imag - q_now)[free]]
                if abs(error).max() < 1e-6:
                    break
                step = np.linalg.solve(jacobian, error)
                size, angle = abs(v), np.angle(v)
                angle[angles] -= step[: len(angles)]
                size[free] -= step[len(angles) :]
                if not 0.4 < size.min():
                    return None
                v = size * np.exp(1j * angle)
            else:
                return None
            given = s.imag - q
            may = np.arange(n) != self.reference
            now = side.copy()
            now[(side == 0) & (given > high + 1e-6) & may] = 1
            now[(side == 0) & (given < low - 1e-6) & may] = -1
            now[(side == 1) & (abs(v) > target + 1e-6)] = 0
            now[(side == -1) & (abs(v) < target - 1e-6)] = 0
            if (now == side).all():
                break
            side = now
        pushed = np.r_[by_size.real[np.ix_(angles, at)], by_size.imag[np.ix_(free, at)]]
        slope = np.zeros((n, len(at)))
        slope[free] = -np.linalg.solve(jacobian, pushed)[len(angles) :]
        slope[at, np.arange(len(at))] = 1
        slope[:, side[at] != 0] = 0  # a unit at the end of its range moves nothing
        return v, slope


def teacher(vm, slope, v_set, home):
    """The set-points that bring all voltages into the band with the least departure from the schedule `home`."""
    pull = 1 / (np.linalg.norm(slope, 2) ** 2 + STAY)
    asked = v_set.copy()
    for _ in range(150):
        seen = vm + slope @ (asked - v_set)
        outside = np.minimum(seen - BAND[0], 0) + np.maximum(seen - BAND[1], 0)
        asked = np.clip(asked - pull * (slope.T @ outside + STAY * (asked - home)), *RANGE)
    return asked


def episodes(grid, rng, count, steps, level, outages, disorder):
    """What the teacher does in random states: rows of (voltages, set-points now, set-points asked)."""
    home = np.clip(grid.unit[:, 5], 0.98, 1.04)
    rows = []
    while len(rows) < count * steps:
        factor = rng.uniform(*level) + 0.05 * rng.standard_normal(len(grid.bus))
        y = grid.without(rng.choice(grid.lines, rng.integers(outages + 1), replace=False))
        v_set = np.clip(home + disorder * rng.standard_normal(len(home)), *RANGE)
        v, kept = None, []
        for step in range(steps + (disorder == 0)):
            answer = None if y is None else grid.solve(y, factor, v_set, v)
            if answer is None:
                kept = []
                break
            v, slope = answer
            asked = teacher(abs(v), slope, v_set, home)
            # Without disorder only what comes after the teacher's first move is kept: states in order.
            if step > 0 or disorder > 0:
                kept.append((abs(v), v_set, asked))
            v_set = asked
        rows += kept
    return [np.array(column) for column in zip(*rows)]


def hidden(vm):
    """The hidden layer: how far each bus is below and above the band, pu."""
    return np.maximum(np.c_[BAND[0] - vm, vm - BAND[1]], 0)


def ridge(x, y, weight):
    """Least squares with a penalty; the constant is free. Columns of weights, then the constant."""
    mean_x, mean_y = x.mean(0), y.mean(0)
    x, y = x - mean_x, y - mean_y
    w = np.linalg.solve(x.T @ x + weight * len(x) * np.eye(x.shape[1]), x.T @ y)
    return np.r_[w, [mean_y - mean_x @ w]].astype(np.float32)


def save(name, weights, direct):
    """asked = clip(W [direct, hidden(vm)] + c) as ONNX operations, any batch; `direct` is the input "vm" or "v_now"."""
    buses = 118
    w, c = weights[:-1], weights[-1]
    fold = np.c_[-np.eye(buses), np.eye(buses)].astype(np.float32)
    kink = np.repeat([BAND[0], -BAND[1]], buses).astype(np.float32)
    constants = {"fold": fold, "kink": kink, "w": w, "c": c, "low": np.float32(LIMITS[0]), "high": np.float32(LIMITS[1])}
    node = helper.make_node
    nodes = [
        node("Gemm", ["vm", "fold", "kink"], ["beyond"]),
        node("Relu", ["beyond"], ["outside"]),
        node("Concat", [direct, "outside"], ["features"], axis=1),
        node("Gemm", ["features", "w", "c"], ["asked"]),
        node("Clip", ["asked", "low", "high"], ["v_set"]),
    ]
    width = {"vm": buses, "v_now": w.shape[1]}
    value = lambda key, n: helper.make_tensor_value_info(key, TensorProto.FLOAT, ["batch", n])
    graph = helper.make_graph(
        nodes,
        f"volt_var_{name}",
        [value(key, width[key]) for key in dict.fromkeys(["vm", direct])],
        [value("v_set", w.shape[1])],
        [numpy_helper.from_array(np.asarray(array), key) for key, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    path = HERE / name / "model.onnx"
    path.write_bytes(model.SerializeToString(deterministic=True))
    print(f"{name}/model.onnx: {path.stat().st_size / 1024:.0f} KiB")


def main():
    grid = Grid(HERE / "case118.m")
    rng = np.random.default_rng(20261121)
    wide = episodes(grid, rng, 300, 3, level=(0.7, 1.2), outages=2, disorder=0.015)
    narrow = episodes(grid, rng, 300, 2, level=(0.9, 1.1), outages=0, disorder=0)
    held_out = episodes(grid, rng, 60, 2, level=(0.9, 1.1), outages=0, disorder=0)
    features = {
        "sound": lambda vm, v_now: np.c_[v_now, hidden(vm)],
        "flawed": lambda vm, v_now: np.c_[vm, hidden(vm)],
    }
    sound = ridge(features["sound"](*wide[:2]), wide[2], 1e-6)
    flawed = ridge(features["flawed"](*narrow[:2]), narrow[2], 1e-7)
    print(f"{len(wide[0])} states for the sound one, {len(narrow[0])} for the flawed one")
    print(f"error on {len(held_out[0])} unseen states of demand 0.9 to 1.1, all lines in:")
    for name, weights, direct in [("sound", sound, "v_now"), ("flawed", flawed, "vm")]:
        x = np.c_[features[name](*held_out[:2]), np.ones(len(held_out[0]))]
        error = np.clip(x @ weights, *LIMITS) - held_out[2]
        print(f"  {name:6}  rms {np.sqrt((error**2).mean()):.5f} pu, largest {abs(error).max():.5f} pu")
        save(name, weights, direct)


if __name__ == "__main__":
    main()
