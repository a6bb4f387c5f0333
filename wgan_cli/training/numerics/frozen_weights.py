"""A frozen network's weights in half precision, cast once for all the steps in which they stand still."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from wgan_cli.networks.resampling import DerivedWeight

_PRODUCTS = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)  # whose weights autocast would cast anew in every forward


class CastOnce:
    """A twin of a network that shares all but the weights of its products, which are half-precision copies.

    Autocast keeps its casts of weights that learn, but casts frozen ones in every forward: in a phase of five critic
    steps the generator's five times, for nothing.
    """

    def __init__(self, network: nn.Module, dtype: torch.dtype) -> None:
        within = {id(m) for product in network.modules() if _is_product(product) for m in product.modules()}
        shared = {id(m): m for m in network.modules() if id(m) not in within and not _holds_products(m)}
        self.network = copy.deepcopy(network, shared)
        for module in self.network.modules():
            if _is_product(module):
                module.to(dtype)
        pairs = zip(self.network.parameters(), network.parameters(), strict=True)
        copied = [(mine.requires_grad_(False), theirs) for mine, theirs in pairs if mine is not theirs]
        self._copies = [mine.detach() for mine, _ in copied]
        self._source = [theirs.detach() for _, theirs in copied]

    def refresh(self) -> nn.Module:
        """Take over the weights as they are now, and return the twin."""
        if self._copies:
            torch._foreach_copy_(self._copies, self._source)
        return self.network


def _holds_products(module: nn.Module) -> bool:
    return any(_is_product(inner) for inner in module.modules())


def _is_product(module: nn.Module) -> bool:
    # A kernel that is computed from the weight is cast after that: cast before, it would be rounded twice.
    return isinstance(module, _PRODUCTS) and not isinstance(module, DerivedWeight) and not is_parametrized(module)
