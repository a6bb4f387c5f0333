"""The choice of threads, number format and engine, with a clock and steps that only pretend."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch

from wgan_cli.errors import EngineUnavailable
from wgan_cli.recipe import Recipe
from wgan_cli.training.engines import autotune
from wgan_cli.training.engines.autotune import (
    CLOSE,
    MARGIN,
    MOST_TURNS,
    TURNS,
    WORTH_COMPILING,
    WORTH_COMPILING_ON_CPU,
    WORTH_TRIALS,
    available_threads,
    resolve_speed,
)
from wgan_cli.training.state import continued_recipe

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
ON_CPU = WORTH_COMPILING_ON_CPU
LONG = WORTH_TRIALS
OPEN = {"amp": "auto", "engine": "auto", "steps": LONG}


class Machine:
    """Two processors that multiply bf16. `cost` says how many seconds an iteration takes; nothing is computed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.threads = 2
        self.cost: Callable[[Recipe], float] = lambda recipe: 0.01
        self.refuses: dict[str, Exception] = {}  # by engine
        self.tried: list[tuple[int | None, str, str]] = []
        self.ran_with: set[tuple[int | None, int]] = set()  # threads wanted and had
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
        monkeypatch.setattr(autotune, "time", SimpleNamespace(perf_counter=lambda: self.now))
        monkeypatch.setattr(autotune, "rehearse", self.rehearse)
        monkeypatch.setattr(autotune, "available_threads", lambda device: 2 if device.type == "cpu" else None)
        monkeypatch.setattr(autotune, "resolve_amp", lambda amp, device: "bf16" if amp == "auto" else amp)
        monkeypatch.setattr(torch, "set_num_threads", self.set_threads)
        monkeypatch.setattr(torch.cuda, "synchronize", lambda device: None)

    def set_threads(self, count: int) -> None:
        self.threads = count

    def rehearse(self, engine: str, recipe: Recipe):
        """As the real one; a step is its recipe here."""
        self.tried.append((recipe.threads, recipe.amp, engine))
        self.ran_with.add((recipe.threads, self.threads))
        if engine in self.refuses:
            raise self.refuses[engine]

        def iterate(number: int) -> None:
            self.ran_with.add((recipe.threads, self.threads))
            self.now += self.cost(recipe)

        return iterate

    def resolve(self, recipe: Recipe, device: torch.device = CPU) -> tuple[Recipe, str]:
        return resolve_speed(recipe, device, lambda trial: trial)[:2]


@pytest.fixture
def machine(monkeypatch) -> Machine:
    return Machine(monkeypatch)


def chosen(recipe: Recipe) -> tuple[int | None, str, str]:
    return recipe.threads, recipe.amp, recipe.engine


@pytest.mark.parametrize(("times_faster", "threads"), [(0.5, 2), (1.0, 2), (MARGIN - 0.01, 2), (MARGIN + 0.01, 1)])
def test_fewer_threads_only_where_that_is_clearly_faster(machine, small, times_faster, threads):
    machine.cost = lambda recipe: 0.01 / (times_faster if recipe.threads == 1 else 1)
    recipe, note = machine.resolve(small.recipe(steps=LONG, engine="auto"))
    assert chosen(recipe) == (threads, "off", "eager")
    assert "2 threads 10.0 or 1 thread" in note and note.endswith(f"{threads} thread{'s' * (threads > 1)}")
    assert machine.threads == threads, "the process runs with what was chosen, whatever was tried last"


@pytest.mark.parametrize(("times_faster", "amp"), [(0.5, "bf16"), (MARGIN - 0.01, "bf16"), (MARGIN + 0.01, "off")])
def test_float32_only_where_it_is_clearly_faster(machine, small, times_faster, amp):
    machine.cost = lambda recipe: 0.01 / (times_faster if recipe.amp == "off" else 1)
    recipe, note = machine.resolve(small.recipe(**OPEN, threads=2))
    assert chosen(recipe) == (2, amp, "eager")
    assert note.startswith("bf16 10.0 or float32") and note.endswith("float32" if amp == "off" else "bf16")


def test_everything_that_is_open_is_settled_one_after_the_other(machine, small):
    costs = {(2, "bf16"): 0.04, (1, "bf16"): 0.02, (1, "off"): 0.01}
    machine.cost = lambda recipe: costs[recipe.threads, recipe.amp]
    recipe, note = machine.resolve(small.recipe(**OPEN))
    assert chosen(recipe) == (1, "off", "eager")
    assert note.count("; ") == 1 and "\n" not in note
    assert len(machine.tried) == len(set(machine.tried)), "nobody is built twice"
    assert all(wanted == had for wanted, had in machine.ran_with)


@pytest.mark.parametrize("busy_turn", range(2 * MOST_TURNS))
def test_turns_alternate_and_the_best_of_each_counts(machine, small, busy_turn):
    """A machine that is busy during one turn says nothing about the candidate whose turn it was."""
    order = []

    def cost(recipe: Recipe) -> float:
        if not order or order[-1] != recipe.threads:
            order.append(recipe.threads)
        return 1.0 if len(order) - 1 == busy_turn else 0.01

    machine.cost = cost
    recipe, note = machine.resolve(small.recipe(steps=LONG, engine="eager"))
    assert order == [2, 1] * MOST_TURNS, "two that are close have more turns"
    assert recipe.threads == 2 and note.startswith("2 threads 10.0 or 1 thread 10.0 ms")


@pytest.mark.parametrize(("times_faster", "turns"), [(CLOSE - 0.01, MOST_TURNS), (CLOSE + 0.01, TURNS)])
def test_who_is_far_ahead_needs_no_more_turns(machine, small, times_faster, turns):
    order = []

    def cost(recipe: Recipe) -> float:
        if not order or order[-1] != recipe.threads:
            order.append(recipe.threads)
        return 0.01 / (times_faster if recipe.threads == 1 else 1)

    machine.cost = cost
    machine.resolve(small.recipe(steps=LONG, engine="eager"))
    assert order == [2, 1] * turns


def test_the_seconds_of_the_choice_are_told_where_it_was_timed(machine, small):
    machine.cost = lambda recipe: 0.01 if recipe.threads == 1 else 0.04
    speed = resolve_speed(small.recipe(steps=LONG, engine="eager"), CPU, lambda trial: trial)
    assert (speed.recipe.threads, speed.step_seconds) == (1, pytest.approx(0.01))
    assert resolve_speed(speed.recipe, CPU, lambda trial: trial).step_seconds is None


@pytest.mark.parametrize(("seconds", "said"), [(ON_CPU / LONG - 0.1, 0), (ON_CPU / LONG + 0.1, 1)])
def test_who_waits_for_a_compiler_is_told_why(machine, small, seconds, said):
    machine.cost, told = lambda recipe: seconds, []
    recipe = small.recipe(steps=LONG, threads=2, amp="off", engine="auto")
    resolve_speed(recipe, CPU, lambda trial: trial, log=told.append)
    assert len(told) == said and all("--engine eager" in text for text in told)


def test_what_a_recipe_names_is_taken_untimed(machine, small):
    recipe, note = machine.resolve(small.recipe(steps=LONG, threads=7, amp="bf16", engine="eager"))
    assert chosen(recipe) == (7, "bf16", "eager")
    assert (note, machine.tried, machine.threads) == ("", [], 7)


def test_a_named_engine_is_tried_but_not_timed(machine, small):
    machine.cost = lambda recipe: 100.0 if recipe.engine == "compile" else 0.01
    recipe, note = machine.resolve(small.recipe(steps=LONG, threads=1, amp="off", engine="compile"))
    assert (chosen(recipe), note) == ((1, "off", "compile"), "")
    assert machine.tried == [(1, "off", "compile")]
    assert machine.ran_with == {(1, 1)}, "compiled with the threads that it is to run with"


@pytest.mark.parametrize("steps", [1, WORTH_TRIALS - 1])
def test_a_short_run_is_not_timed(machine, small, steps):
    recipe, note = machine.resolve(small.recipe(**{**OPEN, "steps": steps}))
    assert chosen(recipe) == (2, "bf16", "eager")
    assert (note, machine.tried) == ("", [])


def test_the_users_own_number_of_threads_is_respected(machine, small, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    machine.cost = lambda recipe: 0.001 if recipe.threads == 1 else 0.01
    recipe, note = machine.resolve(small.recipe(steps=LONG, engine="eager"))
    assert (recipe.threads, note, machine.tried) == (2, "", [])


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (EngineUnavailable("a graph needs a CUDA device"), "a graph needs a CUDA device"),
        (RuntimeError("\n  no compiler\nCommand: g++ and\na long log"), "no compiler"),
        (NotImplementedError(), "NotImplementedError"),
        (ValueError("x" * 1000), "x" * 200),
    ],
)
@pytest.mark.parametrize("steps", [10, LONG])
def test_an_engine_that_fails_gives_its_reason_in_a_line(machine, small, failure, reason, steps):
    machine.refuses["compile"] = failure
    recipe, note = machine.resolve(small.recipe(steps=steps, threads=2, engine="compile"))
    assert recipe.engine == "eager"
    assert note == f"compile cannot serve: {reason}"


def test_a_user_who_interrupts_a_trial_is_heard(machine, small):
    machine.refuses["compile"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        machine.resolve(small.recipe(threads=2, engine="compile"))


@pytest.mark.parametrize(("seconds", "tried"), [(0.9 * ON_CPU, False), (1.1 * ON_CPU, True)])
def test_the_compiler_is_tried_where_the_run_is_long_enough_to_pay(machine, small, seconds, tried):
    machine.cost = lambda recipe: (0.5 if recipe.engine == "compile" else 1.0) * seconds / LONG
    recipe, note = machine.resolve(small.recipe(steps=LONG, threads=2, engine="auto"))
    assert recipe.engine == ("compile" if tried else "eager")
    assert (note != "") == tried
    assert ("compile" in {engine for _, _, engine in machine.tried}) == tried


@pytest.mark.parametrize(
    ("costs", "refused", "engine", "notes"),
    [
        ({"eager": 1.0, "graph": 0.2, "compile": 0.1}, (), "compile", 2),
        ({"eager": 1.0, "graph": 0.2, "compile": 0.19}, (), "graph", 2),
        ({"eager": 1.0, "graph": 0.95, "compile": 2.0}, (), "eager", 2),
        ({"eager": 1.0, "compile": 0.1}, ("graph",), "compile", 2),
        ({"eager": 1.0}, ("graph", "compile"), "eager", 2),
        ({"eager": 1.0, "graph": 0.2}, ("compile",), "graph", 2),
    ],
)
def test_on_a_gpu_the_fastest_engine_that_works(machine, small, costs, refused, engine, notes):
    machine.cost = lambda recipe: WORTH_COMPILING / LONG * 10 * costs[recipe.engine]
    machine.refuses = {name: EngineUnavailable(f"no {name}") for name in refused}
    recipe, note = machine.resolve(small.recipe(steps=LONG, engine="auto"), CUDA)
    assert chosen(recipe) == (None, "off", engine)
    assert len(note.split("; ")) == notes and "\n" not in note
    assert all(f"{name} cannot serve: no {name}" in note for name in refused)
    assert machine.threads == 2, "on a GPU the processor's threads stay as they are"


@pytest.mark.parametrize(
    ("own", "affinity", "quota", "allowed"), [(8, 4, None, 4), (8, 16, None, 8), (8, 4, 3, 3), (2, 4, 3, 2)]
)
def test_threads_are_the_least_of_what_anybody_allows(monkeypatch, own, affinity, quota, allowed):
    monkeypatch.setattr(torch, "get_num_threads", lambda: own)
    monkeypatch.setattr(autotune.os, "sched_getaffinity", lambda process: set(range(affinity)), raising=False)
    monkeypatch.setattr(autotune, "cpu_quota", lambda: quota)
    assert available_threads(CPU) == allowed
    assert available_threads(CUDA) is None


@pytest.fixture
def real_trials(monkeypatch) -> list[str]:
    """Everything is tried, for a moment, and the unusual wins; gives the notes of what was compared."""
    compared: list[str] = []

    def fastest(self, usual: Recipe, other: Recipe) -> Recipe:
        compared.append(f"{usual.threads}{usual.amp}{usual.engine} {other.threads}{other.amp}{other.engine}")
        self._turn(usual)
        self._turn(other)
        self.notes.append("timed")
        return usual

    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(autotune, "WORTH_TRIALS", 1)
    monkeypatch.setattr(autotune, "SHORT", 0.0)
    monkeypatch.setattr(autotune, "available_threads", lambda device: 2)
    monkeypatch.setattr(autotune, "resolve_amp", lambda amp, device: "bf16" if amp == "auto" else amp)
    monkeypatch.setattr(autotune._Trials, "fastest", fastest)
    threads = torch.get_num_threads()
    yield compared
    torch.set_num_threads(threads)


def test_trials_leave_the_run_as_it_was(small, real_trials):
    """Networks, random numbers and the feed are those of a run whose settings were named, bit by bit."""
    tried = small.state("dcgan", amp="auto", engine="auto")
    assert real_trials == ["2bf16eager 1bf16eager", "2bf16eager 2offeager"]
    assert tried.why_so_fast == "timed; timed"
    noise = torch.get_rng_state()
    named = small.state("dcgan", amp="bf16", engine="eager", threads=2)
    assert len(real_trials) == 2
    assert tried.recipe == named.recipe
    assert torch.equal(noise, torch.get_rng_state())
    assert (tried.loader.epoch, tried.loader.cursor, tried.loader.place.item()) == (0, 0, 0)
    torch.testing.assert_close(small.content(tried), small.content(named), rtol=0, atol=0)
    runs = []
    for state in (tried, named):
        torch.set_rng_state(noise)
        runs.append(small.content(small.run(state, 3)))
    torch.testing.assert_close(*runs, rtol=0, atol=0)


def test_what_was_chosen_is_saved_and_a_resumed_run_does_not_choose_again(small, real_trials):
    open_recipe = small.recipe(amp="auto", engine="auto")
    state = small.state(amp="auto", engine="auto")
    saved = state.full_checkpoint().recipe
    assert (saved.threads, saved.amp, saved.engine) == (2, "bf16", "eager")
    real_trials.clear()
    again = small.state(
        **{key: getattr(continued_recipe(saved, open_recipe), key) for key in ("threads", "amp", "engine")}
    )
    assert (real_trials, again.why_so_fast) == ([], "")
    assert again.recipe == saved
