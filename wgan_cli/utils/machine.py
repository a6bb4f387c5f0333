"""The machine: processor, container limits, free memory."""

import gc
import os
import platform
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

import torch

from wgan_cli.errors import WganError

CPUINFO, MEMINFO, CGROUP = Path("/proc/cpuinfo"), Path("/proc/meminfo"), Path("/sys/fs/cgroup")
CPU_TIMES = Path("/proc/stat")


def cpu_info() -> str:
    """Return the first 4 KB of /proc/cpuinfo (model name and instruction sets), or "" on other systems."""
    try:
        with open(CPUINFO, encoding="utf-8") as file:
            return file.read(4096)
    except OSError:
        return ""


def cpu_name() -> str:
    """Return the processor's model name."""
    line = next((line for line in cpu_info().splitlines() if line.startswith("model name")), "")
    return line.partition(":")[2].strip() or platform.processor() or platform.machine()


def cpu_quota() -> int | None:
    """Return the number of whole cores that the container may use (at least 1), or None without a limit."""
    try:
        quota, period = _cgroup("cpu.max").split()
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
    lines = _cgroup("cpu.stat").splitlines()
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


def free_memory(device: torch.device) -> int | None:
    """Return the free bytes of memory on a device, within the container's limit; None if the system does not say."""
    if device.type == "cuda":
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)  # by PyTorch, for reuse
        return torch.cuda.mem_get_info(device)[0] + cached
    found = [_free_on_machine()]
    with suppress(OSError, ValueError, StopIteration):  # no limit: the word max
        limit = int(_cgroup("memory.max"))
        # memory.stat rather than memory.current, which counts the file cache as used.
        anonymous = next(line for line in _cgroup("memory.stat").splitlines() if line.startswith("anon "))
        found.append(max(0, limit - int(anonymous.split()[1])))
    return min((amount for amount in found if amount is not None), default=None)


def check_memory(what: str, needed: float, hint: str) -> None:
    """Raise a WganError with the hint if this number of bytes, which `what` needs, isn't free."""
    free = free_memory(torch.device("cpu"))
    if free is not None and needed > free:
        problem = f"{what} need {needed / 1e9:,.1f} GB of memory, but {free / 1e9:,.1f} GB are free"
        raise WganError(problem, hint)


def release_memory() -> None:
    """Return the memory of objects that are no longer used to the devices."""
    gc.collect()  # CUDA graphs keep their memory until then
    torch.cuda.empty_cache()  # other processes can't use what PyTorch caches, and large tensors not its small pieces


def _free_on_machine() -> int | None:
    with suppress(OSError, ValueError, StopIteration):
        lines = MEMINFO.read_text(encoding="ascii").splitlines()
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    with suppress(AttributeError, OSError, ValueError):  # other systems: assume that half of the memory is free
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    return None


def _cgroup(name: str) -> str:
    return (CGROUP / name).read_text(encoding="ascii")
