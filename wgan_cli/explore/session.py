"""What a page asks of a generator that starts from noise: images, moves along directions, and walks."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from wgan_cli.errors import WganError
from wgan_cli.explore.source import Source
from wgan_cli.generator import LoadedGenerator
from wgan_cli.networks.style_space import StyleSpace
from wgan_cli.outputs.animation import Frame, save_animation
from wgan_cli.outputs.directions import Directions, directions_of
from wgan_cli.outputs.grid import as_picture, grid_tensor, near_square, save_picture
from wgan_cli.outputs.sampling import generate, labels_in_turn, sample_latents
from wgan_cli.outputs.styles import Truncated, styles_of, walk, walker

MOST_IMAGES = 100
MOST_DIRECTIONS = 6
MOST_MOVE = 4.0  # standard deviations; further out there are no images that it was trained to make
MOST_SEED = 2**53 - 1  # up to which a browser's numbers are exact
A_LEG, FPS = 24, 16.0  # of a walk: frames from one image to the other, and a second
WALK_SIDE = 224  # pixels of an animation, about
_MEASURED = 1000  # styles by which their spread is known


@dataclass(frozen=True)
class View:
    """Images 0 to count-1 of a seed.

    label: the class of all, or None for all classes in turn. psi: the truncation of styles, or None. moves: along the
    strongest directions, first to last, in standard deviations.
    """

    seed: int = 0
    count: int = 36
    label: int | None = None
    psi: float | None = None
    moves: tuple[float, ...] = ()


class Studio:
    """Draws with the generator of a source, for one at a time."""

    def __init__(self, source: Source) -> None:
        """Raises: WganError for a generator that starts from no vector."""
        self.source = source
        self.directions  # noqa: B018  (checked before there is a page)
        self._turn = threading.Lock()

    @property
    def generator(self) -> LoadedGenerator:
        return self.source.generator

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes that one can ask for."""
        return self.generator.class_names if self.generator.recipe.model.conditional else ()

    @property
    def has_styles(self) -> bool:
        return self.generator.recipe.model.has_style_space

    @cached_property
    def directions(self) -> Directions:
        return directions_of(self.generator.network, MOST_DIRECTIONS)

    @cached_property
    def spread(self) -> np.ndarray:
        """The standard deviation of latent vectors along each direction, (K,): 1 of z, and of w as it is measured."""
        if not self.has_styles:
            return np.ones(len(self.directions), np.float32)
        w = self._points(self.generator.network, View(count=_MEASURED), range(_MEASURED))
        return (w @ self.directions.vectors.T).std(0)  # (K,)

    def reload(self) -> None:
        """Take the file as it is now. Raises: WganError; what was loaded before stays then."""
        with self._turn:
            self.source.load()
            for learnt in ("directions", "spread"):
                self.__dict__.pop(learnt, None)

    def images(self, view: View) -> Tensor:
        """The images of a view, those of `wgan sample` where nothing is moved: (count, C, H, W) uint8."""
        with self._turn:
            self._check(view)
            network, numbers = self._network(view), range(view.count)
            points = self._points(network, view, numbers) + self._offset(view)  # (count, F)
            return torch.cat(list(generate(walker(network), points, labels=self.labels(view, numbers))))

    def walk(self, view: View, first: int, second: int) -> Tensor:
        """From one image of a view to another and back, so that it loops: (2 * A_LEG, C, H, W) uint8.

        Frame 0 is the first image and frame A_LEG the second, in the class of the first.
        """
        with self._turn:
            self._check(view)
            if not all(type(end) is int and 0 <= end < view.count for end in (first, second)) or first == second:
                raise WganError("a walk needs two images of the grid", "click one, and then another")
            network = self._network(view)
            z = sample_latents(self.generator.latent_dim, max(first, second) + 1, view.seed)
            labels = self.labels(view, [first, first])
            points = walk(network, z[[first, second]], A_LEG, closed=True, labels=labels) + self._offset(view)
            of_frames = None if labels is None else np.repeat(labels, A_LEG)
            return torch.cat(list(generate(walker(network), points, labels=of_frames)))

    def _network(self, view: View) -> nn.Module:
        network = self.generator.network
        return network if view.psi is None else Truncated(network, view.psi)

    def _points(self, network: nn.Module, view: View, numbers: range) -> np.ndarray:
        """What `walker` makes images of: z, or w where there are styles; (N, F)."""
        z = sample_latents(self.generator.latent_dim, len(numbers), view.seed)
        return styles_of(network, z, self.labels(view, numbers)) if isinstance(network, StyleSpace) else z

    def labels(self, view: View, numbers: Sequence[int]) -> np.ndarray | None:
        """The classes of a view's images by their numbers, (N,) int64; None where the generator knows none."""
        if view.label is not None:
            return np.full(len(numbers), view.label, np.int64)
        in_turn = labels_in_turn(self.generator.recipe, self.generator.image, max(numbers) + 1)
        return None if in_turn is None else in_turn[list(numbers)]

    def _offset(self, view: View) -> np.ndarray:
        amounts = np.array(view.moves, np.float32) * self.spread[: len(view.moves)]
        return self.directions.moved_by(amounts)  # (F,)

    def _check(self, view: View) -> None:
        """Refuse what a page would not ask for, but whoever speaks to its server could. Raises: WganError."""
        for name, value, low, high in (
            ("the seed", view.seed, 0, MOST_SEED),
            ("the number of images", view.count, 1, MOST_IMAGES),
            ("the class", 0 if view.label is None else view.label, 0, max(0, len(self.class_names) - 1)),
        ):
            if type(value) is not int or not low <= value <= high:
                raise WganError(f"{name} is {value!r:.40}", f"give a whole number from {low} to {high}")
        if view.label is not None and not self.class_names:
            raise WganError("this generator knows no classes", "ask for none")
        if view.psi is not None and not self.has_styles:
            raise WganError("this generator has no styles to truncate", "leave the truncation out")
        numbers = [*view.moves, *([] if view.psi is None else [view.psi])]
        if len(view.moves) > len(self.directions) or not all(map(_is_small, numbers)):
            raise WganError(f"the sliders stand at {numbers!r:.80}", f"move them, from -{MOST_MOVE:g} to {MOST_MOVE:g}")


def _is_small(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and abs(value) <= MOST_MOVE


def save_grid(images: Tensor, path: Path) -> None:
    """Write a view's images as the grid that `wgan sample` writes."""
    save_picture(grid_tensor(images, near_square(len(images))), path)


def save_walk(images: Tensor, path: Path) -> None:
    """Write a walk's frames as an animation that loops, its pixels enlarged."""
    scale = max(1, min(16, WALK_SIDE // images.shape[-1]))
    save_animation([Frame(as_picture(image)) for image in images], path, FPS, hold=0.0, scale=scale)
