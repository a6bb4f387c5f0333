"""Memory does not grow during a long run."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

STATM = Path("/proc/self/statm")
STEPS, WARM = 2000, 600
MOST_GROWTH = 4e6  # bytes over the whole run: less than one batch more each hundred steps


@pytest.mark.slow
@pytest.mark.skipif(not STATM.exists(), reason="needs Linux's /proc")
def test_memory_does_not_grow(wgan_process):
    often = [word for name in ("log", "sample", "save") for word in ("--set", f"{name}_every=20")]
    process = wgan_process.start("train", "--device", "cpu", *often, "--steps", STEPS, "--out", "mine")
    seen = []
    for line in process.stderr:
        if line.startswith("step "):
            step = int(line.split()[1].partition("/")[0])
            pages = Path(f"/proc/{process.pid}/statm")
            if step < STEPS:  # it may be gone after its last line
                seen.append((step, int(pages.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")))
    assert process.wait(timeout=60) == 0
    steps, resident = np.array([pair for pair in seen if pair[0] >= WARM], dtype=float).T
    assert len(steps) > 50
    growth = np.polyfit(steps, resident, 1)[0] * STEPS
    assert growth < MOST_GROWTH, f"{growth / 1e6:.1f} MB over {STEPS} steps"
