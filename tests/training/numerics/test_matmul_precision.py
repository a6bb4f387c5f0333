"""How float32 products are computed: torch's settings come back, and the sums stay float32's."""

from __future__ import annotations

import pytest
import torch

from wgan_cli.training.numerics import matmul_precision
from wgan_cli.training.numerics.matmul_precision import float32_products, onednn_is_exact_and_faster

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
pytestmark = pytest.mark.skipif(
    not hasattr(torch.backends.mkldnn, "matmul"), reason="torch before 2.9 has no such setting"
)


def settings() -> list[object]:
    """Of the processor's products, and of a GPU's products and convolutions; the compiler reads the last two."""
    backends = torch.backends
    return [backends.mkldnn.matmul.fp32_precision, backends.cuda.matmul.allow_tf32, backends.cudnn.allow_tf32]


@pytest.fixture
def an_amd_processor(monkeypatch):
    """As far as /proc tells; whether its products are exact is tried all the same."""
    monkeypatch.setattr(matmul_precision, "cpu_info", lambda: "vendor_id : AuthenticAMD")
    onednn_is_exact_and_faster.cache_clear()
    yield
    onednn_is_exact_and_faster.cache_clear()


@pytest.mark.parametrize("tf32", [False, True])
@pytest.mark.parametrize("device", [CPU, CUDA, torch.device("mps")])
def test_settings_come_back_also_after_an_exception(device, tf32):
    before = settings()
    with float32_products(device, tf32):
        pass
    assert settings() == before
    with pytest.raises(KeyError), float32_products(device, tf32):
        raise KeyError("a loss failed")
    assert settings() == before


@pytest.mark.parametrize("tf32", [False, True])
def test_a_gpu_rounds_to_tf32_only_where_it_is_asked_to(tf32):
    with float32_products(CUDA, tf32):
        assert settings()[1:] == [tf32, tf32]


@pytest.mark.parametrize(("exact", "wanted"), [(True, "bf16"), (False, "none")])
def test_a_processor_may_use_its_other_library_only_if_that_is_exact(monkeypatch, exact, wanted):
    monkeypatch.setattr(matmul_precision, "onednn_is_exact_and_faster", lambda: exact)
    with float32_products(CPU, tf32=True):
        assert settings()[0] == wanted


def test_products_stay_true_to_float32():
    """512 products in a sum: float32 errs by some 3e-7 of it, bf16 would by 1e-3."""
    generator = torch.Generator().manual_seed(0)
    for shape in ((64, 512, 64), (64, 512, 1), (1, 512, 333), (512, 512, 512)):
        rows, length, columns = shape
        a = torch.rand(rows, length, generator=generator)
        b = torch.rand(length, columns, generator=generator)
        with float32_products(CPU, tf32=False):
            product = a @ b
        exact = a.double() @ b.double()
        assert (product - exact).norm() < 1e-6 * exact.norm(), shape


def test_the_other_library_is_refused_where_it_rounds(monkeypatch, an_amd_processor):
    monkeypatch.setattr(matmul_precision, "_keeps_float32", lambda side: side < 1024)
    assert not onednn_is_exact_and_faster()


def test_the_probe_sees_rounding_to_bf16():
    assert matmul_precision._keeps_float32(64)
    with torch.autocast("cpu", torch.bfloat16):
        assert not matmul_precision._keeps_float32(64)


def test_a_probe_that_fails_leaves_torchs_setting(monkeypatch, an_amd_processor):
    def fail(side: int) -> bool:
        assert settings()[0] == "bf16", "tried under the permission"
        raise RuntimeError("out of memory")

    monkeypatch.setattr(matmul_precision, "_keeps_float32", fail)
    before = settings()
    if not torch.backends.mkldnn.is_available():
        pytest.skip("this torch has no oneDNN")
    with pytest.raises(RuntimeError):
        onednn_is_exact_and_faster()
    assert settings() == before


def test_other_makers_processors_keep_torchs_choice(monkeypatch, an_amd_processor):
    monkeypatch.setattr(matmul_precision, "cpu_info", lambda: "vendor_id : GenuineIntel")
    monkeypatch.setattr(matmul_precision, "_keeps_float32", lambda side: pytest.fail("nothing to try"))
    assert not onednn_is_exact_and_faster()


def test_a_whole_iteration_runs_under_the_setting(small, monkeypatch):
    monkeypatch.setattr(matmul_precision, "onednn_is_exact_and_faster", lambda: True)
    state, seen = small.state(), []
    for phase in state.objective.phases:
        loss = state.iteration.losses[phase.name]
        state.iteration.losses[phase.name] = lambda n, b, loss=loss: seen.append(settings()[0]) or loss(n, b)
    before = settings()
    small.run(state, 1)
    assert seen == ["bf16"] * 3 and settings() == before
