"""Helpers of the GPU check: results.jsonl, the device, timing."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

OUT = Path(os.environ.get("OUT", "/tmp/gpu_out"))
WORK = Path(os.environ.get("WORK", "/tmp/gpu_work"))
DEVICE = os.environ.get("GPU_DEVICE", "cuda:0")
failures: list[str] = []  # kinds of the figures that could not be taken, or are of something else than asked for


def keep(kind: str, **facts) -> None:
    """Append a figure to results.jsonl and sync it to disk."""
    if has_failed(facts):
        failures.append(kind)
    OUT.mkdir(parents=True, exist_ok=True)
    line = json.dumps({"kind": kind, **facts}, default=str)
    with open(OUT / "results.jsonl", "a", encoding="utf-8") as file:
        file.write(line + "\n")
        file.flush()
        os.fsync(file.fileno())
    print(line[:1500], flush=True)


def has_failed(figure: Mapping[str, Any]) -> bool:
    """Return True for a figure that could not be taken, has NaN in it, or is of another engine than asked for."""
    other_engine = "engine" in figure and figure.get("got", figure["engine"]) != figure["engine"]
    return "failed" in figure or bool(figure.get("trouble") or figure.get("nonfinite")) or other_engine


def four(value: float) -> float:
    return float(f"{value:.4g}")


def describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error)[:300]}"


def device() -> torch.device:
    return torch.device(DEVICE)


def synchronize() -> None:
    if device().type == "cuda":
        torch.cuda.synchronize()


def event_ms(call: Callable[[], object], count: int) -> float:
    """Return device milliseconds per call over `count` calls."""
    if device().type != "cuda":
        began = time.perf_counter()
        for _ in range(count):
            call()
        return 1000 * (time.perf_counter() - began) / count
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    for _ in range(count):
        call()
    end.record()
    torch.cuda.synchronize()
    return start.elapsed_time(end) / count


def utilization(start: float, end: float) -> float | None:
    """Return the mean utilization in percent between two times, from smi.csv."""
    try:
        rows = [line.split(",") for line in (OUT / "smi.csv").read_text().splitlines()]
    except OSError:
        return None
    found = [float(row[1]) for row in rows if len(row) == 5 and start <= float(row[0]) <= end]
    return four(sum(found) / len(found)) if found else None
