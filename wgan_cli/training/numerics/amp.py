"""Number formats: which one serves, and what half precision needs around a step."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor

from wgan_cli.errors import WganError
from wgan_cli.training.numerics.matmul_precision import float32_products

_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def resolve_amp(amp: str, device: torch.device) -> str:
    """Turn `auto` into the format that serves a device: bf16 where the hardware multiplies it, else off.

    Raises: WganError where the device cannot serve the format asked for.
    """
    if amp == "auto":
        return "bf16" if _multiplies_bf16(device) else "off"
    if amp == "fp16" and device.type != "cuda":
        raise WganError(f"--amp fp16 needs a CUDA device, and this run is on {device}", "use --amp bf16 or --amp off")
    return amp


def _multiplies_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type != "cpu":
        return False
    if not hasattr(torch.cpu, "get_capabilities"):  # before torch 2.10
        return torch.cpu._is_amx_tile_supported()
    has = torch.cpu.get_capabilities()
    return bool(has.get("avx512_bf16") or has.get("amx_bf16"))


def insist_on_same_bits(deterministic: bool, device: torch.device) -> None:
    """Let a GPU run only kernels that give the same bits each time, or any again; a processor runs no others."""
    if device.type == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without which cuBLAS may choose by chance
        torch.use_deterministic_algorithms(deterministic)


class Precision:
    """A number format around a step: autocast in the losses, and a scaled loss for fp16. Weights stay float32.

    Args:
        amp: "off", "bf16" or "fp16", as `resolve_amp` gives it.
        tf32: whether a GPU may round the factors of float32 products to TF32.
    """

    def __init__(self, amp: str, device: torch.device, tf32: bool = False) -> None:
        self.amp = amp
        self.device = device
        self.tf32 = tf32
        self.scaler = torch.amp.GradScaler(device.type, enabled=amp == "fp16")

    def autocast(self) -> AbstractContextManager:
        """The context in which losses are computed."""
        return torch.autocast(self.device.type, _DTYPES.get(self.amp, torch.bfloat16), enabled=self.amp != "off")

    @property
    def half(self) -> torch.dtype | None:
        """The type of products, where it is not float32."""
        return _DTYPES.get(self.amp)

    def products(self) -> AbstractContextManager:
        """The context of a whole iteration: how its float32 products are computed."""
        return float32_products(self.device, self.tf32)

    def backward(self, loss: Tensor) -> None:
        """Compute gradients of a loss."""
        self.scaler.scale(loss).backward()

    def step(self, optimizer: torch.optim.Optimizer, clip: Callable[[], None] | None = None) -> None:
        """Follow the gradients, bounded by `clip`; fp16 leaves out a step whose gradients overflowed."""
        if clip is not None:
            self.scaler.unscale_(optimizer)
            clip()
        self.scaler.step(optimizer)
        self.scaler.update()

    def state_dict(self) -> dict[str, Any]:
        """The loss scale; empty but for fp16."""
        return self.scaler.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue with another's loss scale."""
        self.scaler.load_state_dict(state)
