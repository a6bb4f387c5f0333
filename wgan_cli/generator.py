"""A trained generator in Python: `from wgan_cli import load_generator`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from wgan_cli.errors import WganError
from wgan_cli.outputs.sampling import check_room, in_batches, labels_in_turn, sample_latents
from wgan_cli.outputs.sampling import load_generator as load_network
from wgan_cli.outputs.styles import Truncated
from wgan_cli.outputs.translate import check_translates, translator_to
from wgan_cli.recipe import ImageShape, Recipe
from wgan_cli.runs.checkpoint import Checkpoint
from wgan_cli.runs.environment import resolve_device


class LoadedGenerator(nn.Module):
    """A trained generator, in evaluation mode and without gradients, that draws images by number.

    network: the bare generator. recipe: all that it was trained with. step: where training was. image: its images' size
    and channels, and number of classes. class_names: theirs. latent_dim: the length of z, or 0 without one.
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

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return next(self.network.parameters()).device

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """z (N, latent_dim), labels (N,) int64 where it knows classes -> images (N, C, H, W) in [-1, 1]."""
        check_translates(self.recipe, wanted=False)
        return self.network(z, labels)

    def sample(
        self,
        n: int,
        seed: int = 0,
        labels: int | Sequence[int] | Tensor | None = None,
        truncation_psi: float | None = None,
        batch: int = 64,
    ) -> Tensor:
        """Images 0..n-1 of a seed, those that `wgan sample --seed SEED` draws, whatever n is.

        Args:
            labels: the class of all images or of each, of a generator that knows classes; by default all in turn.
            truncation_psi: styles nearer to their mean, of a generator that has styles; 0 is on it.
            batch: images computed at once; with another an image may differ in its last bits.
        Returns: (n, C, H, W) float32 in [-1, 1] on the generator's device.
        Raises: WganError for what this generator does not have.
        """
        check_translates(self.recipe, wanted=False)
        model = self.recipe.model
        if n < 1:
            raise WganError(f"n is {n}, and there is no image to draw", "give n of 1 or more")
        if truncation_psi is not None and not model.has_style_space:
            raise WganError(
                f"truncation_psi needs a style space, and {model.name} has none", "leave out truncation_psi"
            )
        check_room(n, self.latent_dim)
        network = self.network if truncation_psi is None else Truncated(self.network, truncation_psi)
        rows = sample_latents(self.latent_dim, n, seed), self._checked_labels(n, labels)
        return torch.cat(list(in_batches(network, self.device, batch, *rows)))  # (n, C, H, W)

    @torch.no_grad()
    def translate(self, images: Tensor, to: str = "b") -> Tensor:
        """Images (N, C, H, W) in [-1, 1] as images of a side, "a" or "b", of a generator that translates.

        Raises: WganError where it does not, or there is no such side.
        """
        check_translates(self.recipe, wanted=True)
        if to not in ("a", "b"):
            raise WganError(f"there is no side {to!r:.40}", 'give "a" or "b"')
        return translator_to(self.network, to)(images.to(self.device))

    def _checked_labels(self, n: int, labels: int | Sequence[int] | Tensor | None) -> np.ndarray | None:
        if labels is None:
            return labels_in_turn(self.recipe, self.image, n)
        if not self.recipe.model.conditional:
            raise WganError("labels are for a generator that was trained with classes", "leave out labels")
        given = torch.as_tensor(labels, dtype=torch.int64).cpu()
        if given.ndim > 1 or (given.ndim == 1 and len(given) != n):
            raise WganError(f"labels have the shape {tuple(given.shape)}, and n is {n}", "give one, or n of them")
        if given.numel() and not 0 <= int(given.min()) <= int(given.max()) < self.image.num_classes:
            raise WganError(
                f"labels are from {int(given.min())} to {int(given.max())}, and there are {self.image.num_classes}",
                f"give numbers from 0 to {self.image.num_classes - 1}",
            )
        return given.expand(n).numpy().copy()  # (n,)


def load_generator(path: str | Path, device: str | torch.device = "cpu") -> LoadedGenerator:
    """Open a trained generator: a run folder, a .pth or .safetensors file, or a folder that `wgan export` wrote.

    Nothing in the file can run code. Args: device: auto, cpu, cuda, cuda:N or mps.
    Raises: WganError, whose `message` says what is wrong and whose `hint` what to do.
    """
    return LoadedGenerator(*load_network(Path(path), resolve_device(str(device))))
