"""Reuse of freed memory, seen from the page faults of a process."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

PAGE_FAULTS = """
import resource
from wgan_cli.utils.malloc import keep_freed_memory

keep_freed_memory()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(8):
    b"x" * 80_000_000
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's malloc is tuned")


def page_faults(**environment: str) -> int:
    environment = {"PYTHONPATH": ":".join(sys.path), **environment}
    done = subprocess.run(
        [sys.executable, "-c", PAGE_FAULTS], capture_output=True, text=True, check=True, env=environment
    )
    return int(done.stdout)


def test_large_blocks_are_reused_unless_the_user_tuned_malloc():
    tuned = page_faults(MALLOC_ARENA_MAX="4")  # any setting leaves malloc alone
    assert page_faults() < tuned / 4
