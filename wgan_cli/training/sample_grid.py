"""What a run's sample grids show: always the same, so that they show one development."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

from wgan_cli.data.dataset import ImageSet
from wgan_cli.data.pairs import ImagePair
from wgan_cli.outputs.sampling import generate, labels_in_turn
from wgan_cli.outputs.translate import translate, translator_to
from wgan_cli.recipe import ImageShape, Recipe
from wgan_cli.utils.seeds import derived_seed, latent_vectors


class Pictures(NamedTuple):
    """shown: all images of a grid, row by row, (N, C, H, W) uint8. made: those that the generator made, likewise."""

    shown: Tensor
    made: Tensor


class SampleGrid(Protocol):
    """columns: of the grid."""

    columns: int

    def draw(self, generator: nn.Module) -> Pictures:
        """What a generator in evaluation mode makes of the fixed inputs; draws no random numbers."""


class FixedLatents:
    """The same latent vectors, and the classes in turn."""

    def __init__(self, recipe: Recipe, image: ImageShape) -> None:
        self.columns = recipe.sample_grid
        count = self.columns**2
        self.latents = latent_vectors(recipe.seed, range(count), recipe.model.latent_dim)
        self.labels = labels_in_turn(recipe, image, count)

    def draw(self, generator: nn.Module) -> Pictures:
        """One image for each latent vector."""
        images = torch.cat(list(generate(generator, self.latents, labels=self.labels)))  # (grid*grid, C, H, W)
        return Pictures(images, images)


class FixedInputs:
    """The same images of both sides: in each row one of a, the same as b, and back; then likewise one of b."""

    columns = 6

    def __init__(self, recipe: Recipe, pair: ImagePair) -> None:
        rows = min(recipe.sample_grid, len(pair.a), len(pair.b))
        self.inputs = {name: _some(getattr(pair, name), rows, recipe.seed, name) for name in ("a", "b")}

    def draw(self, generator: nn.Module) -> Pictures:
        """Inputs, translations and what becomes of these on the way back."""
        shown, made = [], []
        for here, there in (("a", "b"), ("b", "a")):
            images = self.inputs[here]  # (rows, C, H, W)
            (changed,) = translate(translator_to(generator, there), [images], len(images))
            (back,) = translate(translator_to(generator, here), [changed], len(images))
            shown += [images, changed, back]
            made.append(changed)
        return Pictures(torch.stack(shown, 1).flatten(0, 1), torch.cat(made))  # (rows*6, C, H, W), (2*rows, C, H, W)


def make_sample_grid(recipe: Recipe, dataset: ImageSet | ImagePair) -> SampleGrid:
    """What the grids of a run on these images show; it follows from recipe and images alone."""
    if isinstance(dataset, ImagePair):
        return FixedInputs(recipe, dataset)
    return FixedLatents(recipe, dataset.shape)


def _some(images: ImageSet, count: int, seed: int, side: str) -> Tensor:
    order = torch.Generator().manual_seed(derived_seed(seed, "inputs of grids", side))
    return images.images[torch.randperm(len(images), generator=order)[:count]]
