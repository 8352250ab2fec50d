"""Judging a candidate written in Python: the same laws as for any other."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gridgate
import numpy as np
import pytest
from conftest import EPISODES

Cli = Callable[..., subprocess.CompletedProcess[str]]
Seen = gridgate.Seen


def episodes(run: gridgate.Run) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run.out / "episodes.jsonl").read_text().splitlines()]


def bytes_of(run: gridgate.Run) -> dict[str, bytes]:
    return {name: (run.out / name).read_bytes() for name in ("evidence.json", "episodes.jsonl")}


def causes(run: gridgate.Run) -> set[str | None]:
    return {episode.get("cause") for episode in episodes(run)}


def hold(seen: Seen) -> dict[str, Any]:
    # Raises what is low: depends on what is seen, so that a mixed-up row would show.
    return {"act.gen.v_set": 1.02 + 0.1 * (1.0 - seen["obs.bus.vm"].min(axis=1, keepdims=True)) * np.ones(3)}


def nothing(seen: Seen) -> gridgate.Answer:
    return None


def test_the_tested_region_is_asked_at_run_time(suite: Path, tmp_path: Path) -> None:
    run = gridgate.run(suite, hold, out=tmp_path / "run")
    envelope = gridgate.Envelope.load(run.out / "envelope.json")
    region = json.loads((run.out / "envelope.json").read_text())["region"]
    low, high = region["bounds"]["demand"]
    inside: dict[str, Any] = {
        "demand": low,
        "branches": set(),
        "units": set(),
        "voltage_pu": tuple(region["bounds"]["voltage_pu"]),
        "delay_ms": 0.0,
        "areas": {int(area): bounds[0] for area, bounds in region["areas"].items()},
    }
    assert envelope.contains(**inside) and envelope.left(**inside) == []
    ((bound, value, within, by),) = envelope.left(**inside | {"demand": high + 0.5})
    assert (bound, value, within) == ("demand", high + 0.5, (low, high)) and by == pytest.approx(0.5)
    # A number that is missing is outside.
    assert envelope.left(**inside | {"demand": None}) == [("demand", None, (low, high), None)]
    with pytest.raises(gridgate.InputError):
        gridgate.Envelope.load(run.out / "evidence.json")


def test_a_function_is_judged_and_its_folder_verifies(suite: Path, tmp_path: Path) -> None:
    told: list[gridgate.Progress] = []
    run = gridgate.run(suite, hold, out=tmp_path / "run", progress=told.append)
    assert run.verdict == "pass" and run.passed and run.exit_code == 0
    assert run.evidence == json.loads((tmp_path / "run/evidence.json").read_text())
    assert run.gates == run.evidence["gates"] and run.gates[0]["id"] == "voltage"
    assert run.report_path.is_file() and run.out == tmp_path / "run"
    assert "pass" in repr(run) and "voltage" in str(run)
    assert [progress.done for progress in told] == [256, 512, EPISODES]
    assert told[0].population == "outages" and told[0].size_max == EPISODES
    record = run.evidence["candidate"]
    assert (record["name"], record["adapter"], record["version"]) == ("hold", "python", "")
    assert any("source text of its module" in limit for limit in run.evidence["limits"])
    verified = gridgate.verify(run.out)
    assert verified["verdict"] == "pass" and verified["scenarios"] == EPISODES


def test_what_is_asked_is_what_is_granted(suite: Path, tmp_path: Path) -> None:
    run = gridgate.run(suite, hold, out=tmp_path / "run")
    kept = sorted((run.out / "trajectories").iterdir())
    episode = kept[0].stem
    name, index = episode.rsplit("-", 1)
    document = gridgate.replay(run.out, f"{name}/{index}")
    assert document == json.loads(kept[0].read_text())
    # Within a step, after a relay acted, nobody is asked.
    steps = [step for step in document["steps"] if not step.get("between")]
    assert steps
    for step in steps:
        assert step["asked"]["act.gen.v_set"] == step["granted"]["act.gen.v_set"]
        assert all(1.0 <= value <= 1.1 for value in step["asked"]["act.gen.v_set"])


@pytest.mark.parametrize("candidate", [hold, nothing])
def test_threads_change_no_byte(suite: Path, tmp_path: Path, candidate: gridgate.Controller) -> None:
    one, two, four = (
        bytes_of(gridgate.run(suite, candidate, out=tmp_path / f"run{threads}", threads=threads))
        for threads in (1, 2, 4)
    )
    assert one == two == four


def test_asking_nothing_measures_as_do_nothing(suite: Path, tmp_path: Path) -> None:
    ours = gridgate.run(suite, nothing, out=tmp_path / "ours")
    theirs = gridgate.run(suite, "do_nothing", out=tmp_path / "theirs")
    empty = gridgate.run(suite, lambda seen: {}, out=tmp_path / "empty")
    assert episodes(ours) == episodes(theirs) == episodes(empty)
    assert ours.evidence["measurements"] == theirs.evidence["measurements"]
    assert [g["verdict"] for g in ours.gates] == [g["verdict"] for g in theirs.gates]


def test_a_named_candidate_is_judged_as_on_the_command_line(suite: Path, tmp_path: Path, cli: Cli) -> None:
    run = gridgate.run(str(suite), "do_nothing", out=tmp_path / "ours")
    printed = cli("run", suite, "--candidate", "do_nothing", "--out", tmp_path / "theirs", "--quiet")
    assert printed.returncode == run.exit_code
    assert (tmp_path / "ours/evidence.json").read_bytes() == (tmp_path / "theirs/evidence.json").read_bytes()
    assert printed.stdout.startswith(str(run))


def test_a_seed_takes_the_place_of_the_suites(suite: Path, tmp_path: Path) -> None:
    of_suite, same, other = (
        gridgate.run(suite, "do_nothing", out=tmp_path / str(seed), seed=seed) for seed in (None, 7, 8)
    )
    assert (of_suite.evidence["seed"], other.evidence["seed"]) == (7, 8)
    assert episodes(of_suite) == episodes(same) != episodes(other)


def test_what_is_seen_is_read_only_and_in_file_order(suite: Path, tmp_path: Path) -> None:
    seen: dict[str, Any] = {}
    alive: list[int] = []

    def look(now: Seen) -> gridgate.Answer:
        seen.update(now)
        alive.append(int(now["alive"].sum()))
        with pytest.raises(TypeError):
            now["obs.bus.vm"] = 0  # type: ignore[index]
        for values in now.values():
            with pytest.raises(ValueError, match="read-only"):
                values[0] = 0
        return None

    gridgate.run(suite, look, out=tmp_path / "run", threads=1)
    assert seen["alive"].shape == (256,) and seen["alive"].dtype == bool
    assert seen["obs.time_s"].shape == (256, 1)
    assert seen["obs.bus.vm"].shape == (256, 5) and seen["obs.bus.vm"].dtype == np.float64
    assert seen["obs.gen.p_max"][0].tolist() == [150, 80, 60]
    assert seen["obs.branch.rating"].shape == (256, 5)
    # 600 episodes, three steps each, fill two batches and part of a third, whose other rows are padding.
    assert alive[:9] == [256] * 6 + [EPISODES - 512] * 3


def raises(seen: Seen) -> gridgate.Answer:
    raise RuntimeError("no idea")


def not_finite(seen: Seen) -> gridgate.Answer:
    asked = np.full((len(seen["alive"]), 3), 1.02)
    asked[:, 1] = np.nan
    return {"act.gen.v_set": asked}


WRONG: list[tuple[str, Any, str, str]] = [
    ("raises", raises, "exception", "RuntimeError: no idea"),
    ("not finite", not_finite, "not_finite", "`act.gen.v_set` of unit 2 at bus 30 is NaN"),
    ("one row", lambda s: {"act.gen.v_set": np.ones((1, 3))}, "shape", "[1, 3] instead of [256, 3]"),
    ("one column", lambda s: {"act.gen.v_set": np.ones((256, 1))}, "shape", "[256, 1] instead of [256, 3]"),
    ("flat", lambda s: {"act.gen.v_set": np.ones(3)}, "shape", "[3] instead of [256, 3]"),
    ("ragged", lambda s: {"act.gen.v_set": [[1.0], [1.0, 2.0]]}, "protocol", "ValueError"),
    ("text", lambda s: {"act.gen.v_set": np.full((256, 3), "1")}, "protocol", "not real numbers"),
    ("complex", lambda s: {"act.gen.v_set": np.full((256, 3), 1j)}, "protocol", "not real numbers"),
    ("objects", lambda s: {"act.gen.v_set": np.full((256, 3), None)}, "protocol", "not real numbers"),
    ("unknown", lambda s: {"act.gen.vset": np.ones((256, 3))}, "shape", "did it mean `act.gen.v_set`?"),
    ("no text", lambda s: {3: np.ones((256, 3))}, "protocol", "key that is no text"),
    ("no dict", lambda s: np.ones((256, 3)), "protocol", "it returned ndarray"),
    ("beyond", lambda s: {"act.gen.v_set": ([3], np.ones((256, 1)))}, "shape", "there is no element 3"),
    ("twice", lambda s: {"act.gen.v_set": ([1, 1], np.ones((256, 2)))}, "shape", "element 1 is there twice"),
    ("triple", lambda s: {"act.gen.v_set": ([1], [1], [1])}, "shape", "a tuple is (elements, array)"),
    ("negative", lambda s: {"act.gen.v_set": ([-1], np.ones((256, 1)))}, "shape", "row numbers from 0"),
]


@pytest.mark.parametrize(("candidate", "cause", "message"), [w[1:] for w in WRONG], ids=[w[0] for w in WRONG])
def test_a_wrong_answer_fails_every_episode(
    suite: Path, tmp_path: Path, candidate: gridgate.Controller, cause: str, message: str
) -> None:
    run = gridgate.run(suite, candidate, out=tmp_path / "run")
    assert run.verdict == "fail" and not run.passed and run.exit_code == 1
    assert run.evidence["populations"][0]["outcomes"] == {"candidate_failed": EPISODES}
    gate = run.gates[0]
    assert (gate["n"], gate["missing"], gate["k"]) == (EPISODES, EPISODES, EPISODES)
    assert causes(run) == {cause}
    assert all(message in episode["message"] for episode in episodes(run)), episodes(run)[0]["message"]
    assert all(value is None for episode in episodes(run) for value in episode["metrics"].values())


def test_an_exception_fails_the_episode_that_it_is_about(suite: Path, tmp_path: Path) -> None:
    def heavy(seen: Seen) -> Any:
        return (seen["obs.bus.pd"].sum(axis=1) > 130) & seen["alive"]

    def picky(seen: Seen) -> gridgate.Answer:
        if heavy(seen).any():
            raise ValueError("too much demand")
        return hold(seen)

    def blank(seen: Seen) -> gridgate.Answer:
        asked = np.array(hold(seen)["act.gen.v_set"])
        asked[heavy(seen)] = np.inf
        return {"act.gen.v_set": asked}

    by_exception = episodes(gridgate.run(suite, picky, out=tmp_path / "picky", threads=2))
    by_row = episodes(gridgate.run(suite, blank, out=tmp_path / "blank", threads=1))
    failed = [episode["index"] for episode in by_exception if episode["outcome"] == "candidate_failed"]
    assert 0 < len(failed) < EPISODES / 2
    assert failed == [episode["index"] for episode in by_row if episode["outcome"] == "candidate_failed"]
    for one, other in zip(by_exception, by_row, strict=True):
        assert (one["index"], one["scenario"], one["steps"]) == (other["index"], other["scenario"], other["steps"])
        # The sum of a row may round otherwise in a batch of another size.
        for metric, value in one["metrics"].items():
            if value is None:
                assert other["metrics"][metric] is None
            else:
                assert value == pytest.approx(other["metrics"][metric], rel=1e-9, abs=1e-9)


def test_a_mask_and_a_pair_ask_of_some_elements_only(suite: Path, tmp_path: Path) -> None:
    def masked(seen: Seen) -> gridgate.Answer:
        values = np.full((len(seen["alive"]), 3), 1.03)
        values[:, 1:] = np.nan
        values = np.ma.masked_invalid(values)
        return {"act.gen.v_set": values}

    def paired(seen: Seen) -> gridgate.Answer:
        return {"act.gen.v_set": ([0], np.full((len(seen["alive"]), 1), 1.03))}

    by_mask = gridgate.run(suite, masked, out=tmp_path / "mask")
    by_pair = gridgate.run(suite, paired, out=tmp_path / "pair")
    assert episodes(by_mask) == episodes(by_pair)
    kept = next(iter(sorted((by_mask.out / "trajectories").iterdir())))
    assert json.loads(kept.read_text())["steps"][0]["asked"]["act.gen.v_set"] == [1.03, None, None]


def test_what_the_task_does_not_control_is_refused_and_counted(suite: Path, tmp_path: Path) -> None:
    run = gridgate.run(
        suite, lambda seen: {"act.gen.p_set": np.full((len(seen["alive"]), 3), 10.0)}, out=tmp_path / "run"
    )
    lived = [episode for episode in episodes(run) if episode["outcome"] == "survived"]
    assert lived and all(episode["refusals"] == {"not_in_task": 9} for episode in lived)


class Dithering:
    """Remembers a generator of random numbers for each row."""

    def reset(self, seeds: Any) -> None:
        self.random = [np.random.default_rng(seed) for seed in seeds]

    def __call__(self, seen: Seen) -> gridgate.Answer:
        return {"act.gen.v_set": np.array([random.uniform(1.0, 1.05, 3) for random in self.random])}


class Alone(Dithering):
    batched = False


@pytest.mark.parametrize("kind", [Dithering, Alone])
def test_a_memory_belongs_to_one_worker(suite: Path, tmp_path: Path, kind: Callable[[], Any]) -> None:
    given = kind()
    results = [
        bytes_of(gridgate.run(suite, candidate, out=tmp_path / str(i), threads=threads))
        for i, (candidate, threads) in enumerate([(given, 1), (given, 2), (kind, 3)])
    ]
    assert not hasattr(given, "random"), "the object itself is never called"
    assert results[0]["episodes.jsonl"] == results[1]["episodes.jsonl"] == results[2]["episodes.jsonl"]
    assert results[0] == results[1]


def test_batched_and_alone_see_the_same_seeds(suite: Path, tmp_path: Path) -> None:
    batched = gridgate.run(suite, Dithering(), out=tmp_path / "batched")
    alone = gridgate.run(suite, Alone(), out=tmp_path / "alone")
    assert episodes(batched) == episodes(alone)


def test_calls_never_overlap(suite: Path, tmp_path: Path) -> None:
    inside = threading.Semaphore(1)
    threads = set()

    def careful(seen: Seen) -> gridgate.Answer:
        assert inside.acquire(blocking=False), "two calls at once"
        threads.add(threading.get_ident())
        # Lets go of the interpreter's lock in the middle of a call.
        threading.Event().wait(0.001)
        inside.release()
        return None

    run = gridgate.run(suite, careful, out=tmp_path / "run", threads=4)
    assert causes(run) == {None}
    assert len(threads) > 1


def test_a_failing_reset_fails_its_episodes(suite: Path, tmp_path: Path) -> None:
    class Forgetful(Dithering):
        def reset(self, seeds: Any) -> None:
            raise KeyError("seed")

    run = gridgate.run(suite, Forgetful(), out=tmp_path / "run")
    assert causes(run) == {"exception"} and run.verdict == "fail"
    assert episodes(run)[0]["message"] == "reset: KeyError: 'seed'"


def test_what_cannot_be_a_candidate_is_refused(suite: Path, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="this is int"):
        gridgate.run(suite, 3, out=tmp_path / "run")  # type: ignore[arg-type]

    class Needy:
        def __init__(self, model: str) -> None:
            self.model = model

        def __call__(self, seen: Seen) -> gridgate.Answer:
            return None

    class Unique(Alone):
        def __deepcopy__(self, memo: object) -> Unique:
            raise TypeError("there is only one")

    with pytest.raises(gridgate.InputError, match="cannot be made without arguments: TypeError"):
        gridgate.run(suite, Needy, out=tmp_path / "run")
    with pytest.raises(gridgate.InputError, match="cannot be copied: TypeError: there is only one"):
        gridgate.run(suite, Unique(), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_bad_input_is_told_as_on_the_command_line(suite: Path, tmp_path: Path, cli: Cli) -> None:
    suite.write_text(suite.read_text().replace("seed = 7", "sed = 7").replace("voltage.viol", "voltage.vial"))
    out = tmp_path / "run"
    printed = cli("run", suite, "--candidate", "do_nothing", "--out", out)
    with pytest.raises(gridgate.InputError) as caught:
        gridgate.run(suite, "do_nothing", out=out)
    assert printed.returncode == 2
    assert str(caught.value) == printed.stderr.strip()
    suite.write_text(suite.read_text().replace("sed = 7", "seed = 7").replace("voltage.vial", "voltage.viol"))
    with pytest.raises(gridgate.InputError, match="suite.no-candidate"):
        gridgate.run(suite, out=out)
    with pytest.raises(gridgate.InputError, match="there is no candidate `do_nothin`"):
        gridgate.run(suite, "do_nothin", out=out)
    with pytest.raises(gridgate.InputError, match="usage.threads"):
        gridgate.run(suite, "do_nothing", out=out, threads=0)
    with pytest.raises(gridgate.InputError, match="something that is not a run"):
        gridgate.run(suite, "do_nothing", out=tmp_path)


@pytest.mark.parametrize("threads", [1, 3])
def test_an_interrupt_stops_the_run_and_writes_nothing(suite: Path, tmp_path: Path, threads: int) -> None:
    calls = iter(range(1000))

    def interrupted(seen: Seen) -> gridgate.Answer:
        if next(calls) == 4:
            raise KeyboardInterrupt
        return None

    out = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        gridgate.run(suite, interrupted, out=out, threads=threads)
    assert not out.exists()
    # And nothing of it is left for the next run, whose candidate may be another one.
    run = gridgate.run(suite, interrupted, out=out, threads=threads)
    assert causes(run) == {None}


def test_a_signal_stops_the_run(suite: Path, tmp_path: Path) -> None:
    def slow(seen: Seen) -> gridgate.Answer:
        os.kill(os.getpid(), signal.SIGINT)
        threading.Event().wait(0.3)
        return None

    with pytest.raises(KeyboardInterrupt):
        gridgate.run(suite, slow, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_failing_progress_stops_the_run(suite: Path, tmp_path: Path) -> None:
    def told(progress: gridgate.Progress) -> None:
        raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        gridgate.run(suite, nothing, out=tmp_path / "run", progress=told, threads=1)


def test_a_changed_run_is_found(suite: Path, tmp_path: Path, cli: Cli) -> None:
    run = gridgate.run(suite, hold, out=tmp_path / "run")
    lines = (run.out / "episodes.jsonl").read_text()
    (run.out / "episodes.jsonl").write_text(lines.replace("survived", "collapse", 1))
    with pytest.raises(gridgate.IntegrityError) as caught:
        gridgate.verify(run.out)
    printed = cli("verify", run.out)
    assert printed.returncode == 5 and str(caught.value) == printed.stderr.strip()
    with pytest.raises(gridgate.InputError, match="there is no such folder"):
        gridgate.verify(tmp_path / "none")
    with pytest.raises(gridgate.InputError, match="there is no episode"):
        gridgate.replay(run.out, "outages/600")


def test_a_replay_that_takes_another_course_is_found(suite: Path, tmp_path: Path) -> None:
    run = gridgate.run(suite, hold, out=tmp_path / "run")
    kept = next(iter(sorted((run.out / "trajectories").iterdir())))
    name, index = kept.stem.rsplit("-", 1)
    document = json.loads(kept.read_text())
    document["steps"][0]["asked"]["act.gen.v_set"][0] += 0.001
    kept.write_text(json.dumps(document))
    with pytest.raises(gridgate.IntegrityError, match="not those of the run"):
        gridgate.replay(run.out, f"{name}/{index}")


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Any]]:
    """Imports a text as the module `controller`."""
    monkeypatch.syspath_prepend(tmp_path)

    def load(text: str) -> Any:
        (tmp_path / "controller.py").write_text(text)
        sys.modules.pop("controller", None)
        import importlib
        import linecache

        linecache.clearcache()
        importlib.invalidate_caches()
        sys.dont_write_bytecode = True
        return importlib.import_module("controller")

    yield load
    sys.modules.pop("controller", None)


def test_the_digest_is_that_of_the_source(
    suite: Path, tmp_path: Path, module: Callable[[str], Any]
) -> None:
    import hashlib

    for text in ("def act(seen):\n    return None\n", "def act(seen):\n    return {}\n"):
        run = gridgate.run(suite, module(text).act, out=tmp_path / "run")
        expected = hashlib.sha256(text.encode()).hexdigest()
        assert run.evidence["candidate"]["digest"] == {"sha256": expected}


def hopeless(suite: Path) -> Path:
    """The suite with a gate that no grid keeps: it has losses."""
    gate = "[[gate]]\nid = 'lossless'\npopulation = 'outages'\nmetric = 'losses_mwh'\nkind = 'rate'\nover = 0\nmax = 0.3\n"
    suite.write_text(suite.read_text() + "\n" + gate)
    return suite


def test_an_episode_that_broke_a_gate_is_explained(suite: Path, tmp_path: Path) -> None:
    run = gridgate.run(hopeless(suite), "do_nothing", out=tmp_path / "run")
    worst = next(gate for gate in run.gates if gate["id"] == "lossless")["worst"][0]
    name = f"{worst['population']}/{worst['index']}"
    explained = gridgate.explain(run.out, name, gate="lossless", pairs=2)
    assert explained["schema"] == "gridgate/explanation/1"
    assert explained == gridgate.explain(run.out, name, gate="lossless", pairs=2, threads=1)
    with pytest.raises(gridgate.InputError) as wrong:
        gridgate.explain(run.out, name, gate="losseless")
    assert "losseless" in str(wrong.value)


def test_a_hunt_finds_what_breaks_a_gate(suite: Path, tmp_path: Path) -> None:
    hopeless(suite)
    found = gridgate.hunt(suite, nothing, gate="lossless", keep="all", budget=64, out=tmp_path / "hunt")
    assert found == json.loads((tmp_path / "hunt/hunt.json").read_text())
    assert found["schema"] == "gridgate/hunt/1"
    with pytest.raises(gridgate.InputError) as wrong:
        gridgate.hunt(suite, nothing, method="chemistri", out=tmp_path / "other")  # type: ignore[arg-type]
    assert "chemistry" in str(wrong.value)
