"""Sampling for the page: images, shifts along directions of the latent space, and walks."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from wgan_cli.errors import WganError
from wgan_cli.explore.source import Source
from wgan_cli.generator import LoadedGenerator
from wgan_cli.networks.layers import LatentGenerator
from wgan_cli.networks.style_space import StyleSpace
from wgan_cli.outputs.animation import Frame, save_animation
from wgan_cli.outputs.grid import as_picture, grid_tensor, near_square, save_picture
from wgan_cli.outputs.latent_space.directions import directions_of, spread_along
from wgan_cli.outputs.latent_space.styles import Truncated, styles_of, walk, walker
from wgan_cli.outputs.sampling import cycled_labels, generate, images_at_once, sample_latents
from wgan_cli.utils.pixels import preview

MAX_IMAGES = 100
MAX_DIRECTIONS = 6
MAX_SHIFT = 4.0  # standard deviations; the generator was not trained further out
MAX_SEED = 2**53 - 1  # the largest exact integer of JavaScript
FRAMES_PER_LEG, FPS = 24, 16.0  # of a walk, from one image to the other
WALK_SIDE = 224  # pixels of an animation, approximately


@dataclass(frozen=True)
class View:
    """Images 0 to count-1 of a seed.

    Attributes:
        label: class of all images, or None for all classes in turn.
        psi: truncation of styles, or None.
        shifts: along the strongest directions in order, in standard deviations.
    """

    seed: int = 0
    count: int = 36
    label: int | None = None
    psi: float | None = None
    shifts: tuple[float, ...] = ()


class SamplingSession:
    """Samples of the generator of a source, one request at a time."""

    def __init__(self, source: Source) -> None:
        """Raise WganError for a generator without a latent vector."""
        self.source = source
        self.directions  # noqa: B018  (raises before there is a page)
        self._lock = threading.Lock()

    @property
    def generator(self) -> LoadedGenerator:
        return self.source.generator

    @property
    def class_names(self) -> tuple[str, ...]:
        """Classes that can be selected."""
        return self.generator.class_names if self.generator.recipe.model.conditional else ()

    @property
    def has_styles(self) -> bool:
        return self.generator.recipe.model.has_style_space

    @cached_property
    def directions(self) -> np.ndarray:
        """Directions of the latent space, (K, F), the strongest first."""
        return directions_of(self.generator.network, MAX_DIRECTIONS)

    @property
    def direction_shares(self) -> np.ndarray:
        """Share of each direction in the squared norm of the weight that takes z or w, (K,)."""
        generator = cast(LatentGenerator, self.generator.network)
        weight = generator.first_weight().detach().cpu().numpy()  # (outputs, F)
        return np.square(self.directions @ weight.T).sum(1) / np.square(weight).sum()

    @cached_property
    def spread(self) -> np.ndarray:
        """Standard deviation of latent vectors along each direction, (K,): 1 for z, measured for w."""
        return spread_along(self.directions, self.generator.network, self.generator.recipe, self.generator.image)

    def reload(self) -> None:
        """Load the current file. Raises: WganError; the loaded generator then stays."""
        with self._lock:
            self.source.load()
            for cached in ("directions", "spread"):
                self.__dict__.pop(cached, None)

    def images(self, view: View) -> Tensor:
        """Return the images of a view, without shifts those of `wgan sample`: (count, C, H, W) uint8."""
        with self._lock:
            self._check(view)
            network, numbers = self._network(view), range(view.count)
            points = self._points(network, view, numbers) + self._offset(view)  # (count, F)
            return self._shown(network, points, self.labels(view, numbers))

    def walk(self, view: View, first: Any, second: Any) -> Tensor:
        """Interpolate from one image of a view to another and back: (2 * FRAMES_PER_LEG, C, H, W) uint8.

        Frame 0 is the first image and frame FRAMES_PER_LEG the second, in the class of the first.
        """
        with self._lock:
            self._check(view)
            if not all(type(end) is int and 0 <= end < view.count for end in (first, second)) or first == second:
                raise WganError("a walk needs two images of the grid", "click two different images")
            network = self._network(view)
            z = sample_latents(self.generator.latent_dim, max(first, second) + 1, view.seed)
            labels = self.labels(view, [first, first])
            points = walk(network, z[[first, second]], FRAMES_PER_LEG, closed=True, labels=labels) + self._offset(view)
            frame_labels = None if labels is None else np.repeat(labels, FRAMES_PER_LEG)
            return self._shown(network, points, frame_labels)

    def _shown(self, network: nn.Module, points: np.ndarray, labels: np.ndarray | None) -> Tensor:
        batches = generate(walker(network), points, images_at_once(self.generator.image), labels)
        return preview(torch.cat(list(batches)), self.generator.recipe.data.preview_channels)

    def _network(self, view: View) -> nn.Module:
        network = self.generator.network
        return Truncated(network, view.psi) if view.psi is not None and isinstance(network, StyleSpace) else network

    def _points(self, network: nn.Module, view: View, numbers: range) -> np.ndarray:
        """Return the inputs of `walker`, (N, F): w if the network has styles, else z."""
        z = sample_latents(self.generator.latent_dim, len(numbers), view.seed)
        return styles_of(network, z, self.labels(view, numbers)) if isinstance(network, StyleSpace) else z

    def labels(self, view: View, numbers: Sequence[int]) -> np.ndarray | None:
        """Return the classes of images of a view, (N,) int64, or None if the generator has no classes."""
        if view.label is not None:
            return np.full(len(numbers), view.label, np.int64)
        in_turn = cycled_labels(self.generator.recipe, self.generator.image, max(numbers) + 1)
        return None if in_turn is None else in_turn[list(numbers)]

    def _offset(self, view: View) -> np.ndarray:
        amounts = np.array(view.shifts, np.float32) * self.spread[: len(view.shifts)]
        return amounts @ self.directions[: len(amounts)]  # (F,)

    def _check(self, view: View) -> None:
        """Raise WganError for values that the page never sends, but another client may."""
        for name, value, low, high in (
            ("seed", view.seed, 0, MAX_SEED),
            ("count", view.count, 1, MAX_IMAGES),
            ("class", 0 if view.label is None else view.label, 0, max(0, len(self.class_names) - 1)),
        ):
            if type(value) is not int or not low <= value <= high:
                raise WganError(f"{name} is {value!r:.40}", f"give an integer from {low} to {high}")
        if view.label is not None and not self.class_names:
            raise WganError("this generator has no classes", "leave out the class")
        if view.psi is not None and not self.has_styles:
            raise WganError("this generator has no styles to truncate", "leave out the truncation")
        numbers = [*view.shifts, *([] if view.psi is None else [view.psi])]
        valid = all(type(number) in (int, float) and abs(number) <= MAX_SHIFT for number in numbers)
        if len(view.shifts) > len(self.directions) or not valid:
            raise WganError(f"sliders are at {numbers!r:.80}", f"use -{MAX_SHIFT:g} to {MAX_SHIFT:g}")


def save_grid(images: Tensor, path: Path) -> None:
    """Write images as the grid that `wgan sample` writes."""
    save_picture(grid_tensor(images, near_square(len(images))), path)


def save_walk(images: Tensor, path: Path) -> None:
    """Write the frames of a walk as a looping animation with enlarged pixels."""
    scale = max(1, min(16, WALK_SIDE // max(images.shape[2:])))
    save_animation([Frame(as_picture(image)) for image in images], path, FPS, hold=0.0, scale=scale)
