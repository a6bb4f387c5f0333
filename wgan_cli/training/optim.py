"""Optimizers for the roles of an objective, and how the learning rate falls."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from wgan_cli.recipe import Recipe

Optimizers = dict[str, torch.optim.Optimizer]

_DECAYS = {
    "none": lambda done: 1.0,
    "linear": lambda done: 1.0 - done,
    "cosine": lambda done: 0.5 * (1.0 + math.cos(math.pi * done)),
}
_FUSED = ("cpu", "cuda", "mps")


def make_optimizers(recipe: Recipe, networks: Mapping[str, nn.Module]) -> Optimizers:
    """Adam for every role with the recipe's settings, fused into one kernel where the device has that."""
    optimizers = {}
    for role, network in networks.items():
        settings = getattr(recipe.optim, role)
        parameters = list(network.parameters())
        device = parameters[0].device
        captured = device.type == "cuda"  # in a CUDA graph, where the lr can change only in memory
        lr = torch.tensor(settings.lr, device=device) if captured else settings.lr
        fused = device.type in _FUSED
        optimizers[role] = torch.optim.Adam(parameters, lr, settings.betas, fused=fused, capturable=captured)
    return optimizers


def set_learning_rates(recipe: Recipe, optimizers: Optimizers, step: int) -> None:
    """Set every lr for a step: the recipe's, times the decay's factor, which reaches 0 at `steps`. No state to save."""
    factor = _DECAYS[recipe.optim.decay](min(1.0, step / recipe.steps))
    for role, optimizer in optimizers.items():
        lr = getattr(recipe.optim, role).lr * factor
        for group in optimizer.param_groups:
            if isinstance(group["lr"], torch.Tensor):
                group["lr"].fill_(lr)
            else:
                group["lr"] = lr


def restore_optimizers(optimizers: Optimizers, saved: Mapping[str, Any]) -> None:
    """Go on with the moments of others, by role. The settings stay as `make_optimizers` made them from the recipe.

    Raises: ValueError, KeyError, TypeError where the moments are not of these networks.
    """
    for role, optimizer in optimizers.items():
        groups = optimizer.state_dict()["param_groups"]
        optimizer.load_state_dict({"state": saved[role]["state"], "param_groups": groups})
        for parameter, moments in optimizer.state.items():
            for name, moment in moments.items():  # torch believes any shape, and fails in the middle of a step
                if not isinstance(moment, torch.Tensor) or (moment.ndim and moment.shape != parameter.shape):
                    raise ValueError(f"the {name} of the {role} does not fit")
