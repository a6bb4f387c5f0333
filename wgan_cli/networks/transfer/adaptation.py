"""Copy weights by name and shape, and adapt those that depend on channels and classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from wgan_cli.networks.transfer.growing_axes import CHANNELS, CLASSES, LATENT, Axis, Place, growing_axes
from wgan_cli.networks.transfer.layer_tensors import copy_layer, layer_tensors, set_tensor
from wgan_cli.recipe import ImageShape, Recipe

COLORS = 3


@dataclass(frozen=True)
class Transfer:
    """Layers of one network by what they got: the weights as they are, adapted ones, or none."""

    role: str
    loaded: tuple[str, ...]
    adapted: tuple[str, ...]
    skipped: tuple[str, ...]


class ImageKind(NamedTuple):
    """Networks of a recipe for one kind of images."""

    recipe: Recipe
    image: ImageShape
    class_names: tuple[str, ...]


@torch.no_grad()
def transfer(role: str, source: nn.Module, given: ImageKind, network: nn.Module, wanted: ImageKind) -> Transfer:
    """Give a network the weights of another one, layer by layer; a layer that doesn't fit keeps its own.

    Layers fit if they have the same name and tensors of the same shapes. Otherwise these are adapted:

    channels: between gray, color and color with alpha, so that gray images have the same activations as before, and a
        generator of gray images the same images. Weights of a new alpha channel are 0.
    classes: a class of the same name keeps its vectors, a new one gets the mean of all classes.
    other inputs next to the image or z, such as those of an embedded class: they keep their own weights.

    Args:
        source: with weights, in evaluation mode. given: its kind.
        network: changed in place. wanted: its kind.
    """
    fit = _Fit(role, given, wanted)
    theirs = layer_tensors(source)
    loaded, adapted, skipped = list[str](), list[str](), list[str]()
    for path, own in layer_tensors(network).items():
        label = path or ", ".join(own)
        if path not in theirs or theirs[path].keys() != own.keys():
            skipped.append(label)
            continue
        layer, its = network.get_submodule(path), source.get_submodule(path)
        fitted = {name: fit(layer, (path, name), theirs[path][name], tensor) for name, tensor in own.items()}
        values = {name: found[0] for name, found in fitted.items() if found}
        how = list(dict.fromkeys(found[1] for found in fitted.values() if found and found[1]))
        if len(values) < len(own):
            skipped.append(label)
            continue
        if how or not copy_layer(layer, its):
            for name, value in values.items():
                set_tensor(layer, name, value)
        if how:
            adapted.append(f"{label} ({', '.join(how)})")
        else:
            loaded.append(label)
    return Transfer(role, tuple(loaded), tuple(adapted), tuple(skipped))


class _Fit:
    """Fits single tensors of a layer."""

    def __init__(self, role: str, given: ImageKind, wanted: ImageKind) -> None:
        self.given, self.wanted = given, wanted
        self.old, self.new = (growing_axes(role, kind.recipe, kind.image) for kind in (given, wanted))

    def __call__(self, layer: nn.Module, place: Place, given: Tensor, own: Tensor) -> tuple[Tensor, str] | None:
        """Return the given tensor in the shape of a layer's own, and what it was adapted to; None if it can't be."""
        changes: list[str] = []
        for kind in (CHANNELS, CLASSES):
            if not (axis := self._common(kind, place)):
                continue
            matrix = self._class_map() if kind == CLASSES else self._channel_map(layer, place, axis)
            if matrix is None or matrix.shape[1] != axis.number:
                return None
            if not torch.equal(matrix, torch.eye(axis.number)):
                given = _mapped(given, axis, matrix, last=kind == CLASSES)
                changes.append(kind)
        if given.shape != own.shape:
            kind = next((kind for kind in (CHANNELS, LATENT) if self._shares(kind, place, given, own)), None)
            if kind is None:
                return None
            axis = self.new[kind][place]
            count, whole = axis.number * axis.unit, own.detach().clone()
            whole.narrow(axis.dim, 0, count).copy_(given.narrow(axis.dim, 0, count))
            given = whole
            changes.append(f"{kind} only")
        return given, ", ".join(changes)

    def _common(self, kind: str, place: Place) -> Axis | None:
        """Return the axis of a tensor if it grows in the same way in both networks; `number` is the given one."""
        old, new = self.old[kind].get(place), self.new[kind].get(place)
        return old if old and new and (old.dim, old.unit) == (new.dim, new.unit) else None

    def _shares(self, kind: str, place: Place, given: Tensor, own: Tensor) -> bool:
        """Return True if two tensors only differ in what comes after equally many channels or elements of z."""
        axis = self._common(kind, place)
        if not axis or (kind == LATENT and axis.number != self.new[kind][place].number) or given.ndim != own.ndim:
            return False
        return all(dim == axis.dim or a == b for dim, (a, b) in enumerate(zip(given.shape, own.shape, strict=True)))

    def _channel_map(self, layer: nn.Module, place: Place, axis: Axis) -> Tensor | None:
        outputs = 1 if isinstance(layer, nn.ConvTranspose2d) and place[1] == "weight" else 0
        given, wanted = self.given.image.channels, self.wanted.image.channels
        if axis.dim == outputs:
            return channel_map(given, wanted)
        to_given = channel_map(wanted, given)  # a layer of images sees them in the channels that it knows
        return None if to_given is None else to_given.T

    def _class_map(self) -> Tensor:
        return class_map(self.given.class_names, self.wanted.class_names)


def channel_map(given: int, wanted: int) -> Tensor | None:
    """Return the matrix (wanted, given) from channels to others: gray to equal colors, colors to their mean.

    Alpha is dropped, or 0. None if one of them isn't gray, color or color with alpha, and they differ.
    """
    if given == wanted:
        return torch.eye(given)
    if not {given, wanted} <= {1, COLORS, COLORS + 1}:
        return None
    colors, shown = min(given, COLORS), min(wanted, COLORS)
    matrix = torch.zeros(wanted, given)
    matrix[:shown, :colors] = torch.eye(shown) if shown == colors else 1 / colors
    return matrix


def class_map(given: Sequence[str], wanted: Sequence[str]) -> Tensor:
    """Return the matrix (wanted, given) that takes a class from the one of the same name, else the mean of all."""
    rows = torch.full((len(wanted), len(given)), 1 / max(1, len(given)))
    for row, name in zip(rows, wanted, strict=True):
        if name in given:
            row.zero_()
            row[given.index(name)] = 1
    return rows


def _mapped(tensor: Tensor, axis: Axis, matrix: Tensor, last: bool) -> Tensor:
    """Apply a matrix to the channels or classes of an axis, and leave the rest of the axis as it is."""
    moved, count = torch.movedim(tensor, axis.dim, 0), axis.number * axis.unit
    start = len(moved) - count if last else 0
    units = torch.reshape(moved[start : start + count], (axis.number, -1))
    new = torch.reshape(matrix.to(units) @ units, (len(matrix) * axis.unit, *moved.shape[1:]))
    return torch.movedim(torch.cat([moved[:start], new, moved[start + count :]]), 0, axis.dim)
