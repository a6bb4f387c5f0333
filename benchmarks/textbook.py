"""WGAN-GP as widely used public scripts write it, the baseline of the benchmarks.

A torchvision-like dataset with per-image transforms and a DataLoader, separate critic forward passes for real, fake and
interpolated images, nn.LeakyReLU, torch.optim's default Adam, and losses read with .item() every step.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import nullcontext

import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from wgan_cli.data import ImageSet
from wgan_cli.networks.layers import PiecewiseLinear
from wgan_cli.networks.resampling import (
    BlurConv2d,
    BlurPoolConv2d,
    DownConv2d,
    ImageToVector,
    NearestUpsample,
    SmoothUpConvTranspose2d,
    UpConvTranspose2d,
    VectorToImage,
)
from wgan_cli.networks.sharded_layers import BatchNorm1d, BatchNorm2d, Dropout, Dropout2d
from wgan_cli.recipe import Recipe
from wgan_cli.utils.matmul_precision import float32_matmul


class MnistLike(Dataset):
    """Dataset that returns transformed PIL images and labels, as torchvision's MNIST and CIFAR10 do."""

    def __init__(self, images: ImageSet, transform=None) -> None:
        self.data = images.images.squeeze(1) if images.images.shape[1] == 1 else images.images.permute(0, 2, 3, 1)
        self.targets = images.labels
        self.transform = transform

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        img, target = self.data[index], int(self.targets[index])
        img = Image.fromarray(img.numpy())
        if self.transform is not None:
            img = self.transform(img)
        return img, target


def make_loader(images: ImageSet, batch_size: int) -> DataLoader:
    """Return shuffled batches without the incomplete last one, so that both sides do the same work."""
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize([0.5], [0.5])])
    return DataLoader(MnistLike(images, transform), batch_size=batch_size, shuffle=True, num_workers=0, drop_last=True)


class Unflattened(nn.Linear):
    """A linear layer whose output is viewed as an image."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).view(x.size(0), *self.image)


class Flattened(nn.Linear):
    """A linear layer on a flattened image."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.flatten(1))


PLAIN = {
    DownConv2d: nn.Conv2d,
    UpConvTranspose2d: nn.ConvTranspose2d,
    SmoothUpConvTranspose2d: nn.ConvTranspose2d,
    VectorToImage: Unflattened,
    ImageToVector: Flattened,
    BatchNorm1d: nn.BatchNorm1d,
    BatchNorm2d: nn.BatchNorm2d,
    Dropout: nn.Dropout,
    Dropout2d: nn.Dropout2d,
    NearestUpsample: nn.Upsample,
}


def plain_copy(network: nn.Module) -> nn.Module:
    """Copy a network into the framework's own layers and memory layout, with the same weights."""
    network = copy.deepcopy(network).to(memory_format=torch.contiguous_format)
    for name, module in list(network.named_modules()):
        if isinstance(module, PiecewiseLinear):
            network.set_submodule(name, nn.ReLU() if module.slope == 0 else nn.LeakyReLU(module.slope))
        elif isinstance(module, BlurConv2d):
            network.set_submodule(name, two_layers(module))
        module.__class__ = PLAIN.get(type(module), type(module))  # what it does, not what it holds
    return network


def two_layers(layer: BlurConv2d) -> nn.Sequential:
    """Return the convolution and the change of size that a layer computes at once, with its weights."""
    assert layer.blurs == 1, "the framework has no layer with a wider blur"
    convolution = nn.Conv2d(layer.in_channels, layer.out_channels, layer.kernel_size, padding="same")
    convolution.weight, convolution.bias = layer.weight, layer.bias
    if isinstance(layer, BlurPoolConv2d):
        return nn.Sequential(convolution, nn.AvgPool2d(2))
    return nn.Sequential(nn.Upsample(scale_factor=2), convolution)


def gradient_penalty(critic: nn.Module, real: Tensor, fake: Tensor, device: torch.device) -> Tensor:
    alpha = torch.rand(real.size(0), 1, 1, 1, device=device)
    interpolates = (alpha * real + (1 - alpha) * fake.detach()).requires_grad_(True)
    scores = critic(interpolates)
    gradients = torch.autograd.grad(
        outputs=scores,
        inputs=interpolates,
        grad_outputs=torch.ones_like(scores),
        create_graph=True,
        retain_graph=True,
        only_inputs=True,
    )[0]
    gradients = gradients.view(gradients.size(0), -1)
    return ((gradients.norm(2, dim=1) - 1) ** 2).mean()


def stepper(steps: Iterator[None], recipe: Recipe, device: torch.device) -> Callable[[], None]:
    """Return a function that takes a step of `train`, on a GPU with TF32 only if the recipe allows it, as our loop.

    By default PyTorch rounds convolutions in float32 to TF32. A CPU computes products with PyTorch's default library.
    """

    def step() -> None:
        with float32_matmul(device, recipe.tf32) if device.type == "cuda" else nullcontext():
            next(steps)

    return step


def train(
    generator: nn.Module,
    critic: nn.Module,
    loader: DataLoader,
    recipe: Recipe,
    device: torch.device,
    amp: str,
    detach: bool,
) -> Iterator[None]:
    """Train forever, yielding after each generator step.

    Args:
        amp: "off", or "bf16" for autocast.
        detach: detach the fakes in the critic's loss, as in the paper. Many scripts don't, and discard the resulting
            gradients of the generator.
    """
    of_generator, of_critic = recipe.optim.generator, recipe.optim.critic
    optimizer_g = torch.optim.Adam(generator.parameters(), lr=of_generator.lr, betas=of_generator.betas)
    optimizer_d = torch.optim.Adam(critic.parameters(), lr=of_critic.lr, betas=of_critic.betas)
    latent_dim, gp_weight, n_critic = recipe.model.latent_dim, recipe.objective.gp_weight, recipe.objective.n_critic
    iteration = 0
    while True:
        for real, _ in loader:
            iteration += 1
            real = real.to(device)

            # Train the critic.
            optimizer_d.zero_grad()
            with torch.autocast(device.type, torch.bfloat16, enabled=amp == "bf16"):
                z = torch.randn(real.size(0), latent_dim, device=device)
                fake = generator(z).detach() if detach else generator(z)
                real_validity = critic(real)
                fake_validity = critic(fake)
                penalty = gradient_penalty(critic, real, fake, device)
                d_loss = -real_validity.mean() + fake_validity.mean() + gp_weight * penalty
            d_loss.backward()
            optimizer_d.step()
            d_loss.item()

            # Train the generator every n_critic steps.
            if iteration % n_critic == 0:
                optimizer_g.zero_grad()
                with torch.autocast(device.type, torch.bfloat16, enabled=amp == "bf16"):
                    z = torch.randn(real.size(0), latent_dim, device=device)
                    g_loss = -critic(generator(z)).mean()
                g_loss.backward()
                optimizer_g.step()
                g_loss.item()
                yield
