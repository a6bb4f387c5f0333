"""The machine: processor, container limits, free memory."""

import gc
import os
import platform
from contextlib import suppress
from pathlib import Path

import torch

CPUINFO, MEMINFO, CGROUP = Path("/proc/cpuinfo"), Path("/proc/meminfo"), Path("/sys/fs/cgroup")


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


def free_memory(device: torch.device) -> int | None:
    """Return the free bytes of memory on a device, within the container's limit; None if the system does not say."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    found = [_free_on_machine()]
    with suppress(OSError, ValueError, StopIteration):  # no limit: the word max
        limit = int(_cgroup("memory.max"))
        # memory.stat rather than memory.current, which counts the file cache as used.
        anonymous = next(line for line in _cgroup("memory.stat").splitlines() if line.startswith("anon "))
        found.append(max(0, limit - int(anonymous.split()[1])))
    return min((amount for amount in found if amount is not None), default=None)


def release_memory() -> None:
    """Return the memory of objects that are no longer used to the devices."""
    gc.collect()  # CUDA graphs keep their memory until then
    torch.cuda.empty_cache()  # `free_memory` counts what PyTorch caches as used


def _free_on_machine() -> int | None:
    with suppress(OSError, ValueError, StopIteration):
        lines = MEMINFO.read_text(encoding="ascii").splitlines()
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    with suppress(AttributeError, OSError, ValueError):  # other systems: assume that half of the memory is free
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    return None


def _cgroup(name: str) -> str:
    return (CGROUP / name).read_text(encoding="ascii")
