"""Algorithm 1 of Gulrajani et al. 2017 as a textbook prints it: what the project's own step is measured against.

Nothing here is clever on purpose: three forwards of the critic, the framework's activation and plain Adam.
"""

from __future__ import annotations

import copy
from typing import NamedTuple

import torch
from torch import Tensor, nn

from wgan_cli.networks.layers import PiecewiseLinear
from wgan_cli.networks.resampling import DownConv2d, ImageToVector, UpConvTranspose2d, VectorToImage
from wgan_cli.networks.sharded_layers import BatchNorm1d, BatchNorm2d
from wgan_cli.recipe import Recipe


class Unflattened(nn.Linear):
    """A linear layer and a view of its outputs as an image."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).view(len(x), *self.image)


class Flattened(nn.Linear):
    """A view of an image as a row, and a linear layer."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.flatten(1))


PLAIN = {
    DownConv2d: nn.Conv2d,
    UpConvTranspose2d: nn.ConvTranspose2d,
    VectorToImage: Unflattened,
    ImageToVector: Flattened,
    BatchNorm1d: nn.BatchNorm1d,
    BatchNorm2d: nn.BatchNorm2d,
}


def plain_copy(network: nn.Module) -> nn.Module:
    """A copy of a network, same weights, made of nothing but the framework's own layers."""
    network = copy.deepcopy(network).to(memory_format=torch.contiguous_format)
    for name, module in list(network.named_modules()):
        if isinstance(module, PiecewiseLinear):
            network.set_submodule(name, nn.LeakyReLU(module.slope))
        module.__class__ = PLAIN.get(type(module), type(module))
    return network


class Noise(NamedTuple):
    """All random numbers of one iteration. critic: z (N, latent_dim) and eps (N, 1, 1, 1) of each critic step."""

    critic: list[tuple[Tensor, Tensor]]
    generator: Tensor


def draw_noise(batch_size: int, latent_dim: int, n_critic: int) -> Noise:
    """Draw from torch's random state in Algorithm 1's order: z then eps in each critic step, z for the generator."""
    critic = [(torch.randn(batch_size, latent_dim), torch.rand(batch_size, 1, 1, 1)) for _ in range(n_critic)]
    return Noise(critic, torch.randn(batch_size, latent_dim))


def gradient_penalty(critic: nn.Module, real: Tensor, fake: Tensor, eps: Tensor) -> Tensor:
    """Line 7's penalty without its weight: mean (||grad critic(x)||_2 - 1)^2 with x = eps*real + (1-eps)*fake."""
    between = (eps * real + (1 - eps) * fake).requires_grad_()
    scores = critic(between)
    (gradient,) = torch.autograd.grad(scores, between, torch.ones_like(scores), create_graph=True, retain_graph=True)
    return ((gradient.flatten(1).norm(2, dim=1) - 1) ** 2).mean()


def critic_loss(
    generator: nn.Module, critic: nn.Module, real: Tensor, z: Tensor, eps: Tensor, gp_weight: float
) -> Tensor:
    """Lines 4 to 7: mean critic(fake) - mean critic(real) + gp_weight * penalty."""
    fake = generator(z).detach()
    return critic(fake).mean() - critic(real).mean() + gp_weight * gradient_penalty(critic, real, fake, eps)


class Textbook:
    """Both networks with their optimizers; `iterate` runs lines 2 to 12 once."""

    def __init__(self, generator: nn.Module, critic: nn.Module, recipe: Recipe) -> None:
        self.generator, self.critic = generator, critic
        self.gp_weight = recipe.objective.gp_weight
        of_generator, of_critic = recipe.optim.generator, recipe.optim.critic
        self.generator_adam = torch.optim.Adam(generator.parameters(), lr=of_generator.lr, betas=of_generator.betas)
        self.critic_adam = torch.optim.Adam(critic.parameters(), lr=of_critic.lr, betas=of_critic.betas)

    def iterate(self, reals: list[Tensor], noise: Noise) -> None:
        """One generator step after a critic step for each of `reals`, (N, C, H, W) in [-1, 1]."""
        for real, (z, eps) in zip(reals, noise.critic, strict=True):
            loss = critic_loss(self.generator, self.critic, real, z, eps, self.gp_weight)
            self.critic_adam.zero_grad()
            loss.backward()
            self.critic_adam.step()
        loss = -self.critic(self.generator(noise.generator)).mean()
        self.generator_adam.zero_grad()
        loss.backward()
        self.generator_adam.step()
