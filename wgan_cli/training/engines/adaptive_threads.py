"""The number of CPU threads during training: fewer while other processes use the cores, more when they are free."""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from wgan_cli.distributed.process_group import world_size
from wgan_cli.recipe import Recipe
from wgan_cli.recipe.schema import MOST_STEPS
from wgan_cli.training.engines.autotune import MIN_STEPS
from wgan_cli.training.engines.select import Engine
from wgan_cli.utils.cores import SHARE
from wgan_cli.utils.format import Log, count_of, no_log

WINDOW = 1.0  # seconds of steps that are judged together
LASTING = 2.0  # seconds for which windows must agree before anything is tried
SLOW = 1.2  # times as long as without other processes
MARGIN = 1.1  # speedup that a change needs
TRIAL_SECONDS, TRIAL_STEPS = 0.5, 2  # a trial lasts at least this long
HOPELESS = 3.0  # times as long as before: a trial ends at once
MAX_COST = 0.01  # share of the time that unsuccessful trials may cost
PAUSE, LONGEST_PAUSE = 10.0, 300.0  # seconds after the first of several unsuccessful trials, and between later ones
REST = 5.0  # seconds with fewer threads before more are tried; doubles if the last attempt didn't last a minute
FEWER, MORE = -1, 1


def may_adapt(recipe: Recipe, device: torch.device) -> bool:
    """Return True if the number of threads may change during a run whose recipe leaves it open.

    A compiled loss is compiled again for another number, and processes that share a CPU would disturb each other.
    """
    return (
        device.type == "cpu"
        and world_size() == 1
        and recipe.engine == "eager"
        and not recipe.deterministic
        and (recipe.steps or 0) >= MIN_STEPS
        and "OMP_NUM_THREADS" not in os.environ
    )


@dataclass
class Trial:
    """Steps with another number of threads.

    Attributes:
        before: seconds per step until then.
        first: seconds of the first step, which prepares kernels and isn't judged; None before it.
    """

    count: int
    before: float
    first: float | None = None


class AdaptiveThreads:
    """An engine that runs another one with as many CPU threads as are fastest next to other processes.

    Threads wait for each other after every kernel. If another process takes the core of one of them, all are as slow as
    that one: a step on two threads can then take up to seventy times as long as on one thread, which simply shares
    its core. So if steps take longer than usual while others use the cores, a few steps with fewer threads are timed,
    and the faster number is kept. When cores are free again, more threads are tried in the same way. The more time an
    unsuccessful trial has cost, the later the next one.

    If the use of the cores is unknown, steps that take longer than usual are reason enough to try fewer threads, and
    more are tried from time to time.

    Attributes:
        count: threads in use, apart from trials. changes: how often the number was changed so far, trials included.
        best: threads to return to.
        most: largest number to try; beyond `best` if other processes ran when that was measured.

    Args:
        others: returns how many cores other processes have used since its last call, or None if that is unknown.
        cores: number of cores that `others` looks at.
        clock: seconds, from any origin.
    """

    def __init__(
        self,
        engine: Engine,
        best: int,
        most: int,
        *,
        others: Callable[[], float | None],
        cores: int,
        log: Log = no_log,
        set_threads: Callable[[int], None] = torch.set_num_threads,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.engine, self.best, self.most = engine, best, max(best, most)
        self.others, self.cores = others, cores
        self.log, self.set_threads, self.clock = log, set_threads, clock
        self.count, self.changes = best, 0
        self.usual: dict[int, float] = {}  # seconds per step by threads, without other processes
        self.trial: Trial | None = None
        self.not_before = {FEWER: 0.0, MORE: 0.0}
        self.rest, self.raised_at = REST, float("-inf")
        self._seconds, self._steps = 0.0, 0  # of the current window or trial
        self._start_over()

    def _start_over(self) -> None:
        self._wanted, self._wanted_for, self._failures = 0, 0.0, 0

    @property
    def notice(self) -> str:
        """The message of the engine that runs."""
        return self.engine.notice

    def reset(self) -> None:
        """Forget the memory addresses of tensors, because a checkpoint was restored."""
        self.engine.reset()

    def state_dict(self) -> dict[str, int]:
        """Return what a checkpoint keeps."""
        return {"count": self.count, "most": self.most, "changes": self.changes}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue with the number of threads of a checkpoint. Raises: ValueError for invalid numbers."""
        count, most, changes = (state[name] for name in ("count", "most", "changes"))
        if any(type(number) is not int or not 0 <= number <= MOST_STEPS for number in (count, most, changes)):
            raise ValueError("invalid numbers of threads")
        self.most = max(self.best, min(self.most, most))
        self.count, self.changes, self.trial = max(1, min(count, self.most)), changes, None
        self.set_threads(self.count)

    def __call__(self, step: int) -> None:
        """Run iteration `step`, counted from 0."""
        start = self.clock()
        self.engine(step)
        now = self.clock()
        self._seconds += now - start
        self._steps += 1
        if self.trial is not None:
            self._judge_trial(self.trial, now)
        elif self._seconds >= WINDOW:
            self._judge_window(now)

    def _judge_window(self, now: float) -> None:
        seconds, step_seconds, others = self._seconds, self._pop_window(), self.others()
        free = None if others is None else self.cores - others
        crowded = free is None or free < self.count - SHARE
        slow = crowded and step_seconds > SLOW * self.usual.get(self.count, 0.0)
        if free is None or not crowded:
            self.usual[self.count] = min(step_seconds, self.usual.get(self.count, step_seconds))
        wanted = 0
        if slow and self.count > 1:
            wanted = FEWER
        elif self.count < self.most and (free is None or free >= self.count + 1 - SHARE):
            wanted = MORE
        if wanted != self._wanted:
            self._start_over()
            self._wanted = wanted
        self._wanted_for += seconds  # a single step can take many
        if wanted and self._wanted_for >= LASTING and now >= self.not_before[wanted]:
            count = self._fewer(others) if wanted == FEWER else self._more(free)
            self.trial = Trial(count, step_seconds)
            self._set(count)

    def _pop_window(self) -> float:
        step_seconds = self._seconds / self._steps
        self._seconds, self._steps = 0.0, 0
        return step_seconds

    def _set(self, count: int) -> None:
        self.set_threads(count)
        self.changes += 1

    def _fewer(self, others: float | None) -> int:
        """Return a smaller number to try: the cores that are left, or half after an unsuccessful trial."""
        # A process that shares its core with one of our threads shows only half of what it wants.
        left = self.count // 2 if others is None else self.cores - round(2 * others)
        return max(1, min(self.count - 1, left, self.count >> self._failures))

    def _more(self, free: float | None) -> int:
        """Return a larger number to try: the best one, or twice as many; fewer after an unsuccessful trial."""
        target = (self.best if self.count < self.best else 2 * self.count) >> self._failures
        most = self.most if free is None else min(self.most, int(free + SHARE))
        return max(self.count + 1, min(target, most))

    def _judge_trial(self, trial: Trial, now: float) -> None:
        hopeless = self._seconds > max(TRIAL_SECONDS, HOPELESS * self._steps * trial.before)
        if trial.first is None and not hopeless:
            trial.first = self._pop_window()
        elif hopeless or (self._seconds >= TRIAL_SECONDS and self._steps >= TRIAL_STEPS):
            self._end_trial(trial, now)

    def _end_trial(self, trial: Trial, now: float) -> None:
        direction = FEWER if trial.count < self.count else MORE
        lost = (trial.first or 0.0) - trial.before + self._seconds - self._steps * trial.before
        step_seconds, self.trial = self._pop_window(), None
        self.others()  # the next window starts here
        if MARGIN * step_seconds < trial.before:
            self._keep(trial, step_seconds, direction, now)
            return
        self._set(self.count)
        pause = min(LONGEST_PAUSE, PAUSE * 2**self._failures)
        self.not_before[direction] = now + max(pause, lost / MAX_COST)
        self._failures += 1

    def _keep(self, trial: Trial, step_seconds: float, direction: int, now: float) -> None:
        why = "the machine is busy" if direction == FEWER else "cores are free"
        change = f"{count_of(self.count, 'thread')} -> {count_of(trial.count, 'thread')}"
        self.log(f"{change}: {why} ({1000 * trial.before:.3g} -> {1000 * step_seconds:.3g} ms/step)")
        self.count = trial.count
        self._start_over()
        self.not_before[-direction] = now
        if direction == MORE:
            self.raised_at = now
            return
        brief = now - self.raised_at < 60
        self.rest = min(2 * self.rest, LONGEST_PAUSE) if brief else REST
        self.not_before[MORE] = now + self.rest
