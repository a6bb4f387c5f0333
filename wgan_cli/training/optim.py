"""Optimizers for the roles of an objective, and how the learning rate falls."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import nn

from wgan_cli.recipe import Recipe
from wgan_cli.recipe.optim_settings import AdamSettings, RmspropSettings

Optimizers = dict[str, torch.optim.Optimizer]
Rate = float | torch.Tensor

_DECAYS = {
    "none": lambda done: 1.0,
    "linear": lambda done: 1.0 - done,
    "cosine": lambda done: 0.5 * (1.0 + math.cos(math.pi * done)),
}
_FUSED = ("cpu", "cuda", "mps")


def make_optimizers(recipe: Recipe, networks: Mapping[str, nn.Module]) -> Optimizers:
    """The recipe's optimizer for every role, in as few kernels as the device has for it."""
    optimizers = {}
    for role, network in networks.items():
        settings = recipe.optim.of(role)
        parameters = list(network.parameters())
        device = parameters[0].device
        captured = device.type == "cuda"  # in a CUDA graph, where the lr can change only in memory
        lr = torch.tensor(settings.lr, device=device) if captured else settings.lr
        optimizers[role] = _MAKERS[settings.name](settings, parameters, lr, captured)
    return optimizers


def _adam(settings: AdamSettings, parameters: list[nn.Parameter], lr: Rate, captured: bool) -> torch.optim.Optimizer:
    fused = parameters[0].device.type in _FUSED
    if settings.weight_decay:
        return torch.optim.AdamW(
            parameters, lr, settings.betas, weight_decay=settings.weight_decay, fused=fused, capturable=captured
        )
    return torch.optim.Adam(parameters, lr, settings.betas, fused=fused, capturable=captured)


def _rmsprop(
    settings: RmspropSettings, parameters: list[nn.Parameter], lr: Rate, captured: bool
) -> torch.optim.Optimizer:
    return torch.optim.RMSprop(parameters, lr, settings.alpha, foreach=True, capturable=captured)


_MAKERS = {"adam": _adam, "rmsprop": _rmsprop}


def make_clips(recipe: Recipe, networks: Mapping[str, nn.Module]) -> dict[str, Callable[[], None]]:
    """By role, what bounds the gradients that lie in its network, for those whose settings ask for it."""
    clips = {}
    for role, network in networks.items():
        settings = recipe.optim.of(role)
        if settings.clip_norm or settings.clip_grad_value:
            clips[role] = partial(_clip, list(network.parameters()), settings.clip_norm, settings.clip_grad_value)
    return clips


def _clip(parameters: list[nn.Parameter], norm: float | None, value: float | None) -> None:
    """Each number first, then the length of all together."""
    if value:
        nn.utils.clip_grad_value_(parameters, value)
    if norm:
        nn.utils.clip_grad_norm_(parameters, norm)


def set_learning_rates(recipe: Recipe, optimizers: Optimizers, step: int) -> None:
    """Set every lr for a step: the recipe's, times the decay's factor, which reaches 0 at `steps`. No state to save."""
    start = recipe.optim.lr_decay_start
    done = min(1.0, max(0.0, step / recipe.steps - start) / (1 - start))
    factor = _DECAYS[recipe.optim.lr_schedule](done)
    for role, optimizer in optimizers.items():
        lr = recipe.optim.of(role).lr * factor
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
