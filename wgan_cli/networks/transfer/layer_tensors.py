"""Tensors of a network's layers as the layers compute with them, behind spectral norm, weight norm and scales."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from wgan_cli.networks.layers import Scaled

POWER_ITERATIONS = 15  # as when torch adds spectral norm to a layer
_PARAMETRIZATIONS = "parametrizations"


def layer_tensors(network: nn.Module) -> dict[str, dict[str, Tensor]]:
    """Return the parameters and buffers of each layer by its path, then by name.

    A weight with spectral norm, weight norm or an equalized learning rate is the one that the layer multiplies by.
    """
    found: dict[str, dict[str, Tensor]] = {}
    for path, layer in cast("Iterable[tuple[str, nn.Module]]", network.named_modules()):
        if _PARAMETRIZATIONS in path.split("."):
            continue
        own = {**dict(layer.named_parameters(recurse=False)), **dict(layer.named_buffers(recurse=False))}
        own |= {name: getattr(layer, name) for name in _parametrized(layer)}
        if own:
            found[path] = own
    return found


@torch.no_grad()
def set_tensor(layer: nn.Module, name: str, value: Tensor) -> None:
    """Set a tensor of `layer_tensors`. Spectral norm then divides it by its largest singular value."""
    if name not in _parametrized(layer):
        getattr(layer, name).copy_(value)
        return
    chain = _chain(layer, name)
    stored: Any = value
    for each in reversed(list(chain)):
        inner: Any = getattr(each, "inner", each)
        stored = stored / inner.factor if isinstance(inner, Scaled) else inner.right_inverse(stored)
    parts: Sequence[Tensor] = (stored,) if isinstance(stored, Tensor) else stored  # weight norm stores two
    for parameter, part in zip(chain.parameters(recurse=False), parts, strict=True):
        parameter.copy_(part)
    training = layer.training
    layer.train()
    for _ in range(POWER_ITERATIONS):  # each access in training is one
        getattr(layer, name)
    layer.train(training)


def copy_layer(layer: nn.Module, source: nn.Module) -> bool:
    """Copy a layer's own tensors bit for bit; return False, without a change, unless both compute alike with them."""
    own, given = _stored(layer), _stored(source)
    shapes = [{name: tensor.shape for name, tensor in each.items()} for each in (own, given)]
    if shapes[0] != shapes[1] or _scales(layer) != _scales(source):
        return False
    for name, tensor in own.items():
        tensor.copy_(given[name])
    return True


def _stored(layer: nn.Module) -> dict[str, Tensor]:
    """Return the layer's part of a state dict, without that of the layers inside it."""
    state = layer.state_dict()
    return {name: tensor for name, tensor in state.items() if "." not in name or name.startswith(_PARAMETRIZATIONS)}


def _scales(layer: nn.Module) -> list[float]:
    chains = (_chain(layer, name) for name in _parametrized(layer))
    return [each.factor for chain in chains for each in chain if isinstance(each, Scaled)]


def _parametrized(layer: nn.Module) -> list[str]:
    return list(cast(nn.ModuleDict, layer.parametrizations)) if is_parametrized(layer) else []


def _chain(layer: nn.Module, name: str) -> nn.ModuleList:
    return cast(nn.ModuleList, cast(nn.ModuleDict, layer.parametrizations)[name])
