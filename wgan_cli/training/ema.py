"""The averaged generator: smoother than the one in training, and the one to sample from."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class ExponentialMovingAverage:
    """w_avg <- d*w_avg + (1-d)*w after each step, d = min(decay, (1+step)/(10+step)) so that early steps fade fast.

    Batch norm's running statistics are averaged with the weights, for they belong to them. decay 0 follows exactly.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = copy.deepcopy(network).requires_grad_(False).eval()
        self.decay = decay
        self._averaged, self._counted = _tensors(self.network)
        self._source, self._source_counted = _tensors(network)
        device = self._averaged[0].device
        self._now = 0.0
        self._on_device = torch.zeros((), device=device) if device.type == "cuda" else None

    def update(self, step: int) -> None:
        """Take in the network's weights after step number `step`, counted from 0."""
        self.schedule(step)
        self.blend()

    def schedule(self, step: int) -> None:
        """Set the decay of a step, which `blend` then takes; on a GPU in memory, where a captured `blend` looks."""
        decay = min(self.decay, (1 + step) / (10 + step))
        if self._on_device is None:
            self._now = decay
        else:
            self._on_device.fill_(1 - decay)

    @torch.no_grad()
    def blend(self) -> None:
        """Move the average towards the network by the share that was scheduled."""
        if self._on_device is None:
            get_ema_multi_avg_fn(self._now)(self._averaged, self._source, None)
        else:  # the library's function takes a decay that the host knows, and waits for the device to learn it
            torch._foreach_add_(self._averaged, torch._foreach_mul(self._ways(), self._on_device))
        for mine, theirs in zip(self._counted, self._source_counted, strict=True):
            mine.copy_(theirs)

    def _ways(self) -> list[torch.Tensor]:
        return list(torch._foreach_sub(self._source, self._averaged))


def _tensors(network: nn.Module) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """A network's tensors that can be averaged, and those that can only be copied (counters)."""
    every = [*(p.detach() for p in network.parameters()), *network.buffers()]
    return [t for t in every if t.is_floating_point()], [t for t in every if not t.is_floating_point()]
