#!/usr/bin/env python3
"""Steps of the closed loop per second of CPU, one core: gridgate beside Grid2Op with its LightSim backend.

    python3 bench/steps_against_lightsim.py [--gridgate target/release/gridgate] [--rounds 5]

Makes its own virtual environment in target/bench-venv and installs the peers there from PyPI. Both sides do nothing on a
118-bus system, the candidates alternate, each is pinned to one core, CPU time is compared, minimum and median are printed.
A step of Grid2Op is one power flow with its observation; a step of gridgate is events, power flow with reactive limits and
distributed slack, audit, observation, decision, grants, measurement. Standard library only, outside the environment.
"""

import argparse
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
VENV = ROOT / "target" / "bench-venv"
PEERS = ["grid2op==1.12.6", "lightsim2grid==1.2.0", "numpy<2.4"]

# What the peer does: its own 118-bus example that ships with the package (test=True needs no download).
PEER = """
import json, time, warnings
warnings.filterwarnings("ignore")
import grid2op
from lightsim2grid import LightSimBackend
env = grid2op.make("rte_case118_example", test=True, backend=LightSimBackend())
do_nothing = env.action_space({})
env.reset(seed=1)
steps, cpu = 0, 0.0
while steps < 3000:
    start = time.process_time()
    _, _, done, _ = env.step(do_nothing)
    cpu += time.process_time() - start
    steps += 1
    if done:
        env.reset(seed=1 + steps)
print(json.dumps({"steps": steps, "cpu_s": cpu}))
"""


def pinned(arguments, **keywords):
    core = sorted(os.sched_getaffinity(0))[-1]
    return subprocess.run(arguments, preexec_fn=lambda: os.sched_setaffinity(0, {core}), check=True, **keywords)


def peer(python):
    out = pinned([python, "-c", PEER], capture_output=True, text=True).stdout
    answer = json.loads(out.strip().splitlines()[-1])
    return answer["steps"] / answer["cpu_s"]


def ours(gridgate):
    with tempfile.TemporaryDirectory() as folder:
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        suite = ROOT / "bench" / "suites" / "steps.toml"
        pinned(
            [gridgate, "run", suite, "--candidate", "do_nothing", "--threads", "1", "--quiet", "--out", f"{folder}/run"],
            capture_output=True,
        )
        cpu = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
        steps = sum(json.loads(line)["steps"] for line in open(f"{folder}/run/episodes.jsonl"))
    return steps / cpu


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gridgate", default=ROOT / "target" / "release" / "gridgate")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    python = VENV / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *PEERS], check=True)
    rates = {"grid2op with lightsim2grid": [], "gridgate": []}
    for _ in range(options.rounds):
        rates["grid2op with lightsim2grid"].append(peer(python))
        rates["gridgate"].append(ours(options.gridgate))
    for name, found in rates.items():
        print(f"{name:<28} median {statistics.median(found):>9.0f} best {max(found):>9.0f} steps per second of CPU")
    ratio = statistics.median(rates["gridgate"]) / statistics.median(rates["grid2op with lightsim2grid"])
    print(f"ratio of medians {ratio:.1f} over {options.rounds} alternated rounds")


if __name__ == "__main__":
    main()
