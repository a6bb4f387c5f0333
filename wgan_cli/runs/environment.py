"""The machine: available devices, and everything that could make the same run differ elsewhere."""

import os
import platform
from datetime import datetime, timezone
from functools import cache
from importlib import metadata
from typing import Any

import torch

from wgan_cli import __version__
from wgan_cli.errors import WganError
from wgan_cli.utils.machine import cpu_name


def resolve_device(name: str) -> torch.device:
    """Return the device for auto | cpu | cuda | cuda:N | mps; `auto` prefers a GPU.

    Raises: WganError naming the available devices.
    """
    gpus = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    found = ["cpu", *gpus, *(["mps"] if torch.backends.mps.is_available() else [])]
    if name == "auto":
        return torch.device(found[1] if len(found) > 1 else "cpu")
    if name == "cuda" and "cuda:0" in found:
        return torch.device("cuda:0")
    if name not in found:
        advice = ""
        if name.startswith("cuda") and not gpus:
            if torch.version.cuda is None and torch.version.hip is None:
                advice = f"; torch {torch.__version__} is a CPU build: see pytorch.org for the build for your GPU"
            else:
                advice = "; torch sees no GPU: check nvidia-smi and $CUDA_VISIBLE_DEVICES"
        raise WganError(f"device {name!r} is not available", f"choose one of: auto, {', '.join(found)}{advice}")
    return torch.device(name)


def versions() -> dict[str, str]:
    """Return the versions of wgan, Python and the numerical packages."""
    return {"wgan": __version__, "python": platform.python_version(), **_package_versions()}


@cache
def _package_versions() -> dict[str, str]:
    """Read package metadata from disk once per process, not for every checkpoint."""
    return {name: metadata.version(name) for name in ("torch", "torchvision", "numpy", "pillow")}


def describe_environment(device: torch.device, command: str) -> dict[str, Any]:
    """Return what is needed to reproduce a run: command, versions, device, threads, start time (UTC)."""
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
        # If these are equal, a recipe gives the same bytes on a CPU; otherwise the order of summation may differ.
        "may_differ_with": ["versions", "instructions", "threads", "device_name"],
    }
