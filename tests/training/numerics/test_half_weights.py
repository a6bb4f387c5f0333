"""The half-precision twin of a network."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from wgan_cli.networks.layers import normalize_weights
from wgan_cli.objectives import Batch, Phase
from wgan_cli.training.engines.compile import phase_gradient
from wgan_cli.training.numerics.half_weights import HalfWeights
from wgan_cli.training.step import TrainingStep


class Own(nn.Module):
    """A layer and another parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(4))
        self.layer = nn.Linear(4, 4)


def test_only_matmul_weights_are_cast():
    inner = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU())
    own = nn.Sequential(inner, nn.Unflatten(1, (2, 2, 2)), nn.Conv2d(2, 4, 2), nn.Flatten(), nn.BatchNorm1d(4), Own())
    twin = HalfWeights(own, torch.bfloat16).network
    for name, parameter in own.named_parameters():
        mine = twin.get_parameter(name)
        if "1.weight" in name or "1.bias" in name or name.startswith("4."):
            assert mine is parameter, f"{name} is a norm's"
        else:
            assert mine is not parameter
            assert mine.dtype == (torch.float32 if name == "5.scale" else torch.bfloat16)
    assert {name: id(b) for name, b in twin.named_buffers()} == {name: id(b) for name, b in own.named_buffers()}


@pytest.mark.parametrize("family", ["dcgan", "style"])
def test_weights_are_those_of_autocast(small, family):
    """The copies round as autocast does; only gradients of several passes differ, which are rounded when added."""
    states = with_twins, without = [small.state(family, amp="bf16") for _ in range(2)]
    without.training_step.half_weights = {role: HalfWeights(n, None) for role, n in without.networks.items()}
    without.training_step.networks_in_losses = dict(without.networks)
    for phase in with_twins.objective.phases:
        gradients = []
        for state in states:
            gradients.append(phase_gradient(state.training_step, phase, batch_of(state.training_step, phase)))
        assert (gradients[0] - gradients[1]).norm() <= 0.01 * gradients[1].norm()


def batch_of(step: TrainingStep, phase: Phase) -> Batch:
    torch.manual_seed(5)
    step.freeze_all_but(phase)
    real = torch.rand(4, 1, 8, 8) * 2 - 1 if phase.uses_real else None
    return Batch(torch.randn(4, step.latent_dim), real)


def test_weights_follow_the_optimizer(small):
    step = small.state(amp="bf16").training_step
    for number in range(2):
        step(number)
    for role, network in step.networks.items():
        twin = step.half_weights[role].network
        assert twin is not network
        for name, parameter in network.named_parameters():
            torch.testing.assert_close(twin.get_parameter(name), parameter.to(twin.get_parameter(name).dtype))
            assert twin.get_parameter(name) is parameter or twin.get_parameter(name).grad is None


def test_micro_batches_add_up_in_float32():
    layer = nn.Linear(1, 1, bias=False)
    half = HalfWeights(layer, torch.bfloat16)
    half.refresh()
    for value in (256.0, 1.0):  # 257 has no bf16
        half.network(torch.tensor([[value]], dtype=torch.bfloat16)).sum().backward()
        half.collect_gradients()
    assert layer.weight.grad.tolist() == [[257.0]]


def test_float32_and_augmented_networks_have_no_twin(small):
    step = small.state(amp="off").training_step
    assert not any(step.half_weights.values())
    assert step.networks_in_losses == step.networks
    augmented = small.state(amp="bf16", data={"source": "mnist", "diff_augment": ["color"]}).training_step
    assert [role for role, half in augmented.half_weights.items() if half] == ["generator"]


def test_computed_weights_are_not_cast():
    """Casting them too would round twice."""
    computed = normalize_weights(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1)), spectral=True)
    assert HalfWeights(computed, torch.bfloat16).network is computed
    network = nn.Sequential(computed, nn.Linear(1, 1))
    twin = HalfWeights(network, torch.bfloat16).network
    assert twin[0] is computed and {t.dtype for t in computed.state_dict().values()} == {torch.float32}
    assert twin[1].weight.dtype == torch.bfloat16 and network[1].weight.dtype == torch.float32
