"""Precision of float32 products: torch's settings are restored, and products stay exact."""

from __future__ import annotations

import pytest
import torch

from wgan_cli.utils import matmul_precision
from wgan_cli.utils.matmul_precision import float32_matmul, onednn_is_exact_and_faster, repeatable_float32

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
ONEDNN = getattr(torch.backends.mkldnn, "matmul", None)
needs_onednn = pytest.mark.skipif(ONEDNN is None, reason="torch before 2.9 has no such setting")


def settings() -> list[object]:
    """Return the settings of CPU matmuls, GPU matmuls and GPU convolutions."""
    backends = torch.backends
    onednn = getattr(ONEDNN, "fp32_precision", None)
    return [onednn, backends.cuda.matmul.allow_tf32, backends.cudnn.allow_tf32]


@pytest.fixture
def cpu_vendor(monkeypatch):
    """Pretend to run on a vendor's CPU; whether its products are exact is tested all the same."""

    def pretend(vendor: str) -> None:
        monkeypatch.setattr(matmul_precision, "cpu_info", lambda: f"vendor_id : {vendor}")
        onednn_is_exact_and_faster.cache_clear()

    yield pretend
    onednn_is_exact_and_faster.cache_clear()


@pytest.mark.parametrize("tf32", [False, True])
@pytest.mark.parametrize("device", [CPU, CUDA, torch.device("mps")])
def test_settings_are_restored(device, tf32):
    before = settings()
    with float32_matmul(device, tf32):
        pass
    assert settings() == before
    with pytest.raises(KeyError), float32_matmul(device, tf32):
        raise KeyError("a loss failed")
    assert settings() == before


@pytest.mark.parametrize("tf32", [False, True])
def test_gpu_rounds_to_tf32_on_request(tf32):
    with float32_matmul(CUDA, tf32):
        assert settings()[1:] == [tf32, tf32]


@pytest.mark.parametrize("asked", [False, True])
def test_gpu_convolutions_are_repeatable_inside_the_block(monkeypatch, asked):
    cudnn = torch.backends.cudnn
    monkeypatch.setattr(cudnn, "deterministic", asked)
    for device in (CPU, CUDA):
        with repeatable_float32(device):
            assert cudnn.deterministic == (asked or device is CUDA)
            assert device is CPU or settings()[1:] == [False, False]
        assert cudnn.deterministic == asked
    with float32_matmul(CUDA, tf32=False):
        assert cudnn.deterministic == asked, "training keeps the fastest kernels"


def test_products_are_float32():
    """Sums of 512 products: float32 is off by about 3e-7, bf16 by 1e-3."""
    generator = torch.Generator().manual_seed(0)
    for rows, length, columns in ((64, 512, 64), (64, 512, 1), (1, 512, 333), (512, 512, 512)):
        a = torch.rand(rows, length, generator=generator)
        b = torch.rand(length, columns, generator=generator)
        with float32_matmul(CPU, tf32=False):
            product = a @ b
        exact = a.double() @ b.double()
        assert (product - exact).norm() < 1e-6 * exact.norm()


def test_test_detects_rounding_to_bf16():
    assert matmul_precision._keeps_float32(64)
    with torch.autocast("cpu", torch.bfloat16):
        assert not matmul_precision._keeps_float32(64)


@needs_onednn
@pytest.mark.parametrize(
    ("vendor", "limit", "used"),
    [("AuthenticAMD", 2048, True), ("AuthenticAMD", 1024, False), ("GenuineIntel", 2048, False)],
)
def test_onednn_is_used_on_amd_if_no_size_is_rounded(monkeypatch, cpu_vendor, vendor, limit, used):
    cpu_vendor(vendor)
    monkeypatch.setattr(matmul_precision, "_keeps_float32", lambda size: size < limit)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    assert onednn_is_exact_and_faster() == used
