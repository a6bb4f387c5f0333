"""How float32 matrix products are computed: true to float32 by the fastest library there is, or in TF32 if asked."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def float32_products(device: torch.device, tf32: bool) -> Iterator[None]:
    """Within it, float32 products run the fastest way that keeps float32; with `tf32` a GPU rounds them to TF32."""
    if not hasattr(torch.backends.mkldnn, "matmul"):  # before torch 2.9
        yield
        return
    if device.type == "cuda":
        wanted = "tf32" if tf32 else "ieee"
        places = (torch.backends.cuda.matmul, torch.backends.cudnn.conv)
    elif device.type == "cpu" and onednn_is_exact_and_faster():
        wanted, places = "bf16", (torch.backends.mkldnn.matmul,)
    else:
        wanted, places = "", ()
    before = [place.fp32_precision for place in places]
    try:
        for place in places:
            place.fp32_precision = wanted
        yield
    finally:
        for place, value in zip(places, before, strict=True):
            place.fp32_precision = value


@functools.cache
def onednn_is_exact_and_faster() -> bool:
    """Whether to hand float32 products to oneDNN, which torch does where it is told that bf16 would be good enough.

    On AMD's processors that is twice as fast as MKL, torch's usual choice, which has slow code for other makers'. A
    processor with matrix tiles would take the permission and round to bf16, so each product is tried before: a sum that
    only float32 gets right must come out right.
    """
    if "AuthenticAMD" not in _processor_facts() or not torch.backends.mkldnn.is_available():
        return False
    before = torch.backends.mkldnn.matmul.fp32_precision
    torch.backends.mkldnn.matmul.fp32_precision = "bf16"
    try:
        return all(_keeps_float32(side) for side in (64, 256, 1024))
    finally:
        torch.backends.mkldnn.matmul.fp32_precision = before


def _keeps_float32(side: int) -> bool:
    """Whether products of this size keep 1 + 2^-20, which bf16 rounds to 1."""
    fine = torch.full((side, side), 1 + 2.0**-20)
    one = torch.eye(side)
    return bool(torch.equal(fine @ one, fine) and torch.equal(one @ fine.t(), fine))


def _processor_facts() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return file.read(4096)
    except OSError:
        return ""
