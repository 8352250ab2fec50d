"""Tables of OpenLoadFlow (through pypowsybl) for tests/agreement/openloadflow.rs.

Writes PSS/E RAW 33 files from MATPOWER cases, with controls added as the table of cases below says, lets OpenLoadFlow solve
them, and stores input and answer side by side:

    python -m venv venv && venv/bin/pip install pypowsybl==1.16.1
    venv/bin/python bench/oracles/openloadflow.py --cases REFERENCE/cases --out tests/data/openloadflow

Our own program is not involved. The parameters of OpenLoadFlow are in PARAMETERS, with the reason of each that is not its
default.
"""

import argparse
import cmath
import copy
import json
import math
import pathlib
import re

import pypowsybl
import pypowsybl.loadflow as loadflow
import pypowsybl.network as networks

PARAMETERS = {
    # To the last digits: the defaults stop at 0.01 MW.
    "newtonRaphsonConvEpsPerEq": "1e-10",
    "slackBusPMaxMismatch": "1e-6",
    "maxNewtonRaphsonIterations": "30",
    "maxOuterLoopIterations": "100",
    # A unit scheduled at zero shares in the balance like any other: gridgate knows units that are off, and says so.
    "generatorsWithZeroMwTargetAreNotStarted": "false",
    # The discrete control that goes by positions, as ours does; the default solves a continuous one and rounds it.
    "shuntVoltageControlMode": "INCREMENTAL_VOLTAGE_CONTROL",
    "transformerVoltageControlMode": "INCREMENTAL_VOLTAGE_CONTROL",
    # Demand in parts of constant power, current and impedance.
    "useLoadModel": "true",
    # The reference is the file's swing bus.
    "areaInterchangePMaxMismatch": "1e-4",
    # Voltages far from nominal are an answer too.
    "minRealisticVoltage": "0.2",
}

STEP = 0.00625  # 33 positions from 0.9 to 1.1


def matpower(path):
    """Tables of a MATPOWER file of plain matrices."""
    text = re.sub(r"%.*", "", path.read_text(errors="replace"))
    tables = {}
    for name in ("bus", "gen", "branch"):
        body = re.search(r"mpc\." + name + r"\s*=\s*\[(.*?)\]", text, re.S).group(1)
        rows = [row.split() for row in re.split(r"[;\n]", body) if row.strip()]
        tables[name] = [[float(cell.rstrip(",")) for cell in row] for row in rows]
    tables["base"] = float(re.search(r"mpc\.baseMVA\s*=\s*([0-9.]+)", text).group(1))
    return tables


def grid(path, scale=1.0):
    """A grid as plain records; demand times `scale`."""
    case = matpower(path)
    buses, loads, shunts = [], [], []
    for row in case["bus"]:
        number = int(row[0])
        kv = row[9] if row[9] > 1 else 132.0
        buses.append(dict(id=number, kv=kv, kind=int(row[1]), vm=row[7], va=row[8], area=int(row[6])))
        if row[2] or row[3]:
            loads.append(dict(bus=number, p=row[2] * scale, q=row[3] * scale, i=(0.0, 0.0), y=(0.0, 0.0)))
        if row[4] or row[5]:
            shunts.append(dict(bus=number, g=row[4], b=row[5]))
    kv = {b["id"]: b["kv"] for b in buses}
    units = [
        dict(bus=int(g[0]), p=g[1], q=g[2], q_max=g[3], q_min=g[4], v=g[5], p_max=g[8], p_min=g[9], remote=0)
        for g in case["gen"]
        if g[7] > 0
    ]
    lines, transformers = [], []
    for row in case["branch"]:
        if row[10] <= 0:
            continue
        ends = dict(i=int(row[0]), j=int(row[1]), r=row[2], x=row[3])
        if row[8] == 0 and row[9] == 0 and kv[ends["i"]] == kv[ends["j"]]:
            lines.append(dict(ends, b=row[4]))
        else:
            # RAW knows no charging of a transformer: half of it at either bus, that of the tap side behind the tap.
            tap = row[8] or 1.0
            if row[4]:
                shunts.append(dict(bus=ends["i"], g=0.0, b=row[4] / 2 / tap**2 * case["base"]))
                shunts.append(dict(bus=ends["j"], g=0.0, b=row[4] / 2 * case["base"]))
            transformers.append(dict(ends, tap=tap, shift=row[9], control=None))
    return dict(base=case["base"], buses=buses, loads=loads, shunts=shunts, units=units, lines=lines,
                transformers=transformers, three=[], switched=[], areas=[])


def raw(grid, title):
    """The grid as a RAW file of revision 33."""
    lines = [f"0, {grid['base']:.2f}, 33, 0, 0, 50.00 / gridgate, bench/oracles/openloadflow.py", title, ""]
    number = lambda x: repr(round(float(x), 12))
    row = lambda *cells: lines.append(",".join(number(c) if isinstance(c, float) else str(c) for c in cells))
    end = lambda: lines.append("0 /")
    for b in grid["buses"]:
        row(b["id"], f"'BUS {b['id']}'", b["kv"], b["kind"], b["area"], 1, 1, b["vm"], b["va"], 1.1, 0.9, 1.1, 0.9)
    end()
    for k, l in enumerate(grid["loads"]):
        row(l["bus"], "'1'", 1, 1, 1, l["p"], l["q"], *map(float, l["i"]), *map(float, l["y"]), 1, 1)
    end()
    used = {}
    for s in grid["shunts"]:
        used[s["bus"]] = used.get(s["bus"], 0) + 1
        row(s["bus"], f"'{used[s['bus']]}'", 1, s["g"], s["b"])
    end()
    used = {}
    for u in grid["units"]:
        used[u["bus"]] = used.get(u["bus"], 0) + 1
        row(u["bus"], f"'{used[u['bus']]}'", u["p"], u["q"], u["q_max"], u["q_min"], u["v"], u["remote"], 100.0,
            0.0, 1.0, 0.0, 0.0, 1.0, 1, 100.0, u["p_max"], u["p_min"], 1, 1.0)
    end()
    used = {}

    def circuit(i, j):
        key = (min(i, j), max(i, j))
        used[key] = used.get(key, 0) + 1
        return f"'{used[key]}'"

    for l in grid["lines"]:
        row(l["i"], l["j"], circuit(l["i"], l["j"]), l["r"], l["x"], l["b"], 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1, 1, 0.0, 1, 1.0)
    end()
    for t in grid["transformers"]:
        t["circuit"] = circuit(t["i"], t["j"])
        row(t["i"], t["j"], 0, t["circuit"], 1, 1, 1, 0.0, 0.0, 2, "'T'", 1, 1, 1.0)
        row(t["r"], t["x"], grid["base"])
        c = t["control"]
        control = (1, c["bus"], 1.1, 0.9, c["high"], c["low"], 33) if c else (0, 0, 1.1, 0.9, 1.1, 0.9, 33)
        row(t["tap"], 0.0, t["shift"], 0.0, 0.0, 0.0, *control, 0, 0.0, 0.0, 0.0)
        row(1.0, 0.0)
    for t in grid["three"]:
        i, j, k = t["ends"]
        row(i, j, k, "'1'", 1, 1, 1, 0.0, 0.0, 2, "'T3'", 1, 1, 1.0)
        pairs = [cell for pair in t["z"] for cell in (0.0, pair, grid["base"])]
        row(*pairs, *t.get("star", (1.0, 0.0)))
        for tap in t["taps"]:
            row(tap, 0.0, 0.0, 0.0, 0.0, 0.0, 0, 0, 1.1, 0.9, 1.1, 0.9, 33, 0, 0.0, 0.0, 0.0)
    end()
    for a in grid["areas"]:
        row(a["number"], a["bus"], a["export"], 0.01, f"'AREA {a['number']}'")
    end()
    for _ in range(9):
        end()
    for s in grid["switched"]:
        blocks = [cell for steps, mvar in s["blocks"] for cell in (steps, mvar)]
        row(s["bus"], 1, 0, 1, s["high"], s["low"], s.get("holds", 0), 100.0, "''", s["b"], *blocks)
    end()
    lines += ["0 /", "Q"]
    return "\n".join(lines) + "\n"


def with_taps(g, target=1.0, half=0.006, every=1):
    """Transformers hold their to bus where no unit does; positions start on the ladder."""
    held = {u["bus"] for u in g["units"]}
    taken = set(held)
    for t in g["transformers"][::every]:
        if t["shift"] or t["j"] in taken:
            continue
        taken.add(t["j"])
        t["tap"] = round(0.9 + STEP * round((t["tap"] - 0.9) / STEP), 12)
        t["control"] = dict(bus=t["j"], low=target - half, high=target + half)
    return g


def with_shunts(g, buses, target=1.02, half=0.01, block=(8, 5.0)):
    for bus in buses:
        g["shunts"] = [s for s in g["shunts"] if s["bus"] != bus]
        g["switched"].append(dict(bus=bus, low=target - half, high=target + half, b=0.0, blocks=[block]))
    return g


def with_jumpers(g, buses):
    """Splits buses: demand and every second line go to a new bus behind a line without impedance."""
    new = max(b["id"] for b in g["buses"])
    for bus in buses:
        new += 1
        old = next(b for b in g["buses"] if b["id"] == bus)
        g["buses"].append(dict(old, id=new, kind=1))
        for load in g["loads"]:
            if load["bus"] == bus:
                load["bus"] = new
        at = [l for l in g["lines"] if bus in (l["i"], l["j"])]
        for line in at[::2]:
            end = "i" if line["i"] == bus else "j"
            line[end] = new
        g["lines"].append(dict(i=bus, j=new, r=0.0, x=0.0, b=0.0))
    return g


def with_zip(g):
    """A third of each active demand is constant power, a third constant current, a third constant impedance; of the reactive
    demand half is constant power, half constant current. PSS/E's YQ is left at zero: its data format says that it is negative
    for an inductive load, and pypowsybl 1.16.1 reads it as positive, so that the two programs would solve two grids."""
    for load in g["loads"]:
        p, q = load["p"] / 3, load["q"] / 2
        load.update(p=p, q=q, i=(p, q), y=(p, 0.0))
    return g


def with_three(g, i, j, k):
    """Two-winding units from bus i to buses j and k become one of three windings."""
    pair = {t["j"]: t for t in g["transformers"] if t["i"] == i and t["j"] in (j, k)}
    xj, xk = pair[j]["x"], pair[k]["x"]
    taps = (pair[j]["tap"], 1.0, 1.0)
    g["transformers"] = [t for t in g["transformers"] if t not in pair.values()]
    g["three"].append(dict(ends=(i, j, k), z=(xj, xj + xk - 0.02, xk), taps=taps))
    return g


def within(g):
    """Schedules within their ranges."""
    for u in g["units"]:
        u["p"] = min(max(u["p"], u["p_min"]), u["p_max"])
    return g


def remote(g, unit_bus, bus, v):
    for u in g["units"]:
        if u["bus"] == unit_bus:
            u.update(remote=bus, v=v)
    return g


def cases(folder):
    """Name, grid, what acts."""
    read = lambda name, scale=1.0: grid(folder / f"{name}.m", scale)
    every = []
    def add(name, g, **acts):
        jumpers = [f"L-{l['i']}-{l['j']}-1" for l in g["lines"] if l["r"] == l["x"] == 0.0]
        every.append((name, g, dict(acts, jumpers=jumpers) if jumpers else acts))

    # OpenLoadFlow leaves a unit out of the balance that is scheduled outside its range, as the first of case6ww is; we keep it.
    plain = [("case9", 1.05), ("case14", 1.1), ("case_ieee30", 1.05), ("case30", 1.05), ("case118", 1.05),
             ("case6ww", 1.05), ("case_ACTIVSg200", 1.03)]
    for name, scale in plain:
        add(f"{name}-slack", within(read(name, scale)))
        add(f"{name}-limits", within(read(name, scale)), limits=True)
    add("case9-heavy-limits", read("case9", 1.6), limits=True)
    add("case14-taps", with_taps(read("case14")), taps=True)
    add("case_ieee30-taps", with_taps(read("case_ieee30"), target=1.03), taps=True)
    add("case118-taps", with_taps(read("case118"), target=0.99), taps=True)
    add("case118-taps-limits", with_taps(read("case118", 1.1), target=0.99), taps=True, limits=True)
    add("case14-shunt", with_shunts(read("case14"), [9], target=1.06), shunts=True)
    add("case14-shunts", with_shunts(read("case14"), [9, 14], target=1.06), shunts=True)
    add("case_ieee30-shunts", with_shunts(read("case_ieee30"), [10, 24, 30], target=1.03), shunts=True, limits=True)
    add("case118-shunts", with_shunts(read("case118"), [44, 45, 48, 82], target=1.0), shunts=True, limits=True)
    add("case14-taps-shunts-limits", with_shunts(with_taps(read("case14", 1.1), target=1.02), [14], target=1.02),
        taps=True, shunts=True, limits=True)
    add("case14-zip", with_zip(read("case14", 1.1)), demand=True)
    add("case118-zip-limits", with_zip(read("case118", 1.1)), demand=True, limits=True)
    add("case14-jumpers", with_jumpers(read("case14"), [4, 5, 13]))
    add("case118-jumpers-limits", with_jumpers(read("case118", 1.05), [3, 17, 30, 49, 75, 96, 100]), limits=True)
    add("case14-three-windings", with_three(read("case14"), 4, 7, 9))
    add("case14-remote", remote(read("case14"), 2, 4, 1.02), remote=True)
    add("case_ieee30-remote-limits", remote(read("case_ieee30"), 13, 12, 1.05), remote=True, limits=True)
    everything = with_three(with_jumpers(with_shunts(read("case14", 1.1), [14], target=1.05), [5, 13]), 4, 7, 9)
    add("case14-solved", everything, shunts=True, limits=True)
    return every


def solve(path, acts, parameters=PARAMETERS):
    """OpenLoadFlow's answer as a document."""
    network = networks.load(str(path))
    # The import gives a line without impedance 1e-4 pu; OpenLoadFlow itself joins buses that are not apart.
    jumpers = acts.get("jumpers", [])
    if jumpers:
        network.update_lines(id=jumpers, x=[0.0] * len(jumpers))
    before = network.get_ratio_tap_changer_steps() if not network.get_ratio_tap_changers().empty else None
    taps_before = network.get_ratio_tap_changers()
    options = loadflow.Parameters(
        voltage_init_mode=loadflow.VoltageInitMode.UNIFORM_VALUES,
        distributed_slack=True,
        balance_type=loadflow.BalanceType.PROPORTIONAL_TO_GENERATION_P_MAX,
        read_slack_bus=True,
        write_slack_bus=True,
        use_reactive_limits=acts.get("limits", False),
        transformer_voltage_control_on=acts.get("taps", False),
        shunt_compensator_voltage_control_on=acts.get("shunts", False),
        phase_shifter_regulation_on=False,
        component_mode=loadflow.ComponentMode.MAIN_SYNCHRONOUS if hasattr(loadflow.ComponentMode, "MAIN_SYNCHRONOUS") else None,
        provider_parameters=dict(parameters, areaInterchangeControl=str(acts.get("interchange", False)).lower()),
    )
    result = loadflow.run_ac(network, options)[0]
    status = str(result.status)
    document = dict(status=status, iterations=result.iteration_count)
    if "CONVERGED" not in status:
        document["text"] = result.status_text
        return document, network
    buses = network.get_bus_breaker_view_buses(all_attributes=True)
    kv = network.get_voltage_levels()["nominal_v"]
    # Buses of the calculation carry the voltages; those of the file carry the numbers.
    calculated = network.get_buses()
    voltages = {}
    for name, bus in buses.iterrows():
        at = calculated.loc[bus["bus_id"]]
        voltages[re.sub(r"^B", "", name)] = [at["v_mag"] / kv[bus["voltage_level_id"]], at["v_angle"]]
    document["buses"] = voltages
    units = network.get_generators()
    document["units"] = {name: [-row["p"], -row["q"]] for name, row in units.iterrows()}
    taps = {}
    if acts.get("taps"):
        for name, changer in network.get_ratio_tap_changers(all_attributes=True).iterrows():
            if not changer["regulating"]:
                continue
            solved = int(changer["solved_tap_position"])
            rho = before["rho"][name]
            ladder = sorted(1.0 / r for r in rho)
            # Positions by rising ratio, from 0: 33 of them, or 34 where one was inserted for a ratio off the ladder.
            taps[name] = dict(position=ladder.index(1.0 / rho[solved]), positions=len(ladder),
                              moved=solved - int(taps_before["tap"][name]))
    document["taps"] = taps
    shunts = {}
    if acts.get("shunts"):
        columns = network.get_shunt_compensators(all_attributes=True)
        for name, shunt in columns.iterrows():
            if shunt["voltage_regulation_on"]:
                shunts[name] = int(shunt["solved_section_count"])
    document["shunts"] = shunts
    return document, network


def solved(g, document, network):
    """The grid with its answer as its stored state."""
    g = copy.deepcopy(g)
    for bus in g["buses"]:
        bus["vm"], bus["va"] = document["buses"][str(bus["id"])]
    for unit in g["units"]:
        unit["p"], unit["q"] = document["units"][f"B{unit['bus']}-G1"]
    for shunt in g["switched"]:
        (steps, mvar), = shunt["blocks"]
        # Sections of pypowsybl are counted from nothing switched in, which is the first.
        shunt["b"] = mvar * (document["shunts"][f"B{shunt['bus']}-SwSH1"] - 1)
    legs = network.get_3_windings_transformers()
    for unit, (_, legs) in zip(g["three"], legs.iterrows()):
        # The star point from the first leg: V1/t less the drop along x1.
        z12, z23, z31 = unit["z"]
        vm, va = document["buses"][str(unit["ends"][0])]
        v = cmath.rect(vm, math.radians(va))
        current = (complex(legs["p1"], legs["q1"]) / g["base"] / v).conjugate()
        star = v / unit["taps"][0] - 1j * (z12 + z31 - z23) / 2 * current * unit["taps"][0]
        unit["star"] = (abs(star), math.degrees(cmath.phase(star)))
    return g


def rounded(value):
    if isinstance(value, float):
        return round(value, 10)
    if isinstance(value, list):
        return [rounded(v) for v in value]
    if isinstance(value, dict):
        return {key: rounded(v) for key, v in value.items()}
    return value


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--cases", type=pathlib.Path, required=True)
    options.add_argument("--out", type=pathlib.Path, required=True)
    options = options.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for name, g, acts in cases(options.cases):
        path = options.out / f"{name}.raw"
        path.write_text(raw(copy.deepcopy(g), name))
        document, network = solve(path, acts)
        if name.endswith("-solved"):
            path.write_text(raw(solved(g, document, network), name))
        document = dict(program=f"OpenLoadFlow, pypowsybl {pypowsybl.__version__}", acts=acts, **document)
        (options.out / f"{name}.json").write_text(json.dumps(rounded(document), indent=None) + "\n")
        print(name, document["status"], document["iterations"], document.get("text", ""), document.get("taps"), document.get("shunts"))


if __name__ == "__main__":
    main()
