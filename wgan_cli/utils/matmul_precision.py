"""Precision of float32 matrix products: exact with the fastest library, TF32 on request, or the same at each call."""

import functools
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from wgan_cli.utils.machine import cpu_info


@contextmanager
def float32_matmul(device: torch.device, tf32: bool) -> Iterator[None]:
    """Compute float32 products exactly inside the block, as fast as possible; with `tf32` a GPU rounds to TF32."""
    if device.type == "cuda":
        # The older switches, because the compiler reads them. torch 2.9 to 2.11 advise against them.
        _ignore_advice()
        matmul: Any = torch.backends.cuda.matmul
        cudnn: Any = torch.backends.cudnn
        before = matmul.allow_tf32, cudnn.allow_tf32
        try:
            matmul.allow_tf32 = cudnn.allow_tf32 = tf32
            yield
        finally:
            matmul.allow_tf32, cudnn.allow_tf32 = before
    elif device.type == "cpu" and onednn_is_exact_and_faster():
        with _bf16_permitted():
            yield
    else:
        yield


@contextmanager
def repeatable_float32(device: torch.device) -> Iterator[None]:
    """Compute float32 products exactly, and on a GPU also with the same roundings each time.

    cuDNN's fastest convolutions may add numbers in another order at each call. Training keeps them.
    """
    cudnn: Any = torch.backends.cudnn
    before = cudnn.deterministic
    try:
        cudnn.deterministic = before or device.type == "cuda"
        with float32_matmul(device, tf32=False):
            yield
    finally:
        cudnn.deterministic = before


@functools.cache
def _ignore_advice() -> None:
    warnings.filterwarnings("ignore", message="Please use the new API settings to control TF32")
    warnings.filterwarnings("ignore", message="TensorFloat32 tensor cores .* not enabled")  # the compiler's


@contextmanager
def _bf16_permitted() -> Iterator[None]:
    """Make torch hand float32 products to oneDNN, which it does if bf16 would be precise enough."""
    onednn: Any = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]
    before = onednn.fp32_precision
    try:
        onednn.fp32_precision = "bf16"
        yield
    finally:
        onednn.fp32_precision = before


@functools.cache
def onednn_is_exact_and_faster() -> bool:
    """Return whether to use oneDNN for float32 products instead of MKL, torch's default, which is slow on AMD.

    A CPU with matrix tiles would use the permission and round to bf16, so products of several sizes are tested first.
    """
    if not hasattr(torch.backends.mkldnn, "matmul"):  # before torch 2.9
        return False
    if "AuthenticAMD" not in cpu_info() or not torch.backends.mkldnn.is_available():
        return False
    with _bf16_permitted():
        return all(_keeps_float32(size) for size in (64, 256, 1024))


def _keeps_float32(size: int) -> bool:
    """Return whether products keep 1 + 2^-20, which bf16 rounds to 1."""
    value = torch.full((size, size), 1 + 2.0**-20)
    identity = torch.eye(size)
    return bool(torch.equal(value @ identity, value) and torch.equal(identity @ value.t(), value))
