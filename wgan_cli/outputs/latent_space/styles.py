"""Truncation, interpolation and mixing in the style space of a generator."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from torch import Tensor, nn

from wgan_cli.errors import WganError
from wgan_cli.networks.style_space import StyleSpace
from wgan_cli.outputs.sampling import check_memory_for, in_batches, parse_seeds, slerp_path
from wgan_cli.recipe.model_settings import StyleSettings
from wgan_cli.runs.checkpoint import Checkpoint
from wgan_cli.utils.seeds import latent_vectors

MIX_HINT = "use A:B:LAYERS, for example 0:1:2-4: image 0 with layers 2 to 4 of image 1"


class Truncated(StyleSpace):
    """Generator with styles truncated to mean + psi * (w - mean) (Karras et al. 2019, appendix B)."""

    def __init__(self, generator: StyleSpace, psi: float) -> None:
        super().__init__()
        self.generator, self.psi = generator, psi
        self.style_layers = generator.style_layers

    def mapping(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """z (N, latent_dim), labels (N,) -> truncated w (N, style_dim)."""
        return self.truncated(self.generator.mapping(z, labels), labels)

    def truncated(self, w: Tensor, labels: Tensor | None = None) -> Tensor:
        """w (N, style_dim) or (N, style_layers, style_dim), labels (N,) -> the same, truncated."""
        return self.generator.truncate(w, self.psi, labels)

    def synthesis(self, styles: Tensor) -> Tensor:
        """Styles per layer (N, style_layers, style_dim) -> images (N, C, H, W) in [-1, 1]."""
        return self.generator.synthesis(styles)

    def first_weight(self) -> Tensor:
        return self.generator.first_weight()


class FromStyles(nn.Module):
    """Synthesis network that takes one w per image, or one per layer."""

    def __init__(self, generator: StyleSpace) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, w: Tensor, labels: Tensor | None = None) -> Tensor:
        """w (N, style_dim) or (N, style_layers, style_dim), which includes the class -> images (N, C, H, W)."""
        return self.generator.synthesis(w if w.ndim == 3 else self.generator.broadcast(w))


def styles_of(generator: StyleSpace, z: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
    """Map latent vectors (N, latent_dim), with labels (N,) for a conditional generator, to w (N, style_dim)."""
    device = next(generator.parameters()).device
    return np.concatenate([w.float().cpu().numpy() for w in in_batches(generator.mapping, device, 64, z, labels)])


def walker(generator: nn.Module) -> nn.Module:
    """Return the network that turns the result of `walk` into images."""
    return FromStyles(generator) if isinstance(generator, StyleSpace) else generator


def walk(
    generator: nn.Module, ends: np.ndarray, frames: int, closed: bool, labels: np.ndarray | None = None
) -> np.ndarray:
    """Interpolate from each latent vector to the next: linearly in w, or with `slerp_path` without a style space.

    labels: class of each leg, (legs,), or None. Returns: (legs * frames, style_dim or latent_dim) float32.
    """
    if not isinstance(generator, StyleSpace):
        return slerp_path(ends, frames, closed)
    legs = len(ends) if closed else len(ends) - 1
    a, b = (styles_of(generator, np.roll(ends, -step, axis=0)[:legs], labels) for step in (0, 1))
    return _lines(a, b, frames, closed)


def _lines(a: np.ndarray, b: np.ndarray, frames: int, closed: bool = False) -> np.ndarray:
    """Interpolate linearly from each w of `a` to that of `b`, (legs, ...): (legs * frames, ...)."""
    t = np.arange(frames, dtype=np.float32) / (frames if closed else frames - 1)
    t = t.reshape(1, frames, *[1] * (a.ndim - 1))
    return ((1 - t) * a[:, None] + t * b[:, None]).reshape(-1, *a.shape[1:])


class Drawing(NamedTuple):
    """A network, its inputs (N, ...), the labels (N,) or None, and the grid's columns (None: near square)."""

    network: nn.Module
    inputs: np.ndarray
    labels: np.ndarray | None
    columns: int | None


def draw_walks(
    generator: nn.Module, ends: np.ndarray, frames: int, labels: np.ndarray | None, classes: Sequence[int] | None
) -> Drawing:
    """Interpolate from each latent vector to the next, in the class `labels` of the first, or in each of `classes`."""
    legs = len(ends) - 1
    own = None if labels is None else labels[:legs]
    leg_labels = [own] if classes is None else [np.full(legs, each, np.int64) for each in classes]
    walks = [walk(generator, ends, frames, closed=False, labels=labels) for labels in leg_labels]
    present = [labels for labels in leg_labels if labels is not None]
    all_labels = np.repeat(np.concatenate(present), frames) if present else None
    return Drawing(walker(generator), np.concatenate(walks), all_labels, columns=frames)


def draw_styles(generator: StyleSpace, w: np.ndarray, labels: np.ndarray | None, frames: int | None) -> Drawing:
    """Generate images of w (N, style_dim) or (N, style_layers, style_dim), or walks of `frames` from each to the next.

    labels: (N,), with whose mean w a `Truncated` generator truncates.
    """
    if isinstance(generator, Truncated):
        device = next(generator.parameters()).device
        w = np.concatenate([part.cpu().numpy() for part in in_batches(generator.truncated, device, 64, w, labels)])
    if frames is None:
        return Drawing(FromStyles(generator), w, labels, columns=None)
    all_labels = None if labels is None else np.repeat(labels[:-1], frames)
    return Drawing(FromStyles(generator), _lines(w[:-1], w[1:], frames), all_labels, columns=frames)


def shifted(drawing: Drawing, offset: np.ndarray) -> Drawing:
    """Add an offset (features,) to all latent vectors, or to all w if there is a style space."""
    if isinstance(drawing.network, StyleSpace):
        w = styles_of(drawing.network, drawing.inputs, drawing.labels)
        drawing = drawing._replace(network=FromStyles(drawing.network), inputs=w)
    return drawing._replace(inputs=drawing.inputs + offset)


@dataclass(frozen=True)
class Mix:
    """Style mixing: one image per row and column, the row's with the column's styles in some `layers`."""

    rows: tuple[int, ...]
    columns: tuple[int, ...]
    layers: tuple[int, ...]

    @property
    def numbers(self) -> tuple[int, ...]:
        """Indices of all images that contribute styles, rows first."""
        return self.rows + self.columns

    def styles(self, w: np.ndarray, style_layers: int) -> np.ndarray:
        """Mix the w of `numbers`, (rows + columns, style_dim): (rows * columns, style_layers, style_dim), by rows."""
        rows, columns = w[: len(self.rows)], w[len(self.rows) :]
        mixed = np.repeat(np.repeat(rows, len(columns), axis=0)[:, None], style_layers, axis=1)
        mixed[:, list(self.layers)] = np.tile(columns, (len(rows), 1))[:, None]
        return mixed


def parse_mix(text: str, layers: int) -> Mix:
    """Parse A:B:LAYERS, each a list such as 0-3,7, for a generator with `layers` layers. Raises: WganError."""
    parts = text.split(":")
    if len(parts) != 3:
        raise WganError(f"--mix: {text[:60]!r} is not A:B:LAYERS", MIX_HINT)
    rows, columns = (parse_seeds(part, "--mix", "an image's number") for part in parts[:2])
    wanted = parse_seeds(parts[2], "--mix", "a layer")
    if max(wanted) >= layers:
        last = layers - 1
        raise WganError(f"--mix: layer {max(wanted)} is out of range; layers are 0 (coarsest) to {last}", MIX_HINT)
    return Mix(tuple(rows), tuple(columns), tuple(dict.fromkeys(wanted)))


def draw_mix(
    generator: StyleSpace, checkpoint: Checkpoint, text: str, seed: int, classes: Sequence[int] | None
) -> Drawing:
    """Mix the styles of images of a seed, in the class of the list, or each in its own. Raises: WganError."""
    if classes is not None and len(classes) > 1:
        raise WganError("--mix accepts a single class", f"choose one, such as --class {classes[0]}")
    mix, model = parse_mix(text, generator.style_layers), checkpoint.recipe.model
    assert isinstance(model, StyleSettings)
    check_memory_for(len(mix.rows) * len(mix.columns) + len(mix.numbers), generator.style_layers * model.style_dim)
    labels = None
    if model.conditional:
        numbers = np.array(mix.numbers, np.int64)
        labels = numbers % checkpoint.image.num_classes if classes is None else np.full_like(numbers, classes[0])
    w = styles_of(generator, latent_vectors(seed, mix.numbers, model.latent_dim), labels)
    pair_labels = None if labels is None else np.repeat(labels[: len(mix.rows)], len(mix.columns))
    styles = mix.styles(w, generator.style_layers)
    return Drawing(FromStyles(generator), styles, pair_labels, columns=len(mix.columns))
