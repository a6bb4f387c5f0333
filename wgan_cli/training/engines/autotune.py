"""Autotuning: time threads, precision and engine on copies of the networks before training, and keep the fastest."""

import os
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch

from wgan_cli.distributed.process_group import all_reduce_max
from wgan_cli.errors import WganError
from wgan_cli.recipe import Recipe
from wgan_cli.training.engines.select import Engine
from wgan_cli.training.numerics.amp import resolve_amp
from wgan_cli.utils.cores import cpu_quota, usable_cores
from wgan_cli.utils.format import Activity, Log, count_of, no_log

MIN_STEPS = 500  # shorter runs end before autotuning pays off
MIN_SECONDS_TO_COMPILE = 1800.0  # of training; the compiler takes about a minute, and often gains nothing
MARGIN = 1.1  # speedup that an unusual choice needs, so that noise doesn't decide
THREAD_MARGIN = 1.05  # speedup that more threads need; fewer leave cores to other programs
ROUNDS = 3  # in which both candidates are timed in turn
ROUND_SECONDS, GPU_ITERATIONS = 0.1, 3  # a candidate runs at least this long; a GPU this many iterations at a time
LONG_COMPARISON = 2.0  # seconds; a round that takes as long isn't repeated, and a first step counts as the round
LONG_STEP = 1.0  # seconds on one thread, of networks that gain from many


class Autotuned(NamedTuple):
    """The fastest settings. summary: what was measured, in one line. step_seconds: None if it was never timed."""

    recipe: Recipe
    summary: str
    step_seconds: float | None


def autotune(
    recipe: Recipe,
    device: torch.device,
    build: Callable[[Recipe], Engine],
    *,
    timed: bool = True,
    log: Log = no_log,
    clock: Callable[[], float] = time.perf_counter,
) -> Autotuned:
    """Choose `threads`, `amp` and `engine`, and set torch's number of threads accordingly.

    A setting that the recipe specifies is kept; a specified engine that doesn't work falls back to graph or eager. Open
    settings are timed if the run is long, else they get their defaults: all threads, bf16 if the hardware supports it,
    eager. Intervals in seconds and minutes become numbers of steps.

    Args:
        build: returns a verified engine on disposable copies of the networks; may raise anything.
        timed: compare open settings. Without it, a recipe with intervals in seconds or minutes is still timed once.
        log: receives a message before a trial that takes minutes.
        clock: seconds, from any origin.
    Raises: WganError if the device doesn't support the precision that the recipe specifies.
    """
    threads = recipe.threads or available_threads(device)
    resolved = {"threads": threads, "amp": resolve_amp(recipe.amp, device), "engine": "eager"}
    best = recipe.model_copy(update=resolved)  # no validation: no cross-check depends on these settings
    trials = StepTimer(device, build, clock)
    timed = timed and recipe.steps is not None and recipe.steps >= MIN_STEPS
    if timed:
        log(Activity("timing threads, precision and engines"))
    chooses_engine = timed and recipe.engine == "auto" and device.type == "cuda"
    if timed and recipe.threads is None and threads is not None and "OMP_NUM_THREADS" not in os.environ:
        best = trials.fastest_threads([best.model_copy(update={"threads": count}) for count in thread_counts(threads)])
    # The engine before the precision: where launching kernels takes longest, bf16's casts only cost time.
    if recipe.engine == "graph" or (recipe.engine == "compile" and device.type == "cuda"):  # captures compiled losses
        best = trials.if_usable(best.model_copy(update={"engine": "graph"}), best)
    elif chooses_engine:
        best = trials.faster_usable(best.model_copy(update={"engine": "graph"}), best)
    if timed and recipe.amp == "auto" and best.amp != "off":
        best = trials.faster_usable(best.model_copy(update={"amp": "off"}), best)
    if recipe.engine == "compile":
        best = trials.if_usable(best.model_copy(update={"engine": "compile"}), best)
    elif chooses_engine:
        if best not in trials.seconds:
            trials.time(best)
        if trials.seconds[best] * (recipe.steps or 0) > MIN_SECONDS_TO_COMPILE:
            log("trying for a minute or two whether compiling is faster; skip this with --engine graph")
            best = trials.faster_usable(best.model_copy(update={"engine": "compile"}), best)
    if recipe.times_intervals and best not in trials.seconds:
        trials.time(best)
    if best.threads is not None:
        torch.set_num_threads(best.threads)
    seconds = trials.seconds.get(best)
    chosen = best if seconds is None else best.timed_in_steps(seconds)
    return Autotuned(chosen, "; ".join(trials.notes), seconds)


def available_threads(device: torch.device) -> int | None:
    """Return the number of CPU threads to use: torch's default, limited by affinity and container; None on a GPU."""
    if device.type != "cpu":
        return None
    limits = [torch.get_num_threads(), cpu_quota(), len(usable_cores())]
    return min(limit for limit in limits if limit is not None)


def thread_counts(most: int) -> list[int]:
    """Return 1, 2, 4, 8... below `most`, and `most`."""
    return [*(2**power for power in range((most - 1).bit_length())), most]


class StepTimer:
    """Times candidates in turns, so that a busy machine slows down all of them. All ranks find the same.

    Attributes:
        seconds: per iteration, the minimum over all rounds.
    """

    def __init__(
        self, device: torch.device, build: Callable[[Recipe], Engine], clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self.device, self.build, self.clock = device, build, clock
        self.notes: list[str] = []
        self.engines: dict[Recipe, Engine] = {}
        self.seconds: dict[Recipe, float] = {}

    def faster(self, default: Recipe, other: Recipe) -> Recipe:
        """Return the default candidate, or the other if it is faster by MARGIN."""
        chosen = self._faster(default, other, MARGIN)
        self._note(chosen, [other if chosen is default else default])
        return chosen

    def fastest_threads(self, candidates: Sequence[Recipe]) -> Recipe:
        """Return the fastest of candidates that differ in their threads, fewest first.

        The time of a step falls with the number of threads until they wait for each other longer than they save. Small
        networks reach that point soon, and beyond it a step can take ten times as long; so the search starts at one
        thread and ends at the first clearly slower count. Networks whose first step takes LONG_STEP gain from many
        threads: their search starts at the other end, which spares them a minute of slow steps.
        """
        fewest, *others = candidates
        if others and self._first_seconds(fewest) > LONG_STEP:
            del self.engines[fewest]
            fewest, *others = reversed(candidates)
        best, timed = fewest, [fewest]
        for other in others:
            previous, best = best, self._faster(best, other, THREAD_MARGIN)
            timed.append(other)
            if best is previous and self.seconds[other] > THREAD_MARGIN * self.seconds[best]:
                break
        if others:
            self._note(best, [candidate for candidate in timed if candidate is not best])
        return best

    def _faster(self, default: Recipe, other: Recipe, margin: float) -> Recipe:
        spent = 0.0
        for _ in range(ROUNDS):
            if spent < LONG_COMPARISON:
                spent += self.time(default) + self.time(other)
        is_faster = self.seconds[default] / self.seconds[other] > margin
        chosen, rejected = (other, default) if is_faster else (default, other)
        del self.engines[rejected]  # a GPU may not have enough memory for all candidates at once
        return chosen

    def _note(self, chosen: Recipe, others: Sequence[Recipe]) -> None:
        slower = [f"{_difference(other, chosen)} {1000 * self.seconds[other]:.1f}" for other in others]
        milliseconds = 1000 * self.seconds[chosen]
        self.notes.append(f"{_difference(chosen, others[0])} ({milliseconds:.1f} ms/step, {', '.join(slower)})")

    def faster_usable(self, candidate: Recipe, default: Recipe) -> Recipe:
        """Return the default, or the candidate if it works and is faster."""
        return self.faster(default, candidate) if self.if_usable(candidate, default) is candidate else default

    def if_usable(self, candidate: Recipe, default: Recipe) -> Recipe:
        """Return the candidate if its engine works, else the default and a note."""
        try:
            self._start(candidate)
            reason = ""
        except WganError:  # training couldn't continue
            raise
        except Exception as error:  # compilers and drivers fail in many ways; training continues without them
            reason = next(iter(str(error).strip().splitlines()), "") or type(error).__name__
        (failed,) = all_reduce_max("the test of an engine", bool(reason))
        if failed:
            self.engines.pop(candidate, None)
            what = _difference(candidate, default)
            self.notes.append(f"{what} does not work here: {reason[:200] or 'it failed on another rank'}")
        return default if failed else candidate

    def _start(self, candidate: Recipe) -> None:
        if candidate.threads is not None:  # before compiling, which depends on it
            torch.set_num_threads(candidate.threads)
        if candidate not in self.engines:
            self.engines[candidate] = self.build(candidate)

    def time(self, candidate: Recipe) -> float:
        """Time one round of a candidate, after one untimed iteration before its first round; return its seconds."""
        self._start(candidate)
        if candidate not in self.seconds:
            first = self._first_seconds(candidate)
            if first > LONG_COMPARISON and self.device.type == "cpu":
                self.seconds[candidate] = first
                return first
        engine, count, elapsed, start = self.engines[candidate], 0, 0.0, self.clock()
        while not count or elapsed < ROUND_SECONDS:
            # A GPU's queue takes hundreds before the clock shows any time.
            for _ in range(1 if self.device.type == "cpu" else GPU_ITERATIONS):
                engine(count)
                count += 1
            self._synchronize()
            elapsed = self._seconds_since(start)
        seconds = elapsed / count
        self.seconds[candidate] = min(seconds, self.seconds.get(candidate, seconds))
        return elapsed

    def _first_seconds(self, candidate: Recipe) -> float:
        """Run the first iteration, which prepares kernels and memory, and return its seconds."""
        self._start(candidate)
        start = self.clock()
        self.engines[candidate](0)
        self._synchronize()
        return self._seconds_since(start)

    def _seconds_since(self, start: float) -> float:
        """Return the seconds of the slowest rank, so that all take the same number of steps."""
        (microseconds,) = all_reduce_max("the time of a step", round(1e6 * (self.clock() - start)))
        return microseconds / 1e6

    def _synchronize(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        elif self.device.type == "mps":
            torch.mps.synchronize()


def _difference(one: Recipe, other: Recipe) -> str:
    """Name what `one` has and `other` doesn't."""
    if one.threads is not None and one.threads != other.threads:
        return count_of(one.threads, "thread")
    if one.amp != other.amp:
        return "float32" if one.amp == "off" else one.amp
    return one.engine
