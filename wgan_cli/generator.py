"""Trained generators in Python: `from wgan_cli import load_generator`."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from typing_extensions import Self

from wgan_cli.errors import WganError
from wgan_cli.networks.style_space import StyleSpace
from wgan_cli.outputs.latent_space.styles import Truncated
from wgan_cli.outputs.sampling import (
    check_memory_for,
    cycled_labels,
    images_at_once,
    in_batches,
    open_generator,
    sample_latents,
)
from wgan_cli.outputs.tiling import translate_whole
from wgan_cli.outputs.translate import check_side, check_translates, translator_to
from wgan_cli.recipe import ImageShape, Recipe
from wgan_cli.runs.checkpoint import Checkpoint
from wgan_cli.runs.environment import resolve_device
from wgan_cli.utils.matmul_precision import repeatable_float32


class LoadedGenerator(nn.Module):
    """Trained generator with frozen weights, always in evaluation mode; `forward` is differentiable in z.

    Attributes:
        network: the bare generator.
        recipe: all settings of its training. step: training step.
        image: size, channels and number of classes of its images. class_names: names of the classes.
        latent_dim: length of z; 0 for a translator.
    """

    def __init__(self, network: nn.Module, checkpoint: Checkpoint) -> None:
        super().__init__()
        self.network = network
        self.recipe: Recipe = checkpoint.recipe
        self.step: int = checkpoint.step
        self.image: ImageShape = checkpoint.image
        self.class_names: tuple[str, ...] = checkpoint.class_names
        self.latent_dim: int = checkpoint.recipe.model.latent_dim
        self.eval()

    def train(self, mode: bool = True) -> Self:
        """Stay in evaluation mode, also inside a module that trains: `sample` must not depend on its batch."""
        return super().train(False)

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        return next(self.network.parameters()).device

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """z (N, latent_dim), labels (N,) int64 for a conditional generator -> images (N, C, H, W) in [-1, 1]."""
        check_translates(self.recipe, wanted=False)
        return self.network(z, labels)

    def sample(
        self,
        n: int,
        seed: int = 0,
        labels: int | Sequence[int] | Tensor | None = None,
        truncation_psi: float | None = None,
        batch: int | None = None,
    ) -> Tensor:
        """Generate images 0..n-1 of a seed, the same as `wgan sample --seed SEED`, regardless of n.

        Args:
            labels: class of all images or of each, for a conditional generator; by default all classes in turn.
            truncation_psi: scale of styles around their mean, for a generator with a style space; 0 is the mean.
            batch: images computed at once, by default 64, or fewer of more than 128x128 pixels; changing it may change
                the last bits of an image.
        Returns: (n, C, H, W) float32 in [-1, 1] on the generator's device.
        Raises: WganError for an argument that this generator does not support.
        """
        check_translates(self.recipe, wanted=False)
        for name, value, least in (("n", n, 1), ("seed", seed, 0), ("batch", batch, 1)):
            if value is not None and not least <= value < 2**64:
                problem = f"{name} is {value}, but must be from {least} to 2**64 - 1"
                raise WganError(problem, f"use for example {name}={least}")
        network = self.network
        if truncation_psi is not None:
            if not isinstance(network, StyleSpace):
                problem = f"truncation_psi needs a style space, which {self.recipe.model.name} does not have"
                raise WganError(problem, "remove truncation_psi")
            network = Truncated(network, truncation_psi)
        check_memory_for(n, self.latent_dim)
        inputs = sample_latents(self.latent_dim, n, seed), self._checked_labels(n, labels)
        batch = batch or images_at_once(self.image)
        return torch.cat(list(in_batches(network, self.device, batch, *inputs)))  # (n, C, H, W)

    @torch.no_grad()
    def translate(self, images: Tensor, to: str = "b") -> Tensor:
        """Translate images (N, C, H, W) of any size in [-1, 1] to a side, "a" or "b"; they keep their size.

        As many are computed at once as `sample` computes by default.

        Raises: WganError if the generator does not translate, or there is no such side.
        """
        check_translates(self.recipe, wanted=True)
        check_side(to)
        translator, (height, width) = translator_to(self.network, to), images.shape[2:]
        parts = images.split(images_at_once(replace(self.image, height=height, width=width)))
        with repeatable_float32(self.device):
            return torch.cat([translate_whole(translator, part.to(self.device)) for part in parts])

    def _checked_labels(self, n: int, labels: int | Sequence[int] | Tensor | None) -> np.ndarray | None:
        if labels is None:
            return cycled_labels(self.recipe, self.image, n)
        if not self.recipe.model.conditional:
            raise WganError("labels need a conditional generator", "remove labels")
        given = torch.as_tensor(labels, dtype=torch.int64).cpu()
        if given.ndim > 1 or (given.ndim == 1 and len(given) != n):
            raise WganError(f"labels have shape {tuple(given.shape)}, but n is {n}", "give one label, or n of them")
        if given.numel() and not 0 <= int(given.min()) <= int(given.max()) < self.image.num_classes:
            raise WganError(
                f"labels range from {int(given.min())} to {int(given.max())}, but there are {self.image.num_classes}",
                f"use numbers from 0 to {self.image.num_classes - 1}",
            )
        return given.expand(n).numpy().copy()  # (n,)


def load_generator(path: str | Path, device: str | torch.device = "cpu") -> LoadedGenerator:
    """Load a trained generator: a run folder, a .pth or .safetensors file, or a folder written by `wgan export`.

    The name of a generator that comes with the package loads the run of that name in runs/, else that generator.
    hf:OWNER/NAME, perhaps with @REVISION, loads one from the Hugging Face Hub.

    Loading never executes code from the file.

    Args:
        device: auto, cpu, cuda, cuda:N or mps.
    Raises: WganError, with a `message` and a `hint`.
    """
    return LoadedGenerator(*open_generator(Path(path), resolve_device(str(device))))
