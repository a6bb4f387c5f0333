"""The half-precision twin of a frozen network: the same sums, and nothing of the network's own is touched."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from wgan_cli.networks.layers import apply_spectral_norm
from wgan_cli.training.numerics.frozen_weights import CastOnce


class Own(nn.Module):
    """A parameter of its own beside a layer."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.full((4,), 3.0))
        self.layer = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) * self.scale


def network() -> nn.Sequential:
    torch.manual_seed(0)
    inner = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU())
    return nn.Sequential(inner, nn.Unflatten(1, (2, 2, 2)), nn.Conv2d(2, 4, 2), nn.Flatten(), nn.BatchNorm1d(4), Own())


def test_weights_of_products_are_cast_and_all_else_is_shared():
    own = network()
    twin = CastOnce(own, torch.bfloat16).network
    for name, parameter in own.named_parameters():
        mine = twin.get_parameter(name)
        if "1.weight" in name or "1.bias" in name or name.startswith("4."):
            assert mine is parameter, f"{name} is a norm's"
        else:
            assert mine is not parameter
            assert mine.dtype == (torch.float32 if name == "5.scale" else torch.bfloat16)
    assert {name: id(b) for name, b in twin.named_buffers()} == {name: id(b) for name, b in own.named_buffers()}


def test_the_network_itself_is_left_alone():
    own = network()
    before = {name: value.clone() for name, value in own.state_dict().items()}
    twin = CastOnce(own, torch.bfloat16)
    twin.refresh()
    assert all(parameter.requires_grad for parameter in own.parameters())
    assert not any(twin.network.get_parameter(n).requires_grad for n in ("0.0.weight", "2.bias", "5.scale"))
    for name, value in own.state_dict().items():
        assert value.dtype == before[name].dtype and torch.equal(value, before[name])


def test_statistics_move_in_both():
    own = network()
    twin = CastOnce(own, torch.bfloat16).network
    before = own[0][1].running_mean.clone()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        twin(torch.randn(6, 4))
    assert not torch.equal(own[0][1].running_mean, before)
    assert own[0][1].num_batches_tracked == 1


def test_it_follows_when_it_is_told():
    own, x = network().eval(), torch.randn(6, 4)
    twin = CastOnce(own, torch.bfloat16)

    @torch.no_grad()
    def seen(module: nn.Module) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):  # which forgets its casts at its end
            return module(x)

    old = seen(own)
    with torch.no_grad():
        for parameter in own.parameters():
            parameter.mul_(1.5)
    assert not torch.equal(seen(own), old)
    assert torch.equal(seen(twin.refresh()), seen(own))


@pytest.mark.parametrize("family", ["mlp", "dcgan", "resnet", "style"])
def test_an_iteration_is_the_same_bit_by_bit(small, family):
    """The casts are those that autocast would make, only fewer."""
    with_twins, without = (small.state(family, amp="bf16") for _ in range(2))
    assert set(with_twins.iteration._cast_once) == {"generator"}
    without.iteration._cast_once = {}
    contents = []
    for state in (with_twins, without):
        torch.manual_seed(5)
        contents.append(small.content(small.run(state, 4)))
    torch.testing.assert_close(*contents, rtol=0, atol=0)


def test_a_phase_of_several_steps_uses_the_twin_and_float32_has_none(small):
    state = small.state(amp="bf16")
    critic, generator = state.objective.phases
    step = state.iteration
    assert step.shown(critic)["generator"] is step._cast_once["generator"].network
    assert step.shown(critic)["critic"] is state.networks["critic"], "this one learns"
    assert dict(step.shown(generator)) == state.networks, "one step has nothing to save"
    assert small.state(amp="off").iteration._cast_once == {}


def test_weights_that_are_computed_from_others_stay_as_they_were():
    """Cast before, they would be rounded twice; a network of nothing else needs no twin."""
    computed = apply_spectral_norm(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1)))
    assert CastOnce(computed, torch.bfloat16).refresh() is computed
    network = nn.Sequential(computed, nn.Linear(1, 1))
    twin = CastOnce(network, torch.bfloat16).refresh()
    assert twin[0] is computed and {t.dtype for t in computed.state_dict().values()} == {torch.float32}
    assert twin[1].weight.dtype == torch.bfloat16 and network[1].weight.dtype == torch.float32
