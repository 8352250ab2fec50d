"""A MATPOWER case as matrices, its equations, and the rows that everybody solves.

Written from MATPOWER's manual alone (User's Manual 8.0, chapters 3 and appendix B), with numpy and scipy: neither we nor a
peer had a hand in it, so it can judge both.
"""

import gzip
import pathlib
import re

import numpy as np
from scipy import sparse

PQ, PV, REF, ISOLATED = 1, 2, 3, 4


def matrix(text, name):
    """The numbers of `mpc.<name> = [...]`."""
    found = re.search(rf"mpc\.{name}\s*=\s*\[(.*?)\]\s*;", text, re.DOTALL)
    if not found:
        raise SystemExit(f"no mpc.{name} in the case")
    lines = (re.sub(r"%.*", "", line).replace(";", " ").split() for line in found.group(1).splitlines())
    return np.array([[float(word) for word in line] for line in lines if line])


class Case:
    """The matrices of a file, rows in its order, and what follows from them. Only for cases that are plain matrices."""

    def __init__(self, path):
        path = pathlib.Path(path)
        text = self.unpack(path).decode()
        self.text = text
        self.name = path.name.removesuffix(".gz").removesuffix(".m")
        self.base_mva = float(re.search(r"mpc\.baseMVA\s*=\s*([^;]+);", text).group(1))
        self.bus, self.gen, self.branch = (matrix(text, name) for name in ("bus", "gen", "branch"))
        if (self.bus[:, 1] == ISOLATED).any():
            raise SystemExit(f"{self.name} has isolated buses, which this race leaves out")
        row_of = {int(number): row for row, number in enumerate(self.bus[:, 0])}
        self.n = len(self.bus)
        self.f = np.array([row_of[int(number)] for number in self.branch[:, 0]])
        self.t = np.array([row_of[int(number)] for number in self.branch[:, 1]])
        self.gen_bus = np.array([row_of[int(number)] for number in self.gen[:, 0]])
        self.gen_on = self.gen[:, 7] > 0
        self.branch_on = self.branch[:, 10] > 0
        # A bus that no running generator stands behind holds nothing; a generator on a PQ bus holds nothing either.
        self.kind = self.bus[:, 1].astype(int).copy()
        held = np.zeros(self.n, bool)
        held[self.gen_bus[self.gen_on]] = True
        self.kind[(self.kind == PV) & ~held] = PQ
        (self.ref,) = np.flatnonzero(self.kind == REF)
        self.holds = self.gen_on & np.isin(self.kind[self.gen_bus], (PV, REF))
        self.v_set = np.full(self.n, np.nan)
        # MATPOWER keeps the set-point of the last generator of a bus.
        for gen in np.flatnonzero(self.holds):
            self.v_set[self.gen_bus[gen]] = self.gen[gen, 5]
        # Nobody holds 0 pu: what holds nothing still needs a number where a program asks for one.
        self.v_set_of_units = np.where(self.holds, self.v_set[self.gen_bus], 1.0)
        self.tap = np.where(self.branch[:, 8] == 0, 1.0, self.branch[:, 8])
        self.shift = np.radians(self.branch[:, 9])
        self.p_mw, self.q_mvar = self.bus[:, 2].copy(), self.bus[:, 3].copy()
        self.unit_p_mw = self.gen[:, 1].copy()
        self.start = self.bus[:, 7] * np.exp(1j * np.radians(self.bus[:, 8]))

    @staticmethod
    def unpack(path):
        """The bytes of a file, unpacked where its name ends in `.gz`."""
        packed = path.read_bytes()
        return gzip.decompress(packed) if path.suffix == ".gz" else packed

    def two_ports(self):
        """The four admittances of each branch, zero where it is out (manual, equation 3.2)."""
        y = self.branch_on / (self.branch[:, 2] + 1j * self.branch[:, 3])
        b = self.branch_on * self.branch[:, 4]
        tap = self.tap * np.exp(1j * self.shift)
        ytt = y + 0.5j * b
        return ytt / np.abs(tap) ** 2, -y / tap.conj(), -y / tap, ytt

    def admittance(self):
        """The bus admittance matrix of the file (manual, equation 3.8)."""
        ff, ft, tf, tt = self.two_ports()
        rows = np.r_[self.f, self.f, self.t, self.t, np.arange(self.n)]
        cols = np.r_[self.f, self.t, self.f, self.t, np.arange(self.n)]
        shunt = (self.bus[:, 4] + 1j * self.bus[:, 5]) / self.base_mva
        return sparse.csr_array((np.r_[ff, ft, tf, tt, shunt], (rows, cols)), shape=(self.n, self.n))

    def injection(self, p_mw, q_mvar, unit_p_mw):
        """Scheduled complex power into each bus, pu; what holds a voltage provides what reactive power it takes."""
        s = -(p_mw + 1j * q_mvar)
        for gen in np.flatnonzero(self.gen_on):
            s[self.gen_bus[gen]] += unit_p_mw[gen] + 1j * self.gen[gen, 2]
        return s / self.base_mva

    def bridges(self):
        """Which branches in service, taken out, cut the grid: depth-first search, no branch walked twice (Tarjan)."""
        to = [[] for _ in range(self.n)]
        for branch in np.flatnonzero(self.branch_on):
            to[self.f[branch]].append((self.t[branch], branch))
            to[self.t[branch]].append((self.f[branch], branch))
        seen, low = np.full(self.n, -1), np.zeros(self.n, int)
        bridge, clock = np.zeros(len(self.branch), bool), 0
        for root in range(self.n):
            if seen[root] >= 0:
                continue
            seen[root] = low[root] = clock
            clock += 1
            stack = [(root, -1, iter(to[root]))]
            while stack:
                bus, via, rest = stack[-1]
                for other, branch in rest:
                    if branch == via:
                        continue
                    if seen[other] < 0:
                        seen[other] = low[other] = clock
                        clock += 1
                        stack.append((other, branch, iter(to[other])))
                        break
                    low[bus] = min(low[bus], seen[other])
                else:
                    stack.pop()
                    if stack:
                        before = stack[-1][0]
                        low[before] = min(low[before], low[bus])
                        bridge[via] = low[bus] > seen[before]
        return bridge

    def outages(self, rows_max=256):
        """Branches whose outage cuts nothing, an evenly spaced sample of at most `rows_max`."""
        candidates = np.flatnonzero(self.branch_on & ~self.bridges())
        if len(candidates) <= rows_max:
            return candidates
        return candidates[np.linspace(0, len(candidates) - 1, rows_max).round().astype(int)]

    def loads(self, rows=256, seed=20261121):
        """Every load times a factor of its own from 0.9 to 1.1, P and Q alike, and generation scaled as demand is."""
        factor = np.random.default_rng(seed).uniform(0.9, 1.1, (rows, self.n))
        p, q = self.p_mw * factor, self.q_mvar * factor
        scale = p.sum(axis=1) / self.p_mw.sum()
        return p, q, np.outer(scale, self.unit_p_mw)

    def worst(self, voltage, s, outage=None, y=None):
        """Largest power that does not balance, pu, and largest distance from a voltage that is held, pu.

        Kirchhoff's law at every bus, with a branch taken out of the matrix where `outage` says so.
        """
        y = self.admittance() if y is None else y
        current = y @ voltage
        if outage is not None:
            ff, ft, tf, tt = (port[outage] for port in self.ports)
            f, t = self.f[outage], self.t[outage]
            current[f] -= ff * voltage[f] + ft * voltage[t]
            current[t] -= tf * voltage[f] + tt * voltage[t]
        wrong = voltage * current.conj() - s
        active = np.abs(wrong.real[self.kind != REF]).max()
        reactive = np.abs(wrong.imag[self.kind == PQ]).max()
        held = np.isin(self.kind, (PV, REF))
        return max(active, reactive), np.abs(np.abs(voltage[held]) - self.v_set[held]).max()

    @property
    def ports(self):
        """[`two_ports`], once."""
        if not hasattr(self, "_ports"):
            self._ports = self.two_ports()
        return self._ports

    def jacobian(self, voltage):
        """The reduced polar Jacobian in MATPOWER's order of variables (manual, section 4.1), compressed by columns."""
        y = self.admittance()
        pv, pq = np.flatnonzero(self.kind == PV), np.flatnonzero(self.kind == PQ)
        v, current = sparse.diags_array(voltage), sparse.diags_array(y @ voltage)
        unit = sparse.diags_array(voltage / np.abs(voltage))
        by_magnitude = v @ (y @ unit).conj() + current.conj() @ unit
        by_angle = 1j * v @ (current - y @ v).conj()
        pvpq = np.r_[pv, pq]
        by_angle, by_magnitude = by_angle.tocsr(), by_magnitude.tocsr()
        return sparse.block_array(
            [
                [by_angle[pvpq][:, pvpq].real, by_magnitude[pvpq][:, pq].real],
                [by_angle[pq][:, pvpq].imag, by_magnitude[pq][:, pq].imag],
            ],
            format="csc",
        )

    def by_reference(self, voltage):
        """Voltages turned so that the reference has its angle in the file: programs choose their own zero."""
        turn = np.exp(1j * (np.angle(self.start[self.ref]) - np.angle(voltage[..., self.ref])))
        return voltage * turn[..., None]


def find(name, folders):
    """The file of a case: `name.m` or `name.m.gz`, in one of the folders."""
    for folder in folders:
        for ending in (".m", ".m.gz"):
            path = pathlib.Path(folder) / (name + ending)
            if path.is_file():
                return path
    raise SystemExit(f"no {name}.m in {', '.join(map(str, folders))}; see --cases")
