"""What is fastest here: threads, number format and engine are tried for a few steps on copies, before training."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import NamedTuple

import torch

from wgan_cli.recipe import Recipe
from wgan_cli.training.engines.select import Iterate, rehearse
from wgan_cli.training.numerics.amp import resolve_amp
from wgan_cli.training.step import TrainingStep
from wgan_cli.utils.machine import cpu_quota

WORTH_TRIALS = 500  # steps; a shorter run is over before trials would pay
WORTH_COMPILING = 1800.0  # seconds of training; the compiler takes a minute of them, and often gains nothing
WORTH_COMPILING_ON_CPU = 7200.0  # the same where it takes two, and has not gained anything yet
MARGIN = 1.1  # times faster that an unusual choice must be, so that noise does not choose
CLOSE = 1.3  # times faster that one must be to be believed after the first turns
TURNS, MOST_TURNS = 2, 4  # of each candidate, and of two that are close
SHORT, LEAST = 0.1, 3  # of each turn: seconds and iterations at least

MakeStep = Callable[[Recipe], TrainingStep]
Log = Callable[[str], None]


class Speed(NamedTuple):
    """What is fastest here. why: what was measured, in a line. step_seconds: of the choice, or None if never timed."""

    recipe: Recipe
    why: str
    step_seconds: float | None


def resolve_speed(
    recipe: Recipe, device: torch.device, make_step: MakeStep, timed: bool = True, log: Log = lambda text: None
) -> Speed:
    """Settle threads, amp and engine, and say in a line what was measured; empty where nothing was.

    What a recipe names is taken, and an engine tried whether it works. What it leaves open is timed if the run is long,
    and else as usual: the format that the hardware multiplies, all threads, eager.

    Args:
        make_step: a step on copies of the run's networks, which may be spoilt.
        timed: whether to time anything at all.
        tell: told in words of a trial for which a person has to wait.
    Raises: WganError where the device cannot serve the number format asked for.
    """
    usual = recipe.replaced(
        amp=resolve_amp(recipe.amp, device), threads=recipe.threads or available_threads(device), engine="eager"
    )
    trials = _Trials(device, make_step, log)
    long = timed and recipe.steps >= WORTH_TRIALS
    if long and recipe.threads is None and (usual.threads or 1) > 1 and "OMP_NUM_THREADS" not in os.environ:
        usual = trials.fastest(usual, usual.replaced(threads=1))
    if long and recipe.amp == "auto" and usual.amp != "off":
        usual = trials.fastest(usual, usual.replaced(amp="off"))
    if recipe.engine not in ("auto", "eager"):
        usual = trials.only_if_it_works(usual.replaced(engine=recipe.engine), usual)
    elif long and recipe.engine == "auto":
        usual = trials.fastest_engine(usual)
    if usual.threads is not None:
        torch.set_num_threads(usual.threads)
    return Speed(usual, "; ".join(trials.notes), trials.seconds.get(usual))


def available_threads(device: torch.device) -> int | None:
    """Threads that this process may keep busy: torch's own number, but no more than affinity and container allow."""
    if device.type != "cpu":
        return None
    allowed = [torch.get_num_threads()]
    if hasattr(os, "sched_getaffinity"):
        allowed.append(len(os.sched_getaffinity(0)))
    quota = cpu_quota()
    return min(allowed + ([quota] if quota else []))


class _Trials:
    """Times candidates in turns, so that whatever else the machine does meets all of them."""

    def __init__(self, device: torch.device, make_step: MakeStep, log: Log) -> None:
        self.device = device
        self.make_step = make_step
        self.log = log
        self.notes: list[str] = []
        self.running: dict[Recipe, Iterate] = {}
        self.seconds: dict[Recipe, float] = {}  # for one iteration, the least of all turns

    def fastest(self, usual: Recipe, other: Recipe) -> Recipe:
        """The usual candidate, or another where that is clearly faster."""
        for turn in range(MOST_TURNS):
            if turn >= TURNS and max(self._ratio(usual, other), self._ratio(other, usual)) > CLOSE:
                break
            for candidate in (usual, other):
                self._turn(candidate)
        chosen = other if self._ratio(usual, other) > MARGIN else usual
        figures = (f"{_difference(a, b)} {1000 * self.seconds[a]:.1f}" for a, b in ((usual, other), (other, usual)))
        refused = usual if chosen is other else other
        del self.running[refused]  # a GPU's memory may not hold all candidates at once
        self.notes.append(f"{' or '.join(figures)} ms a step, {_difference(chosen, refused)}")
        return chosen

    def _ratio(self, one: Recipe, other: Recipe) -> float:
        """How many times as long as the other the one takes."""
        return self.seconds[one] / self.seconds[other]

    def fastest_engine(self, eager: Recipe) -> Recipe:
        """Of the engines that could pay, the fastest that works."""
        chosen = eager
        if self.device.type == "cuda":
            chosen = self._try_engine("graph", chosen)
        if eager not in self.seconds:
            self._turn(eager)
        worth = WORTH_COMPILING_ON_CPU if self.device.type == "cpu" else WORTH_COMPILING
        if self.seconds[chosen] * eager.steps > worth:
            self.log("trying for a minute or two whether a compiler is faster; --engine eager does without")
            chosen = self._try_engine("compile", chosen)
        return chosen

    def _try_engine(self, name: str, usual: Recipe) -> Recipe:
        candidate = usual.replaced(engine=name)
        return self.fastest(usual, candidate) if self.only_if_it_works(candidate, usual) is candidate else usual

    def only_if_it_works(self, candidate: Recipe, otherwise: Recipe) -> Recipe:
        """A candidate that could be rehearsed, or else another, with a note why."""
        try:
            self._start(candidate)
        except Exception as error:  # compilers and drivers fail in their own ways, and training goes on without them
            reason = next(iter(str(error).strip().splitlines()), "") or type(error).__name__
            self.notes.append(f"{candidate.engine} cannot serve: {reason[:200]}")
            return otherwise
        return candidate

    def _start(self, candidate: Recipe) -> None:
        if candidate.threads is not None:  # before anything is compiled, for so many threads
            torch.set_num_threads(candidate.threads)
        if candidate not in self.running:
            self.running[candidate] = rehearse(candidate.engine, self.make_step(candidate))
            self.running[candidate](0)
            self._wait()

    def _turn(self, candidate: Recipe) -> None:
        self._start(candidate)
        iterate, count, start = self.running[candidate], 0, time.perf_counter()
        while count < LEAST or time.perf_counter() - start < SHORT:
            iterate(count)
            count += 1
        self._wait()
        seconds = (time.perf_counter() - start) / count
        self.seconds[candidate] = min(seconds, self.seconds.get(candidate, seconds))

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


def _difference(one: Recipe, other: Recipe) -> str:
    """What one candidate has that the other has not, in a word or two."""
    if one.threads != other.threads:
        return f"{one.threads} thread{'s' if one.threads > 1 else ''}"
    if one.amp != other.amp:
        return "float32" if one.amp == "off" else one.amp
    return one.engine
