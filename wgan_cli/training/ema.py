"""Exponential moving average (EMA) of the generator, which gives better samples than the latest weights."""

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

#: Names of spectral norm's buffers, by torch.nn.utils.parametrizations and by its predecessor in torch.nn.utils.
SINGULAR_VECTORS = frozenset(("_u", "_v", "weight_u", "weight_v"))


class ExponentialMovingAverage:
    """w_ema <- d*w_ema + (1-d)*w after each step, with d = min(decay, (1+step)/(10+step)): early steps fade fast.

    Averages batch norm's running statistics like weights. A decay of 0 copies the network. Integers, such as batch
    counters, are copied, and so are the singular vectors of spectral norm: their averages would be shorter than 1.

    Attributes:
        network: a frozen copy in eval mode that holds the averages.
        earlier_steps: steps of another run whose average this one continues; d counts them too.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = copy.deepcopy(network).requires_grad_(False).eval()
        self.decay = decay
        self.earlier_steps = 0
        self._averages, self._copies = _tensors(self.network)
        self._sources, self._originals = _tensors(network)
        device = self._averages[0].device
        self._step_decay = 0.0
        # On a GPU 1 - d is in memory, where a captured update reads it.
        self._weight = torch.zeros((), device=device) if device.type == "cuda" else None

    def set_decay(self, step: int) -> None:
        """Set the decay of the next update, after step number `step` from 0."""
        count = self.earlier_steps + step
        decay = min(self.decay, (1 + count) / (10 + count))
        if self._weight is None:
            self._step_decay = decay
        else:
            self._weight.fill_(1 - decay)

    @torch.no_grad()
    def update(self) -> None:
        """Move the averages towards the network's weights."""
        foreach: Any = torch  # whose functions for lists are not in its type stubs
        if not self.decay:
            foreach._foreach_copy_(self._averages, self._sources)
        elif self._weight is None:
            get_ema_multi_avg_fn(self._step_decay)(self._averages, self._sources, None)
        else:  # torch's function takes the decay as a Python number, which a graph would capture
            differences = foreach._foreach_sub(self._sources, self._averages)
            foreach._foreach_add_(self._averages, foreach._foreach_mul(differences, self._weight))
        for mine, theirs in zip(self._copies, self._originals, strict=True):
            mine.copy_(theirs)


def _tensors(network: nn.Module) -> tuple[list[Tensor], list[Tensor]]:
    """Return the tensors to average, and those to copy."""
    averaged, copied = [parameter.detach() for parameter in network.parameters()], list[Tensor]()
    for name, buffer in network.named_buffers():
        is_averaged = buffer.is_floating_point() and name.rpartition(".")[2] not in SINGULAR_VECTORS
        (averaged if is_averaged else copied).append(buffer)
    return averaged, copied
