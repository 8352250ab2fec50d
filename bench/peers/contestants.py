"""An adapter for each contestant: the same rows in, complex voltages `[row, bus]` in file order out.

A contestant is built once from the case (not timed). `outages(rows)` and `loads(p, q, units)` prepare a task and return
two functions: the first is what is timed, the second reads the voltages of the last call, NaN where a row was not solved.
"""

import tempfile
import warnings

import numpy as np

TOLERANCE = 1e-8
ITERATIONS = 20


class Absent(Exception):
    """This contestant cannot take part, and why."""


class Gridgate:
    """Us, through the same Python door that a user has."""

    name = "gridgate"
    rows_max = None

    def __init__(self, case, path, base):
        import gridgate

        self.network, self.threads = gridgate.Network(path), 1

    def outages(self, rows):
        return self._both(lambda: self.network.solve_outages(rows, threads=self.threads, rescue="no"))

    def loads(self, p, q, units):
        return self._both(lambda: self.network.solve_injections(p, q, units, threads=self.threads))

    def _both(self, solve):
        last = []

        def run():
            last[:] = [solve()]

        def read():
            self.last = last[0]
            return np.ma.filled(self.last.voltage, np.nan)

        return run, read


def lightsim_grid(case):
    """lightsim2grid's grid from the matrices themselves: its readers change some problems (generators on PQ buses)."""
    from lightsim2grid.lightsim2grid_cpp import LSGrid

    grid = LSGrid()
    grid.set_sn_mva(case.base_mva)
    trafo = np.flatnonzero((case.tap != 1.0) | (case.shift != 0.0))
    line = np.setdiff1d(np.arange(len(case.branch)), trafo)
    grid.init_bus(case.n, 1, np.ones(case.n), len(line), len(trafo))
    r, x, b = (case.branch[:, col].copy() for col in (2, 3, 4))
    f, t = case.f.astype(np.int32), case.t.astype(np.int32)
    grid.init_powerlines_full(r[line], x[line], 0.5j * b[line], 0.5j * b[line], f[line], t[line])
    grid.init_trafo(
        r[trafo], x[trafo], 1j * b[trafo], case.tap[trafo], np.degrees(case.shift[trafo]), [True] * len(trafo),
        f[trafo], t[trafo], True,
    )  # fmt: skip
    shunt = np.flatnonzero((case.bus[:, 4] != 0) | (case.bus[:, 5] != 0))
    grid.init_shunt(case.bus[shunt, 4].copy(), -case.bus[shunt, 5], shunt.astype(np.int32))
    grid.init_loads(case.p_mw, case.q_mvar, np.arange(case.n, dtype=np.int32))
    grid.init_generators_full(
        case.unit_p_mw, case.v_set_of_units, case.gen[:, 2].copy(), case.holds.tolist(), np.full(len(case.gen), -1e6),
        np.full(len(case.gen), 1e6), case.gen_bus.astype(np.int32),
    )  # fmt: skip
    for number, branch in enumerate(line):
        if not case.branch_on[branch]:
            grid.deactivate_powerline(number)
    for number, branch in enumerate(trafo):
        if not case.branch_on[branch]:
            grid.deactivate_trafo(number)
    for gen in np.flatnonzero(~case.gen_on):
        grid.deactivate_gen(int(gen))
    slack = np.flatnonzero(case.holds & (case.gen_bus == case.ref))[0]
    grid.add_gen_slackbus(int(slack), 1.0)
    number_of = np.empty(len(case.branch), int)
    number_of[np.r_[line, trafo]] = np.arange(len(case.branch))
    return grid, number_of


class Lightsim:
    """lightsim2grid with KLU: full Newton."""

    name = "lightsim2grid, Newton (KLU)"
    rows_max = None
    policy = "AlwaysRefactor"
    iterations = ITERATIONS
    sweep = "InjectionSweepCPP"

    def __init__(self, case, path, base):
        from lightsim2grid import lightsim2grid_cpp as cpp

        self.cpp, self.case, self.base = cpp, case, base
        self.grid, self.number_of = lightsim_grid(case)
        self.grid.change_algorithm(cpp.AlgorithmType.NR_KLU)
        if len(self.grid.ac_pf(base.copy(), ITERATIONS, TOLERANCE)) == 0:
            raise Absent("its power flow of the file does not converge from our voltages")

    def _with_policy(self, engine):
        engine.change_algorithm(self.cpp.AlgorithmType.NR_KLU)
        config = engine.get_algo_config()
        # The second number is the policy; the list must be given anew as a whole.
        numbers = list(config.int_params)
        numbers[1] = int(getattr(self.cpp.RefactorPolicyType, self.policy))
        config.int_params = numbers
        engine.set_algo_config(config)
        return engine

    def outages(self, rows):
        engine = self._with_policy(self.cpp.ContingencyAnalysisCPP(self.grid))
        numbers = self.number_of[rows]
        for number in numbers:
            engine.add_n1(int(number))
        at = {tuple(out): row for row, out in enumerate(engine.my_defaults())}
        order = np.array([at[(int(number),)] for number in numbers])

        def read():
            voltage = engine.get_voltages()[order].copy()
            voltage[~np.array(engine.converged_mask())[order]] = np.nan
            return voltage

        return lambda: engine.compute(self.base, self.iterations, TOLERANCE), read

    def loads(self, p, q, units):
        engine = self._with_policy(getattr(self.cpp, self.sweep)(self.grid))
        engine.modify_gen_p(units)
        engine.modify_load_p(p)
        engine.modify_load_q(q)

        def read():
            voltage = engine.get_voltages().copy()
            voltage[~np.array(engine.converged_mask())] = np.nan
            return voltage

        return lambda: engine.compute(self.base, self.iterations, TOLERANCE), read


class LightsimChord(Lightsim):
    """lightsim2grid, its factor kept over the iterations."""

    name = "lightsim2grid, Chord (KLU)"
    policy = "Chord"
    iterations = 5 * ITERATIONS


class LightsimChain(Lightsim):
    """lightsim2grid's time series: a row starts from the one before."""

    name = "lightsim2grid, TimeSeries (KLU)"
    sweep = "TimeSeriesCPP"

    def outages(self, rows):
        raise Absent("a time series has no outages")


class Gridoxide:
    """gridoxide, reading the file itself. Its batches take lists of tuples: their conversion is part of its call."""

    name = "gridoxide"
    rows_max = None

    def __init__(self, case, path, base):
        import gridoxide

        self.case = case
        self.model = gridoxide.PowerFlowModel.from_matpower(str(path), tol=TOLERANCE, max_iter=ITERATIONS)
        self.model.solve()
        row_of = {int(number): row for row, number in enumerate(case.bus[:, 0])}
        self.place = np.array([row_of[number] for number in self.model.bus_numbers()])
        trafo = np.flatnonzero(case.branch_on & ((case.branch[:, 8] != 0) | (case.shift != 0)))
        line = np.setdiff1d(np.flatnonzero(case.branch_on), trafo)
        self.number_of = np.full(len(case.branch), -1)
        self.number_of[np.r_[line, trafo]] = np.arange(len(line) + len(trafo))
        if self.model.n_branches != len(line) + len(trafo):
            raise Absent(f"it has {self.model.n_branches} branches, the file {len(line) + len(trafo)} in service")

    def _place(self, rows):
        voltage = np.full((len(rows), self.case.n), np.nan, complex)
        for row, polar in enumerate(rows):
            if polar is not None:
                magnitude, angle = (np.asarray(part)[: len(self.place)] for part in polar)
                voltage[row, self.place] = magnitude * np.exp(1j * angle)
        return voltage

    def outages(self, rows):
        lists, last = [[int(self.number_of[row])] for row in rows], []

        def run():
            last[:] = self.model.solve_contingencies(lists, threads=1)

        def read():
            return self._place([(vm, va) if status == "converged" else None for status, vm, va in last])

        return run, read

    def loads(self, p, q, units):
        last = []
        s = np.array([self.case.injection(*row) for row in zip(p, q, units, strict=True)])[:, self.place]
        lists = [[(bus, v.real, v.imag) for bus, v in enumerate(row)] for row in s.tolist()]

        def run():
            last[:] = self.model.solve_batch(lists, threads=1)

        def read():
            return self._place([(row.voltage_mag, row.voltage_ang) if row.converged else None for row in last])

        return run, read


class PowerGridModel:
    """power-grid-model. It has no warm start for Newton: it starts flat, and its tolerance is on the voltage."""

    name = "power-grid-model (flat start)"
    rows_max = None

    def __init__(self, case, path, base):
        try:
            import power_grid_model as pgm
        except ImportError:
            raise Absent("not installed: its release 1.13, the first with voltage control, needs Python 3.12") from None
        if "voltage_regulator" not in pgm.power_grid_meta_data["input"]:
            raise Absent("this release has no buses that hold their voltage")
        self.pgm, self.case = pgm, case
        volt, va = 1e3, case.base_mva * 1e6
        ohm = volt**2 / va
        make = pgm.initialize_array

        def table(kind, count, **columns):
            array = make(pgm.DatasetType.input, kind, count)
            for column, value in columns.items():
                array[column] = value
            return array

        first = {}

        def ids(kind, count):
            start = sum(number for _, number in first.values())
            first[kind] = (start, count)
            return np.arange(start, start + count)

        bus, gen = np.arange(case.n), np.flatnonzero(case.gen_on & (case.gen_bus != case.ref))
        node = table("node", case.n, id=ids("node", case.n), u_rated=volt)
        # Its generic branch has the ratio and the shift at the from side, as the file has them.
        branch = table(
            "generic_branch", len(case.branch), id=ids("generic_branch", len(case.branch)), from_node=case.f, to_node=case.t,
            from_status=case.branch_on, to_status=case.branch_on, r1=case.branch[:, 2] * ohm, x1=case.branch[:, 3] * ohm,
            g1=0.0, b1=case.branch[:, 4] / ohm, k=case.tap, theta=case.shift, sn=va,
        )  # fmt: skip
        load = table(
            "sym_load", case.n, id=ids("sym_load", case.n), node=bus, status=1, type=0, p_specified=case.p_mw * 1e6,
            q_specified=case.q_mvar * 1e6,
        )  # fmt: skip
        unit = table(
            "sym_gen", len(gen), id=ids("sym_gen", len(gen)), node=case.gen_bus[gen], status=1, type=0,
            p_specified=case.unit_p_mw[gen] * 1e6, q_specified=case.gen[gen, 2] * 1e6,
        )  # fmt: skip
        # One unit of a bus holds its voltage.
        _, holders = np.unique(case.gen_bus[gen], return_index=True)
        holders = holders[np.isin(case.kind[case.gen_bus[gen[holders]]], PV_KIND)]
        regulator = table(
            "voltage_regulator", len(holders), id=ids("voltage_regulator", len(holders)),
            regulated_object=unit["id"][holders], status=1, u_ref=case.v_set[case.gen_bus[gen[holders]]],
        )  # fmt: skip
        shunts = np.flatnonzero((case.bus[:, 4] != 0) | (case.bus[:, 5] != 0))
        shunt = table(
            "shunt", len(shunts), id=ids("shunt", len(shunts)), node=shunts, status=1,
            g1=case.bus[shunts, 4] / case.base_mva / ohm, b1=case.bus[shunts, 5] / case.base_mva / ohm,
        )  # fmt: skip
        # A source has an impedance: this one is too small to be seen at the tolerance of the comparison.
        source = table(
            "source", 1, id=ids("source", 1), node=case.ref, status=1, u_ref=case.v_set[case.ref],
            u_ref_angle=np.angle(case.start[case.ref]), sk=va * 1e10,
        )  # fmt: skip
        self.branch, self.load, self.unit, self.gen = branch, load, unit, gen
        self.model = pgm.PowerGridModel(
            {"node": node, "generic_branch": branch, "sym_load": load, "sym_gen": unit, "voltage_regulator": regulator,
             "shunt": shunt, "source": source}
        )  # fmt: skip

    def _both(self, update):
        last = []

        def run():
            last[:] = [
                self.model.calculate_power_flow(
                    update_data=update, threading=-1, error_tolerance=TOLERANCE, max_iterations=ITERATIONS,
                    output_component_types={"node": ["u_pu", "u_angle"]}, continue_on_batch_error=True,
                    calculation_initialization="flat",
                )
            ]  # fmt: skip

        def read():
            node = last[0]["node"]
            voltage = node["u_pu"] * np.exp(1j * node["u_angle"])
            failed = self.model.batch_error
            if failed is not None:
                voltage[failed.failed_scenarios] = np.nan
            return voltage

        return run, read

    def outages(self, rows):
        update = self.pgm.initialize_array(self.pgm.DatasetType.update, "generic_branch", (len(rows), 1))
        update["id"] = self.branch["id"][rows][:, None]
        update["from_status"] = update["to_status"] = 0
        return self._both({"generic_branch": update})

    def loads(self, p, q, units):
        load = self.pgm.initialize_array(self.pgm.DatasetType.update, "sym_load", p.shape)
        load["id"] = self.load["id"]
        load["p_specified"], load["q_specified"] = p * 1e6, q * 1e6
        unit = self.pgm.initialize_array(self.pgm.DatasetType.update, "sym_gen", (len(p), len(self.gen)))
        unit["id"] = self.unit["id"]
        unit["p_specified"] = units[:, self.gen] * 1e6
        return self._both({"sym_load": load, "sym_gen": unit})


class Pandapower:
    """pandapower, one call a row from the results of the base (it has no batches)."""

    name = "pandapower (one call a row)"
    rows_max = 16

    def __init__(self, case, path, base):
        import pandapower as pp
        from pandapower.converter.pypower import from_ppc

        self.pp, self.case = pp, case
        ppc = {"version": "2", "baseMVA": case.base_mva, "bus": case.bus.copy(), "gen": case.gen.copy(),
               "branch": case.branch.copy()}  # fmt: skip
        ppc["gen"][case.holds, 5] = case.v_set_of_units[case.holds]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.net = from_ppc(ppc, f_hz=50, validate_conversion=False)
        lookups = self.net._from_ppc_lookups
        self.elements = list(zip(lookups["branch"]["element_type"], lookups["branch"]["element"], strict=True))
        self.units = list(zip(lookups["gen"]["element_type"], lookups["gen"]["element"], strict=True))
        self.buses = self.net.bus.index.to_numpy()
        if len(self.buses) != case.n:
            raise Absent("its conversion has another number of buses")
        # A negative demand became a static generator: all demand is put back into loads, one a bus, in file order.
        units = {element for table, element in self.units if table == "sgen"}
        self.net.sgen.drop(index=[element for element in self.net.sgen.index if element not in units], inplace=True)
        self.net.load.drop(index=self.net.load.index, inplace=True)
        pp.create_loads(self.net, self.buses, case.p_mw, case.q_mvar)
        self._solve("flat" if base is None else "init")

    def _solve(self, how):
        init = {"init": "results"} if how == "results" else {"init_vm_pu": self.case.bus[:, 7], "init_va_degree": self.case.bus[:, 8]}
        try:
            # It divides by an infinite reactive range and says so once a call.
            np.seterr(invalid="ignore")
            self.pp.runpp(
                self.net, calculate_voltage_angles=True, trafo_model="pi", tolerance_mva=TOLERANCE * self.case.base_mva,
                max_iteration=ITERATIONS, enforce_q_lims=False, check_connectivity=False, numba=False, **init,
            )  # fmt: skip
        except self.pp.LoadflowNotConverged:
            return np.full(self.case.n, np.nan, complex)
        result = self.net.res_bus.loc[self.buses]
        return result["vm_pu"].to_numpy() * np.exp(1j * np.radians(result["va_degree"].to_numpy()))

    def outages(self, rows):
        last = []

        def run():
            last.clear()
            for row in rows:
                table, element = self.elements[row]
                self.net[table].loc[element, "in_service"] = False
                last.append(self._solve("results"))
                self.net[table].loc[element, "in_service"] = True

        return run, lambda: np.array(last)

    def loads(self, p, q, units):
        last, before = [], {name: self.net[name].copy() for name in ("load", "gen", "sgen")}

        def run():
            last.clear()
            for row in range(len(p)):
                self.net.load["p_mw"], self.net.load["q_mvar"] = p[row], q[row]
                for (table, element), mw in zip(self.units, units[row], strict=True):
                    if table in ("gen", "sgen"):
                        self.net[table].at[element, "p_mw"] = mw
                last.append(self._solve("results"))
            for name, table in before.items():
                self.net[name] = table.copy()

        return run, lambda: np.array(last)


class Powsybl:
    """pypowsybl's OpenLoadFlow, one call a row from the voltages of the row before (its batches give flows, not voltages)."""

    name = "pypowsybl (one call a row)"
    rows_max = 16

    def __init__(self, case, path, base):
        import pathlib

        import pypowsybl as pp
        from scipy.io import savemat

        self.pp, self.case = pp, case
        gen = case.gen[case.gen_on].copy()
        gen[:, 5] = case.v_set_of_units[case.gen_on]
        # Its own checks of ranges would take some units off their voltage; with limits off nobody else reads them.
        gen[:, 3], gen[:, 4], gen[:, 8], gen[:, 9] = 1e4, -1e4, 2e4, -2e4
        bus = case.bus.copy()
        bus[:, 1], bus[:, 7], bus[:, 8] = case.kind, np.abs(base), np.degrees(np.angle(base))
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / f"{case.name}.mat"
            savemat(file, {"mpc": {"version": "2", "baseMVA": case.base_mva, "bus": bus, "gen": gen, "branch": case.branch}})
            self.net = pp.network.load(str(file))
        ends = ["bus_breaker_bus1_id", "bus_breaker_bus2_id"]
        of_ends = {}
        for table in (self.net.get_lines(attributes=ends), self.net.get_2_windings_transformers(attributes=ends)):
            for element, one, other in table.itertuples():
                of_ends.setdefault(frozenset((one, other)), []).append(element)
        number = [f"BUS-{int(bus)}" for bus in case.bus[:, 0]]
        try:
            self.branches = [of_ends[frozenset((number[f], number[t]))].pop(0) for f, t in zip(case.f, case.t, strict=True)]
        except (KeyError, IndexError):
            raise Absent("its importer left branches out") from None
        self.units = self.net.get_generators().index.to_numpy()
        self.loads_at = self.net.get_loads(attributes=["bus_breaker_bus_id"])["bus_breaker_bus_id"]
        row_of = {name: row for row, name in enumerate(number)}
        self.load_rows = np.array([row_of[name] for name in self.loads_at])
        if len(self.units) != len(gen):
            raise Absent(f"its importer made {len(self.units)} generators of {len(gen)}")
        self.number, self.on = number, case.gen_on
        self.parameters = pp.loadflow.Parameters(
            voltage_init_mode=pp.loadflow.VoltageInitMode.PREVIOUS_VALUES, use_reactive_limits=False, distributed_slack=False,
            read_slack_bus=True, write_slack_bus=False, twt_split_shunt_admittance=True,
            provider_parameters={
                "newtonRaphsonStoppingCriteriaType": "PER_EQUATION_TYPE_CRITERIA", "maxNewtonRaphsonIterations": str(ITERATIONS),
                "maxActivePowerMismatch": str(TOLERANCE * case.base_mva), "maxReactivePowerMismatch": str(TOLERANCE * case.base_mva),
                "maxVoltageMismatch": str(TOLERANCE), "lowImpedanceThreshold": "1e-12",
            },
        )  # fmt: skip
        self._solve()

    def _solve(self):
        result = self.pp.loadflow.run_ac(self.net, self.parameters)[0]
        if result.status != self.pp.loadflow.ComponentStatus.CONVERGED:
            return np.full(self.case.n, np.nan, complex)
        buses = self.net.get_bus_breaker_view_buses(attributes=["v_mag", "v_angle"]).loc[self.number]
        # Its importer gives every level a nominal voltage of 1 kV.
        return buses["v_mag"].to_numpy() * np.exp(1j * np.radians(buses["v_angle"].to_numpy()))

    def outages(self, rows):
        last = []

        def run():
            last.clear()
            for row in rows:
                self.net.disconnect(self.branches[row])
                last.append(self._solve())
                self.net.connect(self.branches[row])

        return run, lambda: np.array(last)

    def loads(self, p, q, units):
        last = []

        def run():
            last.clear()
            for row in range(len(p)):
                at = self.load_rows
                self.net.update_loads(id=self.loads_at.index, p0=p[row, at], q0=q[row, at])
                self.net.update_generators(id=self.units, target_p=units[row, self.on])
                last.append(self._solve())
            self.net.update_loads(id=self.loads_at.index, p0=self.case.p_mw[self.load_rows], q0=self.case.q_mvar[self.load_rows])
            self.net.update_generators(id=self.units, target_p=self.case.unit_p_mw[self.on])

        return run, lambda: np.array(last)


PV_KIND = (2,)

CONTESTANTS = (Gridgate, Lightsim, LightsimChord, LightsimChain, Gridoxide, PowerGridModel, Pandapower, Powsybl)
