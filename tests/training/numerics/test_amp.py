"""Mixed precision: the dtype on each device, and float32 weights."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch

from wgan_cli.errors import WganError
from wgan_cli.training.numerics import amp as amp_module
from wgan_cli.training.numerics.amp import Precision, resolve_amp, set_deterministic
from wgan_cli.utils import matmul_precision

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("capabilities", "chosen"),
    [
        ({"avx512_bf16": True}, "bf16"),
        ({"amx_bf16": True}, "bf16"),
        ({"avx512_bf16": False, "amx_bf16": False, "avx2": True}, "off"),
        ({"avx512_f": True}, "off"),
        ({}, "off"),
    ],
)
def test_auto_asks_the_cpu(monkeypatch, capabilities, chosen):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    assert resolve_amp("auto", CPU) == chosen


@pytest.mark.parametrize(("amp", "device"), [("off", "mps"), ("off", "cpu"), ("bf16", "cpu")])
def test_amp_that_needs_no_test(amp, device):
    assert resolve_amp("auto" if device == "mps" else amp, torch.device(device)) == amp


@pytest.mark.parametrize(("tiles", "chosen"), [(True, "bf16"), (False, "off")])
def test_auto_with_older_torch(monkeypatch, tiles, chosen):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: tiles)
    assert resolve_amp("auto", CPU) == chosen


def test_fp16_needs_cuda():
    with pytest.raises(WganError) as refused:
        resolve_amp("fp16", CPU)
    assert "fp16" in refused.value.message and "cpu" in refused.value.message
    assert "--amp bf16" in refused.value.hint and "--amp off" in refused.value.hint


@pytest.mark.parametrize("amp", ["off", "bf16"])
def test_only_fp16_has_a_loss_scale(amp):
    precision = Precision(amp, CPU)
    assert precision.scaler.state_dict() == {}
    loss = torch.tensor(3.0, requires_grad=True)
    precision.backward(loss)
    assert loss.grad.item() == 1.0


def test_bf16_steps_are_close_to_float32(small):
    half, whole = (small.state("dcgan", amp=amp) for amp in ("bf16", "off"))
    for state in (half, whole):
        torch.manual_seed(0)
        small.run(state, 3)

    for role, network in half.networks.items():
        state = network.state_dict()
        assert {value.dtype for value in state.values() if value.is_floating_point()} == {torch.float32}
        assert {p.grad.dtype for p in network.parameters()} == {torch.float32}
        assert all(value.isfinite().all() for value in state.values())
        moments = half.optimizers[role].state.values()
        assert {m.dtype for moment in moments for m in (moment["exp_avg"], moment["exp_avg_sq"])} == {torch.float32}
    assert all(value.isfinite().all() for value in half.ema.network.parameters())

    # bf16 has 8 bits, so a loss is accurate to about 1%; and it must have been used.
    losses = [state.training_step.metrics.read()[0] for state in (half, whole)]
    assert losses[0] == pytest.approx(losses[1], rel=0.05, abs=0.02)
    assert losses[0] != losses[1]


def test_only_gpus_need_deterministic_algorithms(monkeypatch):
    asked = []
    monkeypatch.setattr(torch, "use_deterministic_algorithms", asked.append)
    monkeypatch.setattr(amp_module, "_multiply", lambda device: None)
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    set_deterministic(True, CPU)
    assert asked == [] and "CUBLAS_WORKSPACE_CONFIG" not in os.environ
    set_deterministic(False, torch.device("cuda", 0))
    assert asked == [], "a program that uses the library may have asked for them"
    set_deterministic(True, torch.device("cuda", 0))
    assert asked == [True]
    assert os.environ.pop("CUBLAS_WORKSPACE_CONFIG") == ":4096:8"


@pytest.mark.parametrize("warn_only", [False, True])
def test_too_late_for_deterministic_products(monkeypatch, warn_only):
    """Torch reads cuBLAS's configuration once, when it first multiplies on a GPU."""

    def refuse(device: torch.device) -> None:
        assert torch.are_deterministic_algorithms_enabled()
        raise RuntimeError("not deterministic: set CUBLAS_WORKSPACE_CONFIG=:4096:8")

    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":0:0")
    monkeypatch.setattr(amp_module, "_multiply", refuse)
    torch.use_deterministic_algorithms(warn_only, warn_only=warn_only)
    try:
        with pytest.raises(WganError, match="`deterministic` needs CUBLAS_WORKSPACE_CONFIG"):
            set_deterministic(True, torch.device("cuda", 0))
        assert torch.are_deterministic_algorithms_enabled() == warn_only
        assert torch.is_deterministic_algorithms_warn_only_enabled() == warn_only
    finally:
        torch.use_deterministic_algorithms(False)


def test_auto_asks_the_gpu_of_the_run(monkeypatch):
    """Not the current one, which may be older."""
    current, asked = [0], []

    @contextmanager
    def made_current(device: torch.device) -> Iterator[None]:
        before, current[0] = current[0], device.index
        yield
        current[0] = before

    def is_supported(including_emulation: bool) -> bool:
        asked.append(current[0])
        return current[0] == 1

    monkeypatch.setattr(torch.cuda, "device", made_current)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", is_supported)
    assert [resolve_amp("auto", torch.device("cuda", index)) for index in (0, 1)] == ["off", "bf16"]
    assert asked == [0, 1] and current == [0]


def test_gradients_are_unscaled_before_clipping():
    precision, weight, seen = Precision("off", CPU), torch.nn.Parameter(torch.ones(3)), []
    precision.scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    optimizer = torch.optim.SGD([weight], lr=0.5)
    precision.backward((2 * weight).sum())
    precision.step(optimizer, lambda: seen.append(weight.grad.clone()))
    assert seen[0].tolist() == [2.0, 2.0, 2.0] and weight.tolist() == [0.0, 0.0, 0.0]


def test_loss_scale_is_restored(small):
    """With the scale of a GPU's fp16 on a CPU."""
    states = [small.state(), small.state()]
    for state in states:
        state.training_step.precision.scaler = torch.amp.GradScaler("cpu", init_scale=8.0, growth_interval=2)
    small.run(states[0], 3)
    states[1].restore(small.checkpoint(states[0]))
    scale, restored = (state.training_step.precision.scaler.state_dict() for state in states)
    assert restored == scale and scale["scale"] > 8


@pytest.mark.skipif(not hasattr(torch.backends.mkldnn, "matmul"), reason="torch before 2.9 has no such setting")
@pytest.mark.parametrize(("exact", "expected"), [(True, "bf16"), (False, "none")])
def test_iteration_uses_onednn_only_if_it_is_exact(small, monkeypatch, exact, expected):
    monkeypatch.setattr(matmul_precision, "onednn_is_exact_and_faster", lambda: exact)
    onednn = torch.backends.mkldnn.matmul
    state, seen = small.state(), []
    add = state.training_step.metrics.add
    state.training_step.metrics.add = lambda *terms: (seen.append(onednn.fp32_precision), add(*terms))
    before = onednn.fp32_precision
    small.run(state, 1)
    assert seen == [expected] * 3 and onednn.fp32_precision == before
