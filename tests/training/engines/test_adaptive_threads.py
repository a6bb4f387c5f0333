"""The number of threads next to other processes, on a simulated machine with a fake clock."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest
import torch

from wgan_cli.training.engines import adaptive_threads as module
from wgan_cli.training.engines.adaptive_threads import AdaptiveThreads, may_adapt

WITHIN = 10.0  # seconds after a change
WORST = 1.3  # times as slow as the best number of threads


def mnist_dcgan(threads: int, busy: int) -> float:
    """Milliseconds of a step on two cores, as measured."""
    if threads == 1:
        return (39, 43, 46)[min(busy, 2)]
    return (27, 114, 630, 3300, 3300, 8300)[min(busy, 5)]


def tiny(threads: int, busy: int) -> float:
    """A network that gains nothing from a second core."""
    return 4.0 + 0.5 * threads + 40 * (threads > 1 and busy > 0)


def sixteen_cores(serial: float, parallel: float, waiting: float) -> Callable[[int, int], float]:
    """A step on 16 cores; each thread that shares its core delays all others."""

    def cost(threads: int, busy: int) -> float:
        shared = max(0, threads + busy - 16)
        return serial + (parallel / threads + waiting * threads) * (1 + min(shared, 3) * (threads > 1))

    return cost


class Machine:
    """A machine whose busy processes change over time, and an engine that takes `cost` milliseconds per step."""

    def __init__(self, cost: Callable[[int, int], float], cores: int = 2, noise: float = 0.0, tells: bool = True):
        self.cost, self.cores, self.noise, self.tells = cost, cores, random.Random(0), tells
        self.spread = noise
        self.now, self.busy, self.threads = 0.0, 0, 0
        self.taken, self.since = 0.0, 0.0  # by others: cores times seconds since they were last asked for
        self.messages: list[str] = []
        self.resets = 0
        self.notice = "a notice"

    def __call__(self, step: int) -> None:
        seconds = self.cost(self.threads, self.busy) / 1000 * self.noise.uniform(1, 1 + self.spread)
        if self.spread and self.noise.random() < 0.002:
            seconds += 0.7  # a pause: the disk, a garbage collection
        self.wait(seconds)

    def wait(self, seconds: float) -> None:
        share = min(1.0, self.cores / (self.threads + self.busy))
        self.now, self.taken = self.now + seconds, self.taken + seconds * self.busy * share

    def others(self) -> float | None:
        cores = self.taken / max(1e-9, self.now - self.since)
        self.taken, self.since = 0.0, self.now
        return cores if self.tells else None

    def reset(self) -> None:
        self.resets += 1

    def set_threads(self, count: int) -> None:
        self.threads = count

    def start(self, best: int, most: int | None = None) -> AdaptiveThreads:
        self.threads = best
        return AdaptiveThreads(
            self,
            best,
            most or best,
            others=self.others,
            cores=self.cores,
            log=self.messages.append,
            set_threads=self.set_threads,
            clock=lambda: self.now,
        )

    def run(self, engine: AdaptiveThreads, seconds: float, busy: int) -> float:
        """Train next to busy processes; return how slow the numbers in use were, relative to the best one.

        The first seconds after the change don't count, nor does noise.
        """
        self.busy, settled, used = busy, self.now + WITHIN, []
        end = self.now + seconds
        while self.now < end:
            if self.now >= settled:
                used.append(self.cost(self.threads, busy))
            engine(0)
        return sum(used) / len(used) / min(self.cost(count, busy) for count in range(1, self.cores + 1))


@pytest.mark.parametrize(
    ("cost", "cores", "best"),
    [
        (mnist_dcgan, 2, 2),
        (sixteen_cores(2, 60, 0.3), 16, 16),
        (sixteen_cores(20, 3000, 0.3), 16, 16),
        (sixteen_cores(4, 12, 1), 16, 4),
        (tiny, 2, 1),
    ],
    ids=["measured", "large", "huge", "small", "tiny"],
)
def test_ten_seconds_after_a_change_no_other_number_is_much_faster(cost, cores, best):
    machine = Machine(cost, cores, noise=0.15)
    engine = machine.start(best)
    for busy in (0, 1, 0, 2, 1, 0, 3, 0, 6, 0):
        assert machine.run(engine, 60, busy) < WORST, (busy, engine.count, machine.messages)
    assert len(machine.messages) <= 20


def test_changes_are_told_and_counted():
    machine = Machine(mnist_dcgan)
    engine = machine.start(2)
    machine.run(engine, 30, busy=0)
    assert (engine.count, engine.changes, machine.messages) == (2, 0, [])
    machine.run(engine, 30, busy=1)
    assert (engine.count, engine.changes) == (1, 1) and machine.threads == 1
    machine.run(engine, 30, busy=0)
    assert (engine.count, engine.changes) == (2, 2) and machine.threads == 2
    assert machine.messages == [
        "2 threads -> 1 thread: the machine is busy (114 -> 43 ms/step)",
        "1 thread -> 2 threads: cores are free (39 -> 27 ms/step)",
    ]


@pytest.mark.parametrize("cost", [mnist_dcgan, tiny])
def test_nothing_changes_on_an_idle_machine(cost):
    """Not even by pauses and noise, so that a run on an idle machine stays exact."""
    machine = Machine(cost, noise=0.4)
    engine = machine.start(2)
    machine.run(engine, 900, busy=0)
    assert engine.changes == 0


def test_slower_steps_alone_are_no_reason():
    """Without other processes, fewer threads don't help: the processor is hot, or the images come slowly."""
    machine = Machine(lambda threads, busy: 27 if machine.now < 60 else 60)
    engine = machine.start(2)
    machine.run(engine, 300, busy=0)
    assert engine.changes == 0


@pytest.mark.parametrize("tells", [True, False])
def test_unsuccessful_trials_cost_a_hundredth(tells):
    """Other processes slow down steps by half, and fewer threads don't help."""
    machine = Machine(lambda threads, busy: (300 if threads == 1 else 100) * (1 + 0.5 * (busy > 0)), tells=tells)
    engine = machine.start(2)
    machine.run(engine, 60, busy=0)
    start, steps, count = machine.now, 0, engine.count
    machine.busy = 1
    while machine.now < start + 3600:
        engine(0)
        steps += 1
    assert engine.count == count == 2 and 2 <= engine.changes < 120
    assert (machine.now - start) / (0.15 * steps) < 1.01


@pytest.mark.parametrize("busy", [1, 3])
def test_trials_grow_rare_where_the_load_is_unknown(busy):
    """Without knowing what others use, fewer threads are found as fast, and more are tried in affordable intervals."""
    machine = Machine(mnist_dcgan, tells=False)
    engine = machine.start(2)
    machine.run(engine, 60, busy=0)
    assert machine.run(engine, 60, busy) < WORST
    start, steps, one_thread = machine.now, 0, mnist_dcgan(1, busy) / 1000
    while machine.now < start + 3600:
        engine(0)
        steps += 1
    lost, last_trial = machine.now - start - one_thread * steps, mnist_dcgan(2, busy) / 1000
    assert lost < 0.01 * 3600 + last_trial and engine.count == 1
    machine.run(engine, 600, busy=0)
    assert engine.count == 2


def test_time_between_steps_does_not_count():
    """Evaluations and checkpoints are no slow steps, and no cost of a trial."""
    machine = Machine(mnist_dcgan)
    engine = machine.start(2)
    for number in range(20_000):
        machine.busy = int(number > 10_000)
        engine(0)
        if number % 3 == 0:
            machine.wait(5.0)
    assert engine.count == 1 and engine.changes == 1


def test_number_measured_on_a_busy_machine_is_exceeded():
    machine = Machine(mnist_dcgan)
    engine = machine.start(1, most=2)
    assert machine.run(engine, 60, busy=1) < WORST and engine.changes == 0
    assert machine.run(engine, 60, busy=0) < 1.01 and engine.count == 2


def test_more_threads_than_cores():
    """A run resumed on a smaller machine doesn't stay slow."""
    machine = Machine(sixteen_cores(2, 60, 0.3))
    machine.cost = lambda threads, busy: 30 if threads == 2 else 40 if threads == 1 else 400
    engine = machine.start(8)
    assert machine.run(engine, 60, busy=0) < 1.01 and engine.count == 2


def test_load_that_comes_and_goes_does_not_flood_the_log():
    machine = Machine(mnist_dcgan)
    engine = machine.start(2)
    for number in range(360):
        machine.run(engine, 12, busy=number % 2)
    assert len(machine.messages) < 60


def test_state_of_a_checkpoint():
    machine = Machine(mnist_dcgan)
    engine = machine.start(2)
    machine.run(engine, 30, busy=1)
    other = Machine(mnist_dcgan)
    resumed = other.start(2)
    resumed.load_state_dict(engine.state_dict())
    assert (resumed.count, resumed.changes, resumed.most, other.threads) == (1, 1, 2, 1)
    for wrong in ({"count": 1.0}, {"count": -1}, {"changes": "1"}, {"most": math.nan}):
        with pytest.raises(ValueError, match="threads"):
            resumed.load_state_dict({**engine.state_dict(), **wrong})


def test_it_is_an_engine():
    machine = Machine(mnist_dcgan)
    engine = machine.start(2)
    engine.reset()
    assert machine.resets == 1 and engine.notice == "a notice"


@pytest.mark.parametrize(
    ("device", "changes", "environment", "expected"),
    [
        ("cpu", {}, {}, True),
        ("cuda", {}, {}, False),
        ("cpu", {"deterministic": True}, {}, False),
        ("cpu", {"engine": "compile"}, {}, False),
        ("cpu", {"steps": module.MIN_STEPS - 1}, {}, False),
        ("cpu", {}, {"OMP_NUM_THREADS": "2"}, False),
    ],
)
def test_runs_whose_threads_stay(small, monkeypatch, device, changes, environment, expected):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    recipe = small.recipe(**{"steps": module.MIN_STEPS, **changes})
    assert may_adapt(recipe, torch.device(device)) == expected
