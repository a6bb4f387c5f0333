"""The EMA against its closed form."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, spectral_norm

from wgan_cli.training.ema import ExponentialMovingAverage


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))


def floats(module: nn.Module) -> torch.Tensor:
    return torch.cat([value.flatten() for value in module.state_dict().values() if value.is_floating_point()])


def update(ema: ExponentialMovingAverage, step: int) -> None:
    ema.set_decay(step)
    ema.update()


@torch.no_grad()
def wander(module: nn.Module, step: int) -> None:
    """Change every tensor."""
    torch.manual_seed(step + 1)
    for value in module.state_dict().values():
        value.copy_(torch.randn_like(value) if value.is_floating_point() else value + 3)


@pytest.mark.parametrize("decay", [0.0, 0.3, 0.9, 0.999])
def test_closed_form_with_warm_up(decay):
    source = network()
    ema = ExponentialMovingAverage(source, decay)
    history, decays = [floats(source).double().clone()], []
    for step in range(30):
        wander(source, step)
        update(ema, step)
        history.append(floats(source).double().clone())
        decays.append(min(decay, (1 + step) / (10 + step)))
    shares = [1.0, *(1 - d for d in decays)]  # of the first weights, and of those after each step
    expected = sum(
        share * torch.tensor(decays[i:], dtype=torch.float64).prod() * weights
        for i, (share, weights) in enumerate(zip(shares, history, strict=True))
    )
    torch.testing.assert_close(floats(ema.network).double(), expected, rtol=0, atol=2e-6)


def test_network_is_a_frozen_copy():
    source = network()
    before = floats(source).clone()
    ema = ExponentialMovingAverage(source, 0.5)
    assert not ema.network.training and source.training
    assert not any(p.requires_grad for p in ema.network.parameters())
    assert all(p.requires_grad for p in source.parameters())
    wander(source, 0)
    assert torch.equal(floats(ema.network), before)
    wandered = floats(source).clone()
    update(ema, 0)
    assert torch.equal(floats(source), wandered)
    assert ema.network[1].num_batches_tracked.item() == source[1].num_batches_tracked.item() == 3


@pytest.mark.parametrize("decay", [0.0, 0.3, 0.9, 0.999])
def test_gpu_form_equals_cpu_form(decay):
    """The decay is in memory, where a captured step reads it."""
    source = network()
    on_host, on_device = (ExponentialMovingAverage(source, decay) for _ in range(2))
    on_device._weight = torch.zeros(())
    for step in range(30):
        wander(source, step)
        update(on_host, step)
        place = on_device._weight.data_ptr()
        on_device.set_decay(step)
        share = 1 - min(decay, (1 + step) / (10 + step))
        assert on_device._weight.item() == pytest.approx(share) and on_device._weight.data_ptr() == place
        on_device.update()
        torch.testing.assert_close(floats(on_device.network), floats(on_host.network), rtol=0, atol=1e-6)
        assert decay or torch.equal(floats(on_device.network), floats(source))
        assert on_device.network[1].num_batches_tracked == source[1].num_batches_tracked


@pytest.mark.parametrize("norm", [parametrizations.spectral_norm, spectral_norm])
def test_averaged_weights_have_spectral_norm_1(norm):
    """The averages of singular vectors would be too short, and the layer too large."""
    source = nn.Sequential(norm(nn.Linear(6, 5)))
    ema = ExponentialMovingAverage(source, 0.9)
    for step in range(30):
        with torch.no_grad():
            weights = next(value for name, value in source.named_parameters() if "bias" not in name)
            weights.add_(0.2 * torch.randn_like(weights))
        source(torch.randn(2, 6))  # one power iteration
        update(ema, step)
    for name, vector in ema.network.named_buffers():
        assert vector.norm().item() == pytest.approx(1, abs=1e-5), name
    ema.network(torch.randn(2, 6))
    assert torch.linalg.matrix_norm(ema.network[0].weight, 2).item() == pytest.approx(1, abs=0.05)
