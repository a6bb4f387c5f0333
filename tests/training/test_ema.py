"""The averaged generator against its recurrence, written out in plain numbers."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from wgan_cli.training.ema import ExponentialMovingAverage


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))


def floats(module: nn.Module) -> torch.Tensor:
    return torch.cat([value.flatten() for value in module.state_dict().values() if value.is_floating_point()])


@torch.no_grad()
def wander(module: nn.Module, step: int) -> None:
    """Give every float tensor other values and the counters another count."""
    torch.manual_seed(step + 1)
    for value in module.state_dict().values():
        value.copy_(torch.randn_like(value) if value.is_floating_point() else value + 3)


@pytest.mark.parametrize("decay", [0.0, 0.3, 0.9, 0.999])
def test_closed_form_with_warm_up_for_weights_and_statistics(decay):
    """The average is a sum of all weights so far, each faded by every decay that came after it."""
    source = network()
    ema = ExponentialMovingAverage(source, decay)
    history, decays = [floats(source).double().clone()], []
    for step in range(30):
        wander(source, step)
        ema.update(step)
        history.append(floats(source).double().clone())
        decays.append(min(decay, (1 + step) / (10 + step)))
    shares = [1.0, *(1 - d for d in decays)]  # of the first weights, and of those after each step
    expected = sum(
        share * torch.tensor(decays[i:], dtype=torch.float64).prod() * weights
        for i, (share, weights) in enumerate(zip(shares, history, strict=True))
    )
    torch.testing.assert_close(floats(ema.network).double(), expected, rtol=0, atol=2e-6)


def test_the_first_weights_fade_fast():
    source = network()
    ema = ExponentialMovingAverage(source, 0.999)
    first = floats(source).clone()
    with torch.no_grad():
        for value in source.state_dict().values():
            value.zero_()
    for step in range(20):
        ema.update(step)
    # prod (1+t)/(10+t) = 9! * 20! / 29!, one in ten million, where 0.999^20 would leave 98 %
    assert floats(ema.network).abs().max() < 1e-6 * first.abs().max()


def test_decay_zero_follows_exactly():
    source = network()
    ema = ExponentialMovingAverage(source, 0.0)
    for step in range(3):
        wander(source, step)
        ema.update(step)
        assert torch.equal(floats(ema.network), floats(source))


def test_weights_that_stand_still_are_their_own_average():
    source = network()
    ema = ExponentialMovingAverage(source, 0.99)
    for step in range(10):
        ema.update(step)
    assert torch.equal(floats(ema.network), floats(source))


def test_counters_are_copied_not_averaged():
    source = network()
    ema = ExponentialMovingAverage(source, 0.9)
    wander(source, 0)
    ema.update(0)
    assert ema.network[1].num_batches_tracked.item() == source[1].num_batches_tracked.item() == 3


def test_the_average_is_a_network_of_its_own_that_only_samples():
    source = network()
    before = floats(source).clone()
    ema = ExponentialMovingAverage(source, 0.5)
    assert not ema.network.training and source.training
    assert not any(p.requires_grad for p in ema.network.parameters())
    assert all(p.requires_grad for p in source.parameters())
    wander(source, 0)
    assert torch.equal(floats(ema.network), before), "nothing moves before an update"
    wandered = floats(source).clone()
    ema.update(0)
    assert torch.equal(floats(source), wandered), "an update leaves the network in training alone"


def test_it_follows_a_network_whose_weights_are_loaded_later():
    source = network()
    ema = ExponentialMovingAverage(source, 0.0)
    other = network()
    wander(other, 5)
    source.load_state_dict(other.state_dict())
    ema.update(0)
    assert torch.equal(floats(ema.network), floats(other))


@pytest.mark.parametrize("decay", [0.0, 0.3, 0.9, 0.999])
def test_the_form_for_a_gpu_is_the_librarys(decay):
    """There the decay lies in memory, where a captured step looks; the same sums, to float32's last digits."""
    source = network()
    on_host, on_device = (ExponentialMovingAverage(source, decay) for _ in range(2))
    on_device._on_device = torch.zeros(())
    for step in range(30):
        wander(source, step)
        on_host.update(step)
        place = on_device._on_device.data_ptr()
        on_device.schedule(step)
        share = 1 - min(decay, (1 + step) / (10 + step))
        assert on_device._on_device.item() == pytest.approx(share) and on_device._on_device.data_ptr() == place
        on_device.blend()
        torch.testing.assert_close(floats(on_device.network), floats(on_host.network), rtol=0, atol=1e-6)
        assert on_device.network[1].num_batches_tracked == source[1].num_batches_tracked


def test_weights_that_stand_still_are_their_own_average_in_the_form_for_a_gpu_too():
    source = network()
    ema = ExponentialMovingAverage(source, 0.99)
    ema._on_device = torch.zeros(())
    for step in range(10):
        ema.update(step)
    assert torch.equal(floats(ema.network), floats(source))
