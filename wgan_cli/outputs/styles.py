"""What a style space allows: truncation towards its mean, walks along straight lines, and images of two styles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from torch import Tensor, nn

from wgan_cli.errors import WganError
from wgan_cli.networks.style_space import StyleSpace
from wgan_cli.outputs.sampling import check_room, in_batches, labels_in_turn, parse_seeds, slerp_path
from wgan_cli.runs.checkpoint import Checkpoint
from wgan_cli.utils.seeds import latent_vectors

HOW_TO_MIX = "write A:B:LAYERS, for example 0:1:2-4: image 0 with the layers 2 to 4 of image 1"


class Truncated(StyleSpace):
    """A generator whose styles are nearer to their mean: mean + psi * (w - mean) (Karras et al. 2019, appendix B)."""

    def __init__(self, generator: StyleSpace, psi: float) -> None:
        super().__init__()
        self.generator, self.psi = generator, psi
        self.style_layers = generator.style_layers

    def mapping(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """z (N, latent_dim), labels (N,) -> truncated w (N, style_dim)."""
        return self.generator.truncate(self.generator.mapping(z, labels), self.psi, labels)

    def synthesis(self, styles: Tensor) -> Tensor:
        """A w for each layer, (N, style_layers, style_dim) -> images (N, C, H, W) in [-1, 1]."""
        return self.generator.synthesis(styles)

    def first_weight(self) -> Tensor:
        """The generator's own."""
        return self.generator.first_weight()


class FromStyles(nn.Module):
    """A generator's second half as a network of its own, whose input is one w for each image, or two.

    Args:
        of_second: the layers that take the second of two.
    """

    def __init__(self, generator: StyleSpace, of_second: tuple[int, ...] = ()) -> None:
        super().__init__()
        self.generator, self.of_second = generator, list(of_second)

    def forward(self, w: Tensor, labels: Tensor | None = None) -> Tensor:
        """w (N, style_dim), or (N, 2 * style_dim), in which classes are already -> images (N, C, H, W) in [-1, 1]."""
        if not self.of_second:
            return self.generator.synthesis(self.generator.broadcast(w))
        first, second = (self.generator.broadcast(half) for half in w.chunk(2, dim=1))
        styles = first.clone()  # (N, style_layers, style_dim)
        styles[:, self.of_second] = second[:, self.of_second]
        return self.generator.synthesis(styles)


def styles_of(generator: StyleSpace, z: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
    """The w of latent vectors (N, latent_dim), with labels (N,) of a generator that knows classes: (N, style_dim)."""
    device = next(generator.parameters()).device
    return np.concatenate([w.float().cpu().numpy() for w in in_batches(generator.mapping, device, 64, z, labels)])


def walker(generator: nn.Module) -> nn.Module:
    """The network that makes images of what `walk` gives."""
    return FromStyles(generator) if isinstance(generator, StyleSpace) else generator


def walk(
    generator: nn.Module, ends: np.ndarray, frames: int, closed: bool, labels: np.ndarray | None = None
) -> np.ndarray:
    """Walk from each latent vector to the next: in w along straight lines, and without a style space as `slerp_path`.

    Args:
        ends, frames, closed: as of `slerp_path`. labels: the class of each leg, (legs,), or None.
    Returns: (legs * frames, style_dim or latent_dim) float32.
    """
    if not isinstance(generator, StyleSpace):
        return slerp_path(ends, frames, closed)
    count = len(ends) if closed else len(ends) - 1  # legs
    a, b = (styles_of(generator, np.roll(ends, -step, axis=0)[:count], labels)[:, None] for step in (0, 1))
    t = (np.arange(frames, dtype=np.float32) / (frames if closed else frames - 1))[None, :, None]  # (1, frames, 1)
    return ((1 - t) * a + t * b).reshape(-1, a.shape[-1])


class Drawing(NamedTuple):
    """What to draw: a network, its inputs (N, features), and the images' labels (N,) or None.

    across: how many in a row of a grid; None leaves that open.
    """

    network: nn.Module
    inputs: np.ndarray
    labels: np.ndarray | None
    across: int | None


def draw_walks(
    generator: nn.Module, checkpoint: Checkpoint, ends: np.ndarray, frames: int, classes: Sequence[int] | None
) -> Drawing:
    """Walks of so many frames from each latent vector to the next, in every class of a list, or in classes in turn.

    Raises: WganError where there is nowhere to walk to.
    """
    if len(ends) < 2:
        raise WganError("--interpolate walks from image to image, and there is only one", "give -n 2 or more")
    legs = len(ends) - 1
    in_turn = labels_in_turn(checkpoint.recipe, checkpoint.image, legs)
    of_legs = [in_turn] if classes is None else [np.full(legs, each, np.int64) for each in classes]
    walks = [walk(generator, ends, frames, closed=False, labels=labels) for labels in of_legs]
    labels = None if of_legs[0] is None else np.repeat(np.concatenate(of_legs), frames)
    return Drawing(walker(generator), np.concatenate(walks), labels, across=frames)


@dataclass(frozen=True)
class Mix:
    """Images of two styles: for each of `rows` and each of `columns`, the row's but for the column's `layers`."""

    rows: tuple[int, ...]
    columns: tuple[int, ...]
    layers: tuple[int, ...]

    @property
    def numbers(self) -> tuple[int, ...]:
        """Of all images that give a style, rows first."""
        return self.rows + self.columns

    def pairs(self, w: np.ndarray) -> np.ndarray:
        """From the w of `numbers`, (rows + columns, style_dim), to one of two for each image, row by row."""
        rows, columns = w[: len(self.rows)], w[len(self.rows) :]
        first = np.repeat(rows, len(columns), axis=0)
        return np.concatenate([first, np.tile(columns, (len(rows), 1))], axis=1)  # (rows * columns, 2 * style_dim)


def parse_mix(text: str, layers: int) -> Mix:
    """Read A:B:LAYERS, each a list such as 0-3,7, for a generator of so many layers.

    Raises: WganError naming the part that is wrong.
    """
    parts = text.split(":")
    if len(parts) != 3:
        raise WganError(f"--mix: {text[:60]!r} is not A:B:LAYERS", HOW_TO_MIX)
    rows, columns = (parse_seeds(part, "--mix", "an image's number") for part in parts[:2])
    wanted = parse_seeds(parts[2], "--mix", "a layer")
    if max(wanted) >= layers:
        raise WganError(
            f"--mix names layer {max(wanted)}, and this generator has the layers 0, the coarsest, to {layers - 1}",
            HOW_TO_MIX,
        )
    return Mix(tuple(rows), tuple(columns), tuple(dict.fromkeys(wanted)))


def draw_mix(
    generator: StyleSpace, checkpoint: Checkpoint, text: str, seed: int, classes: Sequence[int] | None
) -> Drawing:
    """Images of two styles each, by numbers of a seed's images, in the class of the list, or each in its own.

    Raises: WganError where the text, or more than one class, makes no sense.
    """
    if classes is not None and len(classes) > 1:
        raise WganError("--mix draws one class at a time", f"give one, such as --class {classes[0]}")
    mix, model = parse_mix(text, generator.style_layers), checkpoint.recipe.model
    check_room(len(mix.rows) * len(mix.columns) + len(mix.numbers), 2 * model.style_dim)
    labels = None
    if model.conditional:
        numbers = np.array(mix.numbers, np.int64)
        labels = numbers % checkpoint.image.num_classes if classes is None else np.full_like(numbers, classes[0])
    w = styles_of(generator, latent_vectors(seed, mix.numbers, model.latent_dim), labels)
    of_images = None if labels is None else np.repeat(labels[: len(mix.rows)], len(mix.columns))
    return Drawing(FromStyles(generator, mix.layers), mix.pairs(w), of_images, across=len(mix.columns))
