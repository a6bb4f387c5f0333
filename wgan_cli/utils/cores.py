"""The processor's cores: those that this process may use, and those that other processes leave it.

Imports no torch, so that a command can begin to measure before it does.
"""

import math
import os
import time
from collections.abc import Collection
from functools import cache
from pathlib import Path

CGROUP, CPU_TIMES = Path("/sys/fs/cgroup"), Path("/proc/stat")
SHARE = 0.25  # of a core that other processes may use before it counts as theirs


def cpu_quota() -> int | None:
    """Return the number of whole cores that the container may use (at least 1), or None without a limit."""
    try:
        quota, period = read_cgroup("cpu.max").split()
        return None if quota == "max" else max(1, int(quota) // int(period))
    except (OSError, ValueError, ZeroDivisionError):
        return None


def usable_cores() -> frozenset[int]:
    """Return the numbers of the cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return frozenset(os.sched_getaffinity(0))
    return frozenset(range(os.cpu_count() or 1))


class OtherProcesses:
    """Measures how many of the cores that this process may run on other processes use, on Linux.

    In a container that may use fewer cores than that, other processes are those in the container.

    Attributes:
        cores: number of these cores, within the container's limit.
    """

    def __init__(self) -> None:
        usable, quota = usable_cores(), cpu_quota()
        self._limited = quota is not None and quota < len(usable)
        self.cores = quota if quota is not None and self._limited else len(usable)
        self._names = {f"cpu{core}" for core in usable}
        self._last = self._times()

    def __call__(self) -> float | None:
        """Return the mean number of cores since the last call, or None if the system doesn't tell."""
        before, self._last = self._last, self._times()
        if before is None or self._last is None:
            return None
        elapsed, busy, own = (now - then for now, then in zip(self._last, before, strict=True))
        if elapsed <= 0 or 2 * busy < own:  # some sandboxes count nothing
            return None
        return min(max(0.0, busy - own) / elapsed, float(self.cores))  # a tick of 10 ms is counted as a whole

    def _times(self) -> tuple[float, float, float] | None:
        """Return seconds on the clock, seconds that all cores together were busy, and those with this process."""
        try:
            busy = _container_time() if self._limited else _core_time(self._names)
        except (OSError, ValueError, StopIteration):
            return None
        return time.perf_counter(), busy, time.process_time()


def _container_time() -> float:
    """Return the seconds that the container's processes have used."""
    lines = read_cgroup("cpu.stat").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("usage_usec ")) / 1e6


def _core_time(names: Collection[str]) -> float:
    """Return the seconds that cores were busy, by their names in /proc/stat."""
    ticks = 0
    with open(CPU_TIMES, encoding="ascii") as file:
        for line in file:
            name, *times = line.split()
            if not name.startswith("cpu"):
                break
            if name in names:  # user, nice, system, idle, waiting for disks, interrupts (2), stolen
                ticks += sum(map(int, times[:3])) + sum(map(int, times[5:8]))
    return ticks / os.sysconf("SC_CLK_TCK")


@cache
def others_since_start() -> OtherProcesses:
    """Return a measurement that began with the first call."""
    return OtherProcesses()


def leave_busy_cores() -> None:
    """Limit torch to as many CPU threads as other processes have left cores for since `others_since_start`.

    Threads wait for each other after every kernel. If another process takes the core of one of them, all are as slow as
    that one. $OMP_NUM_THREADS is respected.
    """
    import torch

    others = others_since_start()
    used = others()
    if used is not None and "OMP_NUM_THREADS" not in os.environ:
        left = math.floor(others.cores - used + SHARE)
        torch.set_num_threads(max(1, min(left, torch.get_num_threads())))


def read_cgroup(name: str) -> str:
    """Return the content of a file of the container's limits. Raises: OSError without such a file."""
    return (CGROUP / name).read_text(encoding="ascii")
