"""The C library's memory allocator."""

import ctypes
import os

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h
_NEVER = 2**31 - 1


def keep_freed_memory() -> None:
    """Let malloc reuse freed memory instead of returning it to the system; only where glibc is the C library.

    glibc maps blocks of 32 MB and more into the process each time and unmaps them when they are freed, so that a
    training step on a CPU page-faults through each of its large tensors again. That is a quarter of the processor time
    of cifar10_dcgan, and a third of tutorial_pool_wgan's. The peak of memory in use stays the same. Does nothing if the
    user has tuned malloc through the environment.
    """
    tuned = any(name == "GLIBC_TUNABLES" or name.startswith("MALLOC_") for name in os.environ)
    if tuned or os.name != "posix":
        return
    libc = ctypes.CDLL(None)
    if hasattr(libc, "gnu_get_libc_version"):
        libc.mallopt(_M_MMAP_THRESHOLD, _NEVER)
        libc.mallopt(_M_TRIM_THRESHOLD, _NEVER)
