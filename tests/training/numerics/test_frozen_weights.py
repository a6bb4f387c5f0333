"""The half-precision twin of a frozen network."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from wgan_cli.networks.layers import normalize_weights
from wgan_cli.training.numerics.frozen_weights import FrozenWeights


class Own(nn.Module):
    """A layer and another parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(4))
        self.layer = nn.Linear(4, 4)


def test_only_matmul_weights_are_cast():
    inner = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU())
    own = nn.Sequential(inner, nn.Unflatten(1, (2, 2, 2)), nn.Conv2d(2, 4, 2), nn.Flatten(), nn.BatchNorm1d(4), Own())
    twin = FrozenWeights(own, torch.bfloat16).network
    for name, parameter in own.named_parameters():
        mine = twin.get_parameter(name)
        if "1.weight" in name or "1.bias" in name or name.startswith("4."):
            assert mine is parameter, f"{name} is a norm's"
        else:
            assert mine is not parameter
            assert mine.dtype == (torch.float32 if name == "5.scale" else torch.bfloat16)
    assert {name: id(b) for name, b in twin.named_buffers()} == {name: id(b) for name, b in own.named_buffers()}


@pytest.mark.parametrize("family", ["dcgan", "style"])
def test_iteration_is_unchanged(small, family):
    with_twins, without = (small.state(family, amp="bf16") for _ in range(2))
    assert set(with_twins.training_step._frozen) == {"generator"}
    without.training_step._frozen = {}
    contents = []
    for state in (with_twins, without):
        torch.manual_seed(5)
        contents.append(small.content(small.run(state, 4)))
    torch.testing.assert_close(*contents, rtol=0, atol=0)


def test_only_repeated_half_precision_phases_use_it(small):
    state = small.state(amp="bf16")
    critic, generator = state.objective.phases
    step = state.training_step
    assert step.freeze_all_but(critic)["generator"] is step._frozen["generator"].network
    assert step.freeze_all_but(critic)["critic"] is state.networks["critic"], "it is trained"
    assert step.freeze_all_but(generator) == state.networks, "one repeat has nothing to save"
    assert small.state(amp="off").training_step._frozen == {}


def test_computed_weights_are_not_cast():
    """Casting them too would round twice."""
    computed = normalize_weights(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1)), spectral=True)
    assert FrozenWeights(computed, torch.bfloat16).refresh() is computed
    network = nn.Sequential(computed, nn.Linear(1, 1))
    twin = FrozenWeights(network, torch.bfloat16).refresh()
    assert twin[0] is computed and {t.dtype for t in computed.state_dict().values()} == {torch.float32}
    assert twin[1].weight.dtype == torch.bfloat16 and network[1].weight.dtype == torch.float32
