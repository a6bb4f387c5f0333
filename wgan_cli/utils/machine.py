"""The machine: processor and free memory."""

import gc
import os
import platform
from contextlib import suppress
from pathlib import Path

import torch

from wgan_cli.errors import WganError
from wgan_cli.utils.cores import read_cgroup

CPUINFO, MEMINFO = Path("/proc/cpuinfo"), Path("/proc/meminfo")


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


def free_memory(device: torch.device) -> int | None:
    """Return the free bytes of memory on a device, within the container's limit; None if the system does not say."""
    if device.type == "cuda":
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)  # by PyTorch, for reuse
        return torch.cuda.mem_get_info(device)[0] + cached
    found = [_free_on_machine()]
    with suppress(OSError, ValueError, StopIteration):  # no limit: the word max
        limit = int(read_cgroup("memory.max"))
        # memory.stat rather than memory.current, which counts the file cache as used.
        anonymous = next(line for line in read_cgroup("memory.stat").splitlines() if line.startswith("anon "))
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
