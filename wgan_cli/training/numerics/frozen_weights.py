"""Half-precision copies of a frozen network's weights, cast once for several forward passes."""

import copy

import torch
from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from wgan_cli.networks.layers import WEIGHT_LAYERS
from wgan_cli.networks.resampling import DerivedWeight


class FrozenWeights:
    """Twin `network` of a network, with half-precision copies of its matmul weights; everything else is shared.

    Autocast caches its casts of weights that require gradients, but casts frozen ones in every forward pass: the
    generator's five times in a phase of five critic steps.
    """

    def __init__(self, network: nn.Module, dtype: torch.dtype) -> None:
        inner = {id(m) for layer in network.modules() if _is_cast(layer) for m in layer.modules()}
        shared = {id(m): m for m in network.modules() if id(m) not in inner and not any(map(_is_cast, m.modules()))}
        self.network = copy.deepcopy(network, shared)
        for module in self.network.modules():
            if _is_cast(module):
                module.to(dtype)
        pairs = zip(self.network.parameters(), network.parameters(), strict=True)
        copied = [(mine.requires_grad_(False), source) for mine, source in pairs if mine is not source]
        self._copies = [mine.detach() for mine, _ in copied]
        self._sources = [source.detach() for _, source in copied]

    def refresh(self) -> nn.Module:
        """Copy the current weights, and return the twin."""
        if self._copies:
            torch._foreach_copy_(self._copies, self._sources)  # type: ignore[attr-defined]
        return self.network


def _is_cast(module: nn.Module) -> bool:
    # A kernel computed from the weight is cast afterwards: casting the weight too would round twice.
    return isinstance(module, WEIGHT_LAYERS) and not isinstance(module, DerivedWeight) and not is_parametrized(module)
