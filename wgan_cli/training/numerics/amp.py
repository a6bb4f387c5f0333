"""Mixed precision: the choice of the dtype, autocast and loss scaling."""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor

from wgan_cli.errors import WganError
from wgan_cli.utils.matmul_precision import float32_matmul

_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def resolve_amp(amp: str, device: torch.device) -> str:
    """Turn `auto` into bf16 if the hardware multiplies it, else off.

    Raises: WganError if the device doesn't support the requested dtype.
    """
    if amp == "auto":
        if device.type == "cuda":
            with torch.cuda.device(device):
                fast = torch.cuda.is_bf16_supported(including_emulation=False)
        elif device.type != "cpu":
            fast = False
        elif hasattr(torch.cpu, "get_capabilities"):
            fast = bool(
                {"avx512_bf16", "amx_bf16"} & {name for name, has in torch.cpu.get_capabilities().items() if has}
            )
        else:  # before torch 2.10
            fast = torch.cpu._is_amx_tile_supported()
        return "bf16" if fast else "off"
    if amp == "fp16" and device.type != "cuda":
        raise WganError(
            f"--amp fp16 needs a CUDA device, and this run is on {device}",
            "use --amp bf16 or --amp off; a run that has started needs --allow amp too",
        )
    return amp


def set_deterministic(deterministic: bool, device: torch.device) -> None:
    """Allow only deterministic kernels on a GPU if asked to; CPU kernels are always deterministic.

    Raises: WganError if it is too late for that in this process.
    """
    if not deterministic or device.type != "cuda":
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # required by cuBLAS
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        _multiply(device)
    except RuntimeError as error:
        if "CUBLAS_WORKSPACE_CONFIG" not in str(error):
            raise
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        raise WganError(
            "`deterministic` needs CUBLAS_WORKSPACE_CONFIG=:4096:8, without which this process has used the GPU",
            "set it before Python starts: export CUBLAS_WORKSPACE_CONFIG=:4096:8",
        ) from error


def _multiply(device: torch.device) -> None:
    """Compute a product, in which torch reads cuBLAS's configuration: once per process."""
    factor = torch.ones(2, 2, device=device)
    torch.mm(factor, factor)


class Precision:
    """Mixed precision of a step: autocast in the losses, loss scaling for fp16. Weights stay float32.

    Args:
        amp: "off", "bf16" or "fp16", see `resolve_amp`.
        tf32: whether a GPU may round the factors of float32 products to TF32.

    Attributes:
        half_dtype: the dtype of products; None for float32.
        scaler: holds the loss scale; its state is empty unless the dtype is fp16.
    """

    def __init__(self, amp: str, device: torch.device, tf32: bool = False) -> None:
        self.amp = amp
        self.device = device
        self.tf32 = tf32
        self.half_dtype = _DTYPES.get(amp)
        self.scaler = torch.amp.GradScaler(device.type, enabled=amp == "fp16")

    def autocast(self) -> AbstractContextManager[Any]:
        """Return the context for computing losses."""
        return torch.autocast(self.device.type, self.half_dtype or torch.bfloat16, enabled=self.amp != "off")

    def matmul(self) -> AbstractContextManager[None]:
        """Return the context of a whole iteration, which sets how float32 products are computed."""
        return float32_matmul(self.device, self.tf32)

    def backward(self, loss: Tensor) -> None:
        """Compute the gradients of a loss, scaled for fp16."""
        self.scaler.scale(loss).backward()

    def step(self, optimizer: torch.optim.Optimizer, clip: Callable[[], None] | None = None) -> None:
        """Clip the gradients and take an optimizer step; fp16 skips it if gradients overflowed."""
        if clip is not None:
            self.scaler.unscale_(optimizer)
            clip()
        self.scaler.step(optimizer)
        self.scaler.update()
