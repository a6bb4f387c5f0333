"""Toy datasets in the plane, and critics trained on them with the package's own objectives."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from wgan_cli.networks.critic import Critic
from wgan_cli.networks.layers import initialize
from wgan_cli.networks.mlp import MlpBody
from wgan_cli.objectives import Batch, build_objective
from wgan_cli.recipe import ImageShape, Recipe, recipe_from_dict
from wgan_cli.training.optim import make_optimizers, set_learning_rates

PLANE = ImageShape(1, 1, 2)  # a point is an image of one pixel with two channels: (N, 2, 1, 1)
Draw = Callable[[int], Tensor]


def eight_gaussians(count: int) -> Tensor:
    """Return eight narrow Gaussians on a circle, (count, 2)."""
    angle = torch.randint(0, 8, (count,)) * (math.pi / 4)
    return math.sqrt(2) * torch.stack([angle.cos(), angle.sin()], 1) + 0.02 * torch.randn(count, 2)


def twenty_five_gaussians(count: int) -> Tensor:
    """Return 25 narrow Gaussians on a 5x5 grid, (count, 2)."""
    return (torch.randint(-2, 3, (count, 2)) + 0.03 * torch.randn(count, 2)) / math.sqrt(2)


def swiss_roll(count: int) -> Tensor:
    """Return a spiral of one and a half turns, (count, 2)."""
    angle = 1.5 * math.pi * (1 + 2 * torch.rand(count))
    return torch.stack([angle * angle.cos(), angle * angle.sin()], 1) / 7.5 + 0.03 * torch.randn(count, 2)


def beside(points: Tensor) -> Tensor:
    """Return fixed samples: real points plus N(0, 1/4). Gulrajani et al. 2017, section 3.1, use N(0, 1)."""
    return points + 0.5 * torch.randn_like(points)


def toy_recipe(objective: dict[str, Any], widths: list[int], steps: int, lr: float = 2e-3) -> Recipe:
    """Return the recipe of the critics: Adam with betas (0, 0.9), linear decay, ReLU as in the paper."""
    adam = {"name": "adam", "lr": lr, "betas": [0.0, 0.9]}
    critic = {"widths": widths, "activation": "relu"}
    values = {
        "model": {"name": "mlp", "latent_dim": 2, "init": "he", "critic": critic},
        "objective": objective,
        "optim": {"critic": adam, "generator": adam, "lr_schedule": "linear"},
        "batch_size": 256,
        "steps": steps,
    }
    return recipe_from_dict(values, "a figure")


def new_critic(recipe: Recipe) -> Critic:
    """Return the package's MLP critic on points; biases of the first layer spread the kinks over the plane."""
    critic = initialize(Critic(MlpBody, recipe.model, PLANE), recipe.model.init)
    for module in critic.modules():
        if isinstance(module, nn.Linear):
            nn.init.uniform_(module.bias, -0.5, 0.5)
    return critic


def train_critic(recipe: Recipe, draw: Draw, fake: Callable[[Tensor], Tensor] = beside) -> Critic:
    """Train on the recipe's critic loss, with clipping if it has it, against fixed samples.

    Args:
        draw: returns real points, (count, 2). fake: maps other real points to samples, (N, 2).
    """
    critic = new_critic(recipe)
    networks = {"critic": critic, "generator": lambda z, labels: z.view(-1, 2, 1, 1)}  # z is the samples themselves
    optimizers = make_optimizers(recipe, {"critic": critic})
    phase = build_objective(recipe, ImageShape(8, 8, 1)).phases[0]
    for step in range(recipe.steps):
        set_learning_rates(recipe, optimizers, step)
        real, samples = draw(recipe.batch_size), fake(draw(recipe.batch_size))  # (N, 2)
        loss = phase.loss(networks, Batch(samples, real.view(-1, 2, 1, 1)))
        optimizers["critic"].zero_grad(set_to_none=True)
        loss.total.backward()
        optimizers["critic"].step()
        if phase.after_step:
            phase.after_step(networks)
    return critic


@torch.no_grad()
def distance_seen(critic: Critic, draw: Draw, fake: Callable[[Tensor], Tensor] = beside, count: int = 20_000) -> float:
    """Return mean critic(real) - mean critic(fake) over many points."""
    real, samples = draw(count), fake(draw(count))
    return (critic(real.view(-1, 2, 1, 1)).mean() - critic(samples.view(-1, 2, 1, 1)).mean()).item()
