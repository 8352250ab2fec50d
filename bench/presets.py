#!/usr/bin/env python3
"""What every preset of a hazard does to a reference network with nobody acting: lines lost and energy not served, with standard errors.

    bench/presets.py --case ../shared/reference/rts-gmlc/RTS_GMLC.m --coordinates ../shared/reference/rts-gmlc/bus.csv \\
        --prime-movers ../shared/reference/rts-gmlc/gen.csv --storms 256

The numbers of docs/benchmarks/presets.md are of the seed 20261121. A change of a preset, of a curve or of the loop shows there.
"""

import argparse
import csv
import json
import math
import pathlib
import subprocess
import tempfile

# (kind, preset, hours), as in scenarios/src/preset.rs.
PRESETS = [
    ("cold_snap", "cold_snap_4d", 144),
    ("cold_snap", "cold_snap_unprepared", 144),
    ("heat_dome", "heat_dome_5d", 120),
    ("hurricane", "hurricane_cat1", 72),
    ("hurricane", "hurricane_cat2", 72),
    ("hurricane", "hurricane_cat3", 72),
    ("hurricane", "hurricane_cat4", 72),
    ("hurricane", "hurricane_cat5", 72),
    ("ice_storm", "ice_48h", 96),
    ("wind_ramp", "wind_cutout", 24),
]


def mean(values):
    """Mean and standard error."""
    n = len(values)
    middle = sum(values) / n
    variance = sum((value - middle) ** 2 for value in values) / (n - 1)
    return middle, math.sqrt(variance / n)


def study(gridgate, suite, out):
    """The table of storms, or what the program complained of."""
    said = subprocess.run(
        [gridgate, "study", suite, "--out", out, "--harden", "0", "--format", "json"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if said.returncode != 0:
        return said.stderr.strip().splitlines()[0]
    with open(pathlib.Path(out) / "storms.csv", newline="") as table:
        return list(csv.DictReader(table))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gridgate", default="target/release/gridgate")
    parser.add_argument("--case", type=pathlib.Path, required=True)
    parser.add_argument("--coordinates", type=pathlib.Path, required=True)
    parser.add_argument("--prime-movers", type=pathlib.Path, required=True)
    parser.add_argument("--storms", type=int, default=256)
    arguments = parser.parse_args()
    print("| preset | hours | lines lost | energy not served, MWh | storms with any |")
    print("|---|---|---|---|---|")
    for kind, preset, hours in PRESETS:
        with tempfile.TemporaryDirectory() as folder:
            suite = pathlib.Path(folder) / "suite.toml"
            suite.write_text(
                f'schema = "gridgate/suite/1"\nname = "{preset}"\nseed = 20261121\n'
                f"grid = {json.dumps(str(arguments.case.resolve()))}\n"
                f"coordinates = {json.dumps(str(arguments.coordinates.resolve()))}\n"
                f"prime_movers = {json.dumps(str(arguments.prime_movers.resolve()))}\n"
                f'[loop]\ntask = "redispatch"\nstep_s = 3600\nsteps = {hours}\n[protection]\n'
                f'[[population]]\nid = "storms"\nsize_max = {arguments.storms}\n'
                f'hazards = [{{ kind = "{kind}", preset = "{preset}" }}]\n'
            )
            storms = study(arguments.gridgate, suite, pathlib.Path(folder) / "out")
        if isinstance(storms, str):
            print(f"| `{preset}` | {hours} | {storms} | | |", flush=True)
            continue
        lines, lines_error = mean([len(storm["lines"].split()) for storm in storms])
        unserved = [float(storm["unserved_mwh"]) for storm in storms]
        mwh, mwh_error = mean(unserved)
        share = sum(value > 0 for value in unserved) / len(unserved)
        print(f"| `{preset}` | {hours} | {lines:.2f} ± {lines_error:.2f} | {mwh:.0f} ± {mwh_error:.0f} | {share:.3f} |", flush=True)


if __name__ == "__main__":
    main()
