"""How float32 matrix products are computed: true to float32 by the fastest library there is, or in TF32 if asked."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from wgan_cli.utils.machine import cpu_info


@contextmanager
def float32_products(device: torch.device, tf32: bool) -> Iterator[None]:
    """Within it, float32 products run the fastest way that keeps float32; with `tf32` a GPU rounds them to TF32."""
    if device.type == "cuda":
        # Through the older settings, which the compiler reads; torch refuses to tell them where the newer ones differ.
        before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
        change, wanted = _set_tf32, (tf32, tf32)
    elif device.type == "cpu" and onednn_is_exact_and_faster():
        before = (torch.backends.mkldnn.matmul.fp32_precision,)
        change, wanted = _set_onednn, ("bf16",)
    else:
        yield
        return
    try:
        change(*wanted)
        yield
    finally:
        change(*before)


def _set_tf32(products: bool, convolutions: bool) -> None:
    torch.backends.cuda.matmul.allow_tf32 = products
    torch.backends.cudnn.allow_tf32 = convolutions


def _set_onednn(precision: str) -> None:
    torch.backends.mkldnn.matmul.fp32_precision = precision


@functools.cache
def onednn_is_exact_and_faster() -> bool:
    """Whether to hand float32 products to oneDNN, which torch does where it is told that bf16 would be good enough.

    On AMD's processors that is twice as fast as MKL, torch's usual choice, which has slow code for other makers'. A
    processor with matrix tiles would take the permission and round to bf16, so each product is tried before: a sum that
    only float32 gets right must come out right.
    """
    if not hasattr(torch.backends.mkldnn, "matmul"):  # before torch 2.9
        return False
    if "AuthenticAMD" not in cpu_info() or not torch.backends.mkldnn.is_available():
        return False
    before = torch.backends.mkldnn.matmul.fp32_precision
    _set_onednn("bf16")
    try:
        return all(_keeps_float32(side) for side in (64, 256, 1024))
    finally:
        _set_onednn(before)


def _keeps_float32(side: int) -> bool:
    """Whether products of this size keep 1 + 2^-20, which bf16 rounds to 1."""
    fine = torch.full((side, side), 1 + 2.0**-20)
    one = torch.eye(side)
    return bool(torch.equal(fine @ one, fine) and torch.equal(one @ fine.t(), fine))
