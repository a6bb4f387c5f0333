"""Free memory of a device."""

from __future__ import annotations

import torch

from wgan_cli.utils.machine import free_host_memory


def free_memory(device: torch.device) -> int | None:
    """Return the free bytes of memory on a device; None if the system does not say."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else free_host_memory()
