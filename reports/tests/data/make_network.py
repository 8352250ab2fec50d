"""Writes pglib_118.json from PGLib-OPF's 118-bus case: the network as the report's pictures need it.

Usage: python make_network.py base_pg118.m > pglib_118.json   (see SOURCE.md)
"""

import json
import re
import sys

text = open(sys.argv[1], encoding="utf-8").read()


def table(name):
    body = re.search(r"mpc\.%s = \[(.*?)\];" % name, text, re.S).group(1)
    rows = [re.sub(r"%.*", "", row).split() for row in body.split(";")]
    return [[float(x) for x in row] for row in rows if row]


bus, gen, branch = table("bus"), table("gen"), table("branch")
row = {int(b[0]): i for i, b in enumerate(bus)}
number = lambda x: int(x) if x == int(x) else x
print(
    json.dumps(
        {
            "schema": "gridgate/network/1",
            "name": "pglib_opf_case118_ieee",
            "bus_ids": [int(b[0]) for b in bus],
            "limits_pu": [[number(b[12]), number(b[11])] for b in bus],
            "base_kv": [number(b[9]) for b in bus],
            "location": [None] * len(bus),
            "branches": [[row[int(b[0])], row[int(b[1])]] for b in branch],
            "unit_buses": sorted({row[int(g[0])] for g in gen}),
        },
        separators=(",", ":"),
    )
)
