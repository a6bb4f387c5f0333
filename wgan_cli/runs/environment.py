"""The machine: which device serves, and what could make the same run differ elsewhere."""

from __future__ import annotations

import os
import platform
from datetime import datetime, timezone
from importlib import metadata
from typing import Any

import torch

from wgan_cli import __version__
from wgan_cli.errors import WganError
from wgan_cli.utils.machine import cpu_name


def resolve_device(name: str) -> torch.device:
    """Turn auto | cpu | cuda | cuda:N | mps into a device that is there; `auto` takes the fastest.

    Raises: WganError naming the devices that there are.
    """
    found = available_devices()
    if name == "auto":
        return torch.device(found[1] if len(found) > 1 else "cpu")
    if name == "cuda" and "cuda:0" in found:
        return torch.device("cuda:0")
    if name not in found:
        raise WganError(
            f"there is no device {name!r} here", f"choose one of: auto, {', '.join(found)}{_why_no_gpu(name)}"
        )
    return torch.device(name)


def _why_no_gpu(name: str) -> str:
    """What to look at where somebody expects a GPU, and torch sees none."""
    if not name.startswith("cuda") or torch.cuda.device_count():
        return ""
    if torch.version.cuda is None and torch.version.hip is None:
        return f"; torch {torch.__version__} is built for processors: pytorch.org has the build for your GPU"
    return "; torch sees no GPU: the driver must list it (nvidia-smi), and $CUDA_VISIBLE_DEVICES must not hide it"


def available_devices() -> list[str]:
    """Names that --device takes here: cpu, then cuda:0, cuda:1..., mps."""
    found = ["cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
    return [*found, "mps"] if torch.backends.mps.is_available() else found


def versions() -> dict[str, str]:
    """Versions of what computes."""
    packages = {name: metadata.version(name) for name in ("torch", "torchvision", "numpy", "pillow")}
    return {"wgan": __version__, "python": platform.python_version(), **packages}


def describe_environment(device: torch.device, command: str) -> dict[str, Any]:
    """What a later reader must know to run the same again: command, versions, device, threads, time (UTC)."""
    return {
        "command": command,
        "started": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "versions": versions(),
        "platform": platform.platform(),
        "processor": cpu_name(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "device": str(device),
        "device_name": torch.cuda.get_device_name(device) if device.type == "cuda" else cpu_name(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        # With the same a recipe gives the same bytes on a CPU; else sums may be added in another order.
        "may_differ_with": ["versions", "instructions", "threads", "device_name"],
    }
