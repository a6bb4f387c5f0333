"""Half-precision copies of the weights in products, cast once for all forward passes of an optimizer step."""

import copy

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from wgan_cli.networks.layers import WEIGHT_LAYERS
from wgan_cli.networks.resampling import DerivedWeight


class HalfWeights:
    """Copy `network` of a network, with half-precision copies of its matmul weights; everything else is shared.

    Autocast casts each weight by itself, a frozen one in every forward pass, and can't reuse a cast in an autograd
    function. Here a few multi-tensor kernels cast all weights, and the gradients back to float32. As under autocast,
    the gradients of several passes are added in half precision.

    Args:
        dtype: of the copies; None for float32, where the copy is the network itself.
    """

    def __init__(self, network: nn.Module, dtype: torch.dtype | None) -> None:
        self.network = network
        self._pairs: list[tuple[nn.Parameter, nn.Parameter]] = []
        if dtype is None:
            return
        inner = {id(m) for layer in network.modules() if _is_cast(layer) for m in layer.modules()}
        shared = {id(m): m for m in network.modules() if id(m) not in inner and not any(map(_is_cast, m.modules()))}
        self.network = copy.deepcopy(network, shared)
        for module in self.network.modules():
            if _is_cast(module):
                module.to(dtype)
        both = zip(self.network.parameters(), network.parameters(), strict=True)
        self._pairs = [(mine, source) for mine, source in both if mine is not source]

    def __bool__(self) -> bool:
        """Return True if any weights are copied."""
        return bool(self._pairs)

    def refresh(self) -> None:
        """Copy the current weights, and which of them are frozen."""
        if self._pairs:
            for mine, source in self._pairs:
                mine.requires_grad_(source.requires_grad)
            with torch.no_grad():
                torch._foreach_copy_(*zip(*self._pairs, strict=True))  # type: ignore[attr-defined]

    @torch.no_grad()
    def collect_gradients(self) -> None:
        """Move the copies' gradients to the network: add them to those of earlier micro-batches, if any."""
        first: list[tuple[Tensor, Tensor]] = []
        further: list[tuple[Tensor, Tensor]] = []
        for mine, source in self._pairs:
            if mine.grad is not None:
                if source.grad is None:
                    source.grad = torch.empty_like(source)
                    first.append((source.grad, mine.grad))
                else:
                    further.append((source.grad, mine.grad))
                mine.grad = None
        if first:
            torch._foreach_copy_(*zip(*first, strict=True))  # type: ignore[attr-defined]
        if further:
            torch._foreach_add_(*zip(*further, strict=True))  # type: ignore[attr-defined]


def _is_cast(module: nn.Module) -> bool:
    # A kernel computed from the weight is cast afterwards: casting the weight too would round twice.
    return isinstance(module, WEIGHT_LAYERS) and not isinstance(module, DerivedWeight) and not is_parametrized(module)
