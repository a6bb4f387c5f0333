"""The choice of threads, precision and engine, with a fake clock and fake engines."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
import torch

from wgan_cli.errors import EngineUnavailable, WganError
from wgan_cli.recipe import Recipe
from wgan_cli.runs.continuation import continued_recipe
from wgan_cli.training.engines import autotune as module
from wgan_cli.training.engines.autotune import (
    MARGIN,
    MIN_SECONDS_TO_COMPILE,
    MIN_STEPS,
    ROUNDS,
    THREAD_MARGIN,
    autotune,
    available_threads,
    thread_counts,
)

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
PATHS = {"name": "gan", "path_length_weight": 2.0, "path_length_every": 1}
OPEN = {"amp": "auto", "engine": "auto", "steps": MIN_STEPS}


class Machine:
    """A processor that multiplies bf16, with two cores by default. `cost` returns the seconds of an iteration."""

    def __init__(self) -> None:
        self.now, self.cores = 0.0, 2
        self.cost: Callable[[Recipe], float] = lambda recipe: 0.01
        self.failures: dict[str, BaseException] = {}  # by engine
        self.built: list[tuple[int | None, str, str]] = []
        self.turns: list[tuple[int | None, str, str]] = []  # without repetitions
        self.threads_differ = False

    def build(self, recipe: Recipe):
        self.built.append(settings(recipe))
        if recipe.engine in self.failures:
            raise self.failures[recipe.engine]

        def run(step: int) -> None:
            self.threads_differ |= recipe.threads not in (None, torch.get_num_threads())
            if self.turns[-1:] != [settings(recipe)]:
                self.turns.append(settings(recipe))
            self.now += self.cost(recipe)

        return run

    def autotune(self, recipe: Recipe, device: torch.device = CPU, **options):
        return autotune(recipe, device, self.build, clock=lambda: self.now, **options)


@pytest.fixture
def machine(monkeypatch) -> Machine:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    found = Machine()
    monkeypatch.setattr(module, "available_threads", lambda device: found.cores if device.type == "cpu" else None)
    monkeypatch.setattr(module, "resolve_amp", lambda amp, device: "bf16" if amp == "auto" else amp)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: None)
    threads = torch.get_num_threads()
    yield found
    torch.set_num_threads(threads)


def settings(recipe: Recipe) -> tuple[int | None, str, str]:
    return recipe.threads, recipe.amp, recipe.engine


@pytest.mark.parametrize("speedup", [0.5, 1.0, THREAD_MARGIN - 0.01, THREAD_MARGIN + 0.01])
def test_more_threads_must_be_clearly_faster(machine, small, speedup):
    machine.cost = lambda recipe: 0.01 / (speedup if recipe.threads == 2 else 1)
    tuned = machine.autotune(small.recipe(steps=MIN_STEPS, engine="auto"))
    threads = 2 if speedup > THREAD_MARGIN else 1
    assert settings(tuned.recipe) == (threads, "off", "eager")
    assert tuned.summary.startswith(f"{threads} thread") and "10.0" in tuned.summary
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize("speedup", [0.5, 1.0, MARGIN - 0.01, MARGIN + 0.01])
def test_unusual_precision_must_be_clearly_faster(machine, small, speedup):
    machine.cost = lambda recipe: 0.01 / (speedup if recipe.amp == "off" else 1)
    tuned = machine.autotune(small.recipe(**OPEN, threads=2))
    assert settings(tuned.recipe) == (2, "off" if speedup > MARGIN else "bf16", "eager")
    assert "bf16" in tuned.summary and "float32" in tuned.summary and "10.0" in tuned.summary


def test_thread_counts():
    assert [thread_counts(most) for most in (1, 2, 3, 6, 16)] == [
        [1],
        [1, 2],
        [1, 2, 3],
        [1, 2, 4, 6],
        [1, 2, 4, 8, 16],
    ]


def curve(serial: float, parallel: float, waiting: float) -> Callable[[int], float]:
    """Milliseconds of a step by threads: what only one does, what all share, and waiting for each other."""
    return lambda threads: serial + parallel / threads + waiting * threads


CURVES = {  # what a step costs by threads, its best count, the counts that are timed, and at most how many seconds
    "tiny": (curve(2, 3, 1), 2, {1, 2, 4}, 2),
    "small": (curve(5, 30, 1), 4, {1, 2, 4, 8, 16}, 4),
    "medium": (curve(5, 100, 0.3), 16, {1, 2, 4, 8, 16, 32}, 4),
    "large": (curve(20, 900, 0.1), 64, {1, 2, 4, 8, 16, 32, 64}, 14),
    "huge": (curve(100, 20_000, 0.1), 64, {1, 64, 32}, 24),
    "one thread only": (curve(10, 0, 0), 1, {1, 2, 4, 8, 16, 32, 64}, 5),
    "plateau": ({1: 40, 2: 21, 4: 20.5, 8: 20.4, 16: 20.6, 32: 23}.get, 2, {1, 2, 4, 8, 16, 32}, 4),
    "step on a plateau": ({1: 40, 2: 39, 4: 21, 8: 20.5, 16: 30}.get, 4, {1, 2, 4, 8, 16}, 4),
    "oversubscribed": ({1: 46, 2: 3300}.get, 1, {1, 2}, 4),
}


@pytest.mark.parametrize(("cost", "best", "timed", "seconds"), CURVES.values(), ids=CURVES)
def test_threads_along_a_curve(machine, small, cost, best, timed, seconds):
    """The search finds the fastest count on 64 cores, without running far beyond it."""
    machine.cores = 64
    machine.cost = lambda recipe: cost(recipe.threads) / 1000
    tuned = machine.autotune(small.recipe(steps=MIN_STEPS, engine="eager"))
    assert tuned.recipe.threads == best and tuned.summary.startswith(f"{best} thread")
    assert {threads for threads, _, _ in machine.turns} == timed
    assert machine.now < seconds and len(machine.built) == len(timed)


@pytest.mark.parametrize("seed", range(5))
def test_threads_on_a_noisy_machine(machine, small, seed):
    """Steps that take up to half as long again, and a pause now and then, cost at most a tenth of the speed."""
    noise, cost, machine.cores = random.Random(seed), curve(5, 30, 1), 64
    machine.cost = lambda recipe: cost(recipe.threads) / 1000 * noise.uniform(1, 1.5) + 0.3 * (noise.random() < 0.01)
    threads = machine.autotune(small.recipe(steps=MIN_STEPS, engine="eager")).recipe.threads
    assert threads in (4, 8) and cost(threads) < 1.1 * cost(4)


def test_settings_are_chosen_one_after_the_other(machine, small):
    costs = {(2, "bf16"): 0.04, (1, "bf16"): 0.02, (1, "off"): 0.01}
    machine.cost = lambda recipe: costs[recipe.threads, recipe.amp]
    tuned = machine.autotune(small.recipe(**OPEN))
    assert settings(tuned.recipe) == (1, "off", "eager")
    assert tuned.step_seconds == pytest.approx(0.01)
    assert tuned.summary.count("; ") == 1 and "\n" not in tuned.summary
    assert len(machine.built) == len(set(machine.built)) == 3
    assert not machine.threads_differ
    assert machine.autotune(tuned.recipe).step_seconds is None


@pytest.mark.parametrize("busy_turn", range(2 * ROUNDS))
def test_best_of_alternating_rounds(machine, small, busy_turn):
    """A machine that is busy during one turn doesn't change the choice."""
    machine.cost = lambda recipe: 1.0 if len(machine.turns) - 1 == busy_turn else 0.01
    tuned = machine.autotune(small.recipe(steps=MIN_STEPS, engine="eager"))
    assert [threads for threads, _, _ in machine.turns] == [1, 2] * ROUNDS
    assert tuned.recipe.threads == 1 and tuned.summary.startswith("1 thread (10.0 ms")


@pytest.mark.parametrize(
    ("changes", "options", "expected"),
    [
        ({**OPEN, "threads": 7, "amp": "bf16", "engine": "eager"}, {}, (7, "bf16", "eager")),
        ({**OPEN, "steps": MIN_STEPS - 1}, {}, (2, "bf16", "eager")),
        (OPEN, {"timed": False}, (2, "bf16", "eager")),
    ],
    ids=["specified", "short", "untimed"],
)
def test_nothing_is_timed(machine, small, changes, options, expected):
    tuned = machine.autotune(small.recipe(**changes), **options)
    assert (settings(tuned.recipe), tuned.summary, machine.built) == (expected, "", [])
    assert torch.get_num_threads() == expected[0]


def test_specified_engine_is_verified_but_not_timed(machine, small):
    machine.cost = lambda recipe: 100.0
    tuned = machine.autotune(small.recipe(steps=MIN_STEPS, threads=1, engine="compile"))
    assert (settings(tuned.recipe), tuned.summary) == ((1, "off", "compile"), "")
    assert machine.built == [(1, "off", "compile")] and not machine.threads_differ


def test_compiled_losses_get_the_precision_that_is_faster_in_a_graph(machine, small):
    """Eagerly, where launching kernels takes longest, bf16 only adds casts."""
    seconds = {("eager", "bf16"): 2.0, ("eager", "off"): 1.0, ("graph", "bf16"): 0.1, ("graph", "off"): 0.2}
    machine.cost = lambda recipe: seconds[recipe.engine, recipe.amp] / MIN_STEPS
    tuned = machine.autotune(small.recipe(**{**OPEN, "engine": "compile"}), CUDA)
    assert settings(tuned.recipe) == (None, "bf16", "compile")


def test_omp_num_threads_is_respected(machine, small, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    tuned = machine.autotune(small.recipe(steps=MIN_STEPS, engine="eager"))
    assert (tuned.recipe.threads, tuned.summary, machine.built) == (2, "", [])


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (EngineUnavailable("a graph needs a CUDA device"), "a graph needs a CUDA device"),
        (RuntimeError("\n  no compiler\nCommand: g++ and\na long log"), "no compiler"),
        (NotImplementedError(), "NotImplementedError"),
        (ValueError("x" * 1000), "x" * 200),
    ],
)
def test_failing_engine_gives_its_reason_in_a_line(machine, small, failure, reason):
    machine.failures["compile"] = failure
    tuned = machine.autotune(small.recipe(steps=10, threads=2, engine="compile"))
    assert tuned.recipe.engine == "eager"
    assert tuned.summary.startswith("compile ") and tuned.summary.endswith(f": {reason}")


def test_keyboard_interrupt_is_not_swallowed(machine, small):
    machine.failures["compile"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        machine.autotune(small.recipe(threads=2, engine="compile"))


@pytest.mark.parametrize(
    ("device", "seconds", "tried"),
    [
        (CPU, 100 * MIN_SECONDS_TO_COMPILE, False),
        (CUDA, 0.9 * MIN_SECONDS_TO_COMPILE, False),
        (CUDA, 1.1 * MIN_SECONDS_TO_COMPILE, True),
    ],
)
def test_compile_is_tried_in_long_gpu_runs(machine, small, device, seconds, tried):
    messages = []
    machine.cost = lambda recipe: (0.5 if recipe.engine == "compile" else 1.0) * seconds / MIN_STEPS
    recipe = small.recipe(steps=MIN_STEPS, threads=2, engine="auto")
    tuned = machine.autotune(recipe, device, log=messages.append)
    assert (tuned.recipe.engine == "compile") == tried
    assert ("compile" in {engine for _, _, engine in machine.built}) == tried
    assert sum("--engine" in text for text in messages) == tried


@pytest.mark.parametrize(
    ("costs", "failing", "engine"),
    [
        ({"eager": 1.0, "graph": 0.2, "compile": 0.1}, (), "compile"),
        ({"eager": 1.0, "graph": 0.2, "compile": 0.19}, (), "graph"),
        ({"eager": 1.0, "graph": 0.95, "compile": 2.0}, (), "eager"),
        ({"eager": 1.0, "compile": 0.1}, ("graph",), "compile"),
        ({"eager": 1.0}, ("graph", "compile"), "eager"),
        ({"eager": 1.0, "graph": 0.2}, ("compile",), "graph"),
    ],
)
def test_fastest_engine_on_a_gpu(machine, small, costs, failing, engine):
    before = torch.get_num_threads()
    machine.cost = lambda recipe: MIN_SECONDS_TO_COMPILE / MIN_STEPS * 10 * costs[recipe.engine]
    machine.failures = {name: EngineUnavailable(f"no {name}") for name in failing}
    tuned = machine.autotune(small.recipe(steps=MIN_STEPS, engine="auto"), CUDA)
    assert settings(tuned.recipe) == (None, "off", engine)
    assert len(tuned.summary.split("; ")) == 2 and all(f"no {name}" in tuned.summary for name in failing)
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("timed", [True, False])
def test_times_become_steps(machine, small, timed):
    """At 10 ms per step; also in runs that are too short to choose anything."""
    machine.cost = lambda recipe: 0.01
    changes = {"log_every": "0.5 seconds", "sample_every": "1.2345 minutes", "save_every": "1 second", "threads": 1}
    tuned = machine.autotune(small.recipe(steps=100, **changes), timed=timed)
    assert (tuned.recipe.log_every, tuned.recipe.sample_every, tuned.recipe.save_every) == (50, 7400, 100)
    machine.cost = lambda recipe: 100.0
    assert machine.autotune(small.recipe(steps=100, **changes)).recipe.log_every == 1
    assert machine.autotune(tuned.recipe).recipe.sample_every == 7400, "a resumed run keeps its steps"


@pytest.mark.parametrize("engine", ["auto", "graph"])
def test_precision_is_timed_under_the_engine(machine, small, engine):
    """The casts of bf16 cost more than its products save if launching kernels takes longest."""
    costs = {("bf16", "eager"): 6.0, ("off", "eager"): 5.0, ("bf16", "graph"): 1.0, ("off", "graph"): 3.0}
    machine.cost = lambda recipe: 1e-3 * costs[recipe.amp, recipe.engine]
    tuned = machine.autotune(small.recipe(**{**OPEN, "engine": engine}), CUDA)
    assert settings(tuned.recipe) == (None, "bf16", "graph")
    costs["off", "graph"] = 0.5
    assert settings(machine.autotune(small.recipe(**{**OPEN, "engine": engine}), CUDA).recipe) == (None, "off", "graph")


def test_queue_of_a_device_is_bounded(machine, small, monkeypatch):
    """Asking for an iteration costs the host almost nothing; the device does it later."""
    queued, done = [], []
    machine.cost = lambda recipe: queued.append(0.5) or 1e-4

    def synchronize(device: torch.device) -> None:
        machine.now += sum(queued)
        done.append(len(queued))
        queued.clear()

    monkeypatch.setattr(torch.cuda, "synchronize", synchronize)
    tuned = machine.autotune(small.recipe(steps=MIN_STEPS, engine="auto", amp="off"), CUDA)
    assert max(done) <= 4 and machine.now < 15
    assert tuned.step_seconds == pytest.approx(0.5, rel=1e-3)


def test_unexpected_end_of_a_trial_is_not_swallowed(machine, small):
    machine.failures["graph"] = WganError("the device is unusable", "restart")
    with pytest.raises(WganError, match="unusable"):
        machine.autotune(small.recipe(steps=MIN_STEPS, engine="auto"), CUDA)


@pytest.mark.parametrize(
    ("default", "affinity", "quota", "expected"), [(8, 4, None, 4), (8, 16, None, 8), (8, 4, 3, 3), (2, 4, 3, 2)]
)
def test_available_threads(monkeypatch, default, affinity, quota, expected):
    monkeypatch.setattr(torch, "get_num_threads", lambda: default)
    monkeypatch.setattr(module, "usable_cores", lambda: frozenset(range(affinity)))
    monkeypatch.setattr(module, "cpu_quota", lambda: quota)
    assert available_threads(CPU) == expected
    assert available_threads(CUDA) is None


@pytest.fixture
def real_trials(machine, monkeypatch) -> None:
    """Time real engines, briefly, and keep the defaults."""
    monkeypatch.setattr(module, "MIN_STEPS", 1)
    monkeypatch.setattr(module, "ROUND_SECONDS", 0.0)
    monkeypatch.setattr(module, "ROUNDS", 1)
    monkeypatch.setattr(module, "MARGIN", float("inf"))
    monkeypatch.setattr(module, "THREAD_MARGIN", 0.0)


def test_trials_leave_no_trace(small, real_trials):
    """Networks, RNG states, the loader and the objective's memory equal those of a run with specified settings."""
    tuned = small.state("style", amp="auto", engine="auto", objective=PATHS)
    assert len(tuned.autotune_summary.split("; ")) == 2
    noise = torch.get_rng_state()
    specified = small.state("style", amp="bf16", engine="eager", threads=2, objective=PATHS)
    assert specified.autotune_summary == "" and tuned.recipe == specified.recipe
    assert torch.equal(noise, torch.get_rng_state())
    assert (tuned.loader.epoch, tuned.loader.cursor, tuned.loader.position.item()) == (0, 0, 0)
    runs = []
    for state in (tuned, specified):
        torch.set_rng_state(noise)
        runs.append(small.content(small.run(state, 3)))
    torch.testing.assert_close(*runs, rtol=0, atol=0)


def test_resumed_run_keeps_what_was_chosen(small, real_trials):
    open_recipe = small.recipe(amp="auto", engine="auto")
    saved = small.state(amp="auto", engine="auto").full_checkpoint().recipe
    assert settings(saved) == (2, "bf16", "eager")
    resumed = continued_recipe(saved, open_recipe)
    assert settings(resumed) == settings(saved)


def test_note_names_the_precision_that_fails(machine, small):
    build = machine.build

    def build_bf16(recipe: Recipe):
        if recipe.amp == "off":
            raise EngineUnavailable("no such kernel")
        return build(recipe)

    machine.build = build_bf16
    tuned = machine.autotune(small.recipe(**{**OPEN, "engine": "graph"}), CUDA)
    assert settings(tuned.recipe) == (None, "bf16", "graph")
    assert tuned.summary == "float32 does not work here: no such kernel"


@pytest.mark.parametrize("device", ["cpu", "cuda", "mps"])
def test_a_round_ends_when_the_device_is_done(machine, monkeypatch, device):
    waited = []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: waited.append("cuda"))
    monkeypatch.setattr(torch.mps, "synchronize", lambda: waited.append("mps"))
    module.StepTimer(torch.device(device), machine.build)._synchronize()
    assert waited == [device] * (device != "cpu")
