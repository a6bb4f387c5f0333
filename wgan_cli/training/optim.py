"""Optimizers, gradient clipping and learning rate schedules."""

import inspect
import math
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

import torch
from torch import nn

from wgan_cli.networks.critic import parameters_after
from wgan_cli.recipe import Recipe
from wgan_cli.recipe.optim_settings import OptimizerSettings, RmspropSettings, SgdSettings

Optimizers = dict[str, torch.optim.Optimizer]

#: Factor of the learning rate by the fraction of the schedule that is done.
_SCHEDULES: dict[str, Callable[[float], float]] = {
    "none": lambda done: 1.0,
    "linear": lambda done: 1.0 - done,
    "cosine": lambda done: 0.5 * (1.0 + math.cos(math.pi * done)),
}


def make_optimizers(recipe: Recipe, networks: Mapping[str, nn.Module]) -> Optimizers:
    """Return the recipe's optimizer of each role, fused or multi-tensor; frozen layers get none.

    Raises: WganError if `freeze` is larger than the critic.
    """
    optimizers: Optimizers = {}
    for role, network in networks.items():
        parameters = parameters_after(network, recipe.freeze if role == "critic" else 0)
        optimizers[role] = _make_optimizer(recipe.optim.of(role), parameters)
    return optimizers


def _make_optimizer(settings: OptimizerSettings, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    device = parameters[0].device
    capturable = device.type == "cuda"  # in a CUDA graph, which reads the lr from memory
    lr = torch.tensor(settings.lr, device=device) if capturable else settings.lr
    if isinstance(settings, RmspropSettings):
        rmsprop = _without_compiler(torch.optim.RMSprop)
        return rmsprop(parameters, lr, settings.alpha, foreach=True, capturable=capturable)
    if isinstance(settings, SgdSettings):
        sgd = _without_compiler(torch.optim.SGD)
        return sgd(parameters, lr, settings.momentum, nesterov=settings.nesterov, fused=True)
    adamw, decay = _without_compiler(torch.optim.AdamW), settings.weight_decay  # without decay, AdamW is Adam
    return adamw(parameters, lr, settings.betas, weight_decay=decay, fused=True, capturable=capturable)


@cache
def _without_compiler(kind: type[torch.optim.Optimizer]) -> Any:
    """Return a class of optimizers that doesn't import torch's compiler, which takes a second or two of every start.

    PyTorch decorates these methods for the case that the compiler sees them. Here it only ever sees losses.
    """
    names = ("add_param_group", "load_state_dict", "state_dict", "zero_grad")
    methods: dict[str, Any] = {name: inspect.unwrap(getattr(kind, name)) for name in names}
    return type(kind.__name__, (kind,), {**methods, "step": torch.no_grad()(inspect.unwrap(kind.step))})


def clip_functions(recipe: Recipe, networks: Mapping[str, nn.Module]) -> dict[str, Callable[[], None]]:
    """Return functions that clip the gradients of a network, by role, for roles with a clipping setting."""
    clip = {}
    for role, network in networks.items():
        settings = recipe.optim.of(role)
        if settings.clip_norm or settings.clip_grad_value:
            clip[role] = partial(_clip, list(network.parameters()), settings.clip_norm, settings.clip_grad_value)
    return clip


def _clip(parameters: list[nn.Parameter], norm: float | None, value: float | None) -> None:
    if value:
        nn.utils.clip_grad_value_(parameters, value)
    if norm:
        nn.utils.clip_grad_norm_(parameters, norm)


def set_learning_rates(recipe: Recipe, optimizers: Optimizers, step: int) -> None:
    """Set the learning rates of a step: the recipe's times the schedule's factor, a function of the step alone."""
    start = recipe.optim.lr_decay_start
    progress = step / recipe.steps if recipe.steps else 0.0
    done = min(1.0, max(0.0, progress - start) / (1 - start))
    factor = _SCHEDULES[recipe.optim.lr_schedule](done)
    for role, optimizer in optimizers.items():
        lr = recipe.optim.of(role).lr * factor
        for group in optimizer.param_groups:
            if isinstance(group["lr"], torch.Tensor):
                group["lr"].fill_(lr)
            else:
                group["lr"] = lr


def load_optimizer_states(optimizers: Optimizers, saved: Mapping[str, Any]) -> None:
    """Load saved moments, by role; hyperparameters stay those of the recipe.

    Raises: ValueError, KeyError, TypeError if the moments belong to other networks.
    """
    for role, optimizer in optimizers.items():
        groups = optimizer.state_dict()["param_groups"]
        optimizer.load_state_dict({"state": saved[role]["state"], "param_groups": groups})
        for parameter, moments in optimizer.state.items():
            for name, moment in moments.items():  # torch accepts any shape, and fails in the middle of a step
                if not isinstance(moment, torch.Tensor) or (moment.ndim and moment.shape != parameter.shape):
                    raise ValueError(f"{name} of the {role} does not fit")
