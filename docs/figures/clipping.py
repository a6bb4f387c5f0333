"""Gradient norms by layer and weight histograms of deep critics: clipping and gradient penalty.

After figure 1b of Gulrajani et al. 2017: twelve hidden ReLU layers on the Swiss roll.
"""

from __future__ import annotations

import torch
from matplotlib.figure import Figure
from style import DARK, THIRD, new_figure, write
from torch import Tensor, nn
from toy import beside, swiss_roll, toy_recipe, train_critic

from wgan_cli.networks.critic import Critic
from wgan_cli.networks.layers import PiecewiseLinear

LAYERS = 12
CRITICS = {
    "clipped at 0.1": ({"name": "wgan", "clip_value": 0.1}, DARK, "-"),
    "clipped at 0.03": ({"name": "wgan", "clip_value": 0.03}, DARK, "--"),
    "clipped at 0.01": ({"name": "wgan", "clip_value": 0.01}, DARK, ":"),
    "gradient penalty": ({"name": "wgan_gp", "gp_weight": 10.0}, THIRD, "-"),
}


def slopes_by_layer(critic: Critic, points: Tensor) -> list[float]:
    """Return the mean of ||d score / d activations|| over points, first hidden layer first."""
    activations = []
    hooks = [
        module.register_forward_hook(lambda module, inputs, output: activations.append(output))
        for module in critic.modules()
        if isinstance(module, PiecewiseLinear)
    ]
    scores = critic(points.view(-1, 2, 1, 1))
    for hook in hooks:
        hook.remove()
    return [each.norm(dim=1).mean().item() for each in torch.autograd.grad(scores.sum(), activations)]


def hidden_weights(critic: Critic) -> Tensor:
    """Return all hidden weights but the first layer's as one vector."""
    layers = [module.weight for module in critic.body.layers if isinstance(module, nn.Linear)]
    return torch.cat([weight.detach().flatten() for weight in layers[1:]])


def draw(quick: bool = False) -> Figure:
    """Draw gradient norms (left) and weights of a clipped and a penalized critic (right)."""
    steps, width = (3, 8) if quick else (400, 128)
    figure = new_figure(3.6)
    left, right = figure.subfigures(1, 2, width_ratios=[1.25, 1])
    slopes, histograms = left.subplots(), right.subplots(2, 1)
    critics = {}
    for name, (objective, color, line) in CRITICS.items():
        torch.manual_seed(0)
        critic = critics[name] = train_critic(toy_recipe(objective, [width] * LAYERS, steps, lr=1e-3), swiss_roll)
        norms = slopes_by_layer(critic, torch.cat([swiss_roll(500), beside(swiss_roll(500))]))
        slopes.plot(range(1, LAYERS + 1), norms, color=color, ls=line, marker="o", ms=3, label=name)
    slopes.set(yscale="log", xlabel="hidden layer, from input to score", ylabel="slope of the score in its activations")
    slopes.set_xticks(range(1, LAYERS + 1))
    slopes.legend()
    for axes, name in zip(histograms, ("clipped at 0.1", "gradient penalty"), strict=True):
        axes.hist(hidden_weights(critics[name]).numpy(), bins=61, color=CRITICS[name][1])
        axes.set(title=name)
        axes.set_yticks([])
        axes.locator_params(axis="x", nbins=5)
    histograms[1].set_xlabel("weights of the hidden layers")
    return figure


if __name__ == "__main__":
    write(draw, __file__)
