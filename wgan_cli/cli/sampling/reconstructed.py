"""`wgan sample --reconstruct`: real images next to their reconstructions, or interpolated."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from wgan_cli.cli.arguments.options import command_device
from wgan_cli.cli.sampling.given_images import like_training
from wgan_cli.cli.sampling.output import Output
from wgan_cli.console import print_message
from wgan_cli.data import default_data_root, load_images
from wgan_cli.errors import WganError
from wgan_cli.evaluation.real_images import real_images, training_images
from wgan_cli.outputs.reconstruct import Autoencoder, interpolations, open_autoencoder, reconstructions
from wgan_cli.outputs.sampling import parse_classes
from wgan_cli.outputs.save_images import save_images
from wgan_cli.recipe.data_settings import DataSettings
from wgan_cli.runs.checkpoint import Checkpoint
from wgan_cli.utils.class_names import spelled_like

COLUMNS = 12  # images in a row of a grid
MAX_LISTED = 20  # classes in a hint


def reconstruct_images(
    ckpt: Path, source: str, output: Output, *, count: int | None, seed: int, interpolate: int | None,
    class_: Sequence[str] | None, data_root: Path | None, device: str,
) -> Path:  # fmt: skip
    """Write real images next to their reconstructions, or interpolate between them; return the path."""
    networks, checkpoint = open_autoencoder(ckpt, command_device(device), output.batch)
    classes = None if class_ is None else parse_classes(class_, checkpoint.class_names)
    root = data_root or default_data_root()
    if not is_number(source):
        images, labels, origin = _from_folder(networks, checkpoint, source, count, root)
    elif count is None:
        images, labels, origin = _held_out(checkpoint, str(ckpt), int(source[:9]), seed, root)
    else:
        raise WganError("-n and --reconstruct both set the number of images", "remove -n")
    if interpolate is None:
        made = reconstructions(networks, images, labels, classes)
    elif len(images) < 2:
        raise WganError("--interpolate needs two or more images", "use --reconstruct 2 or more")
    else:
        made = interpolations(networks, images, labels, interpolate, classes)
    form = output.pixel_format(checkpoint.recipe.data, checkpoint.image.channels)
    columns = output.columns(len(made), max(1, COLUMNS // made.shape[1]))
    wide = torch.cat(list(made.unbind(1)), dim=3)  # (N, C, H, R*W)
    written = save_images(iter([wide]), len(made), output.path, columns=columns, scale=output.scale, form=form)
    how = "with their reconstructions" if interpolate is None else f"interpolated in {interpolate} steps"
    if classes is not None:
        how += f", as {', '.join(checkpoint.class_names[number] for number in classes)}"
    print_message(f"{len(images):,} images of {origin} {how}, from {checkpoint.source}: {written}")
    return written


def is_number(source: str) -> bool:
    """Return True for a number of held-out images, and False for the path of a folder or archive."""
    return source.isdecimal() and not os.path.isdir(source)


def _held_out(checkpoint: Checkpoint, origin: str, count: int, seed: int, root: Path) -> tuple[Tensor, np.ndarray, str]:
    """Draw held-out images (N, C, H, W) uint8, and return them with their classes (N,) and their origin."""
    assert isinstance(checkpoint.recipe.data, DataSettings)
    training = training_images(checkpoint.recipe, checkpoint, origin, root, print_message)
    held_out = real_images(checkpoint.recipe.data, root, print_message, training).held_out
    if not 1 <= count <= len(held_out):
        raise WganError(
            f"--reconstruct {count} is out of range: {held_out.name} has {len(held_out):,} images",
            f"use 1 to {len(held_out)}, or a folder",
        )
    random = torch.Generator().manual_seed(seed)
    chosen = held_out.indices[torch.randperm(len(held_out), generator=random)[:count]]
    dataset = held_out.dataset
    return dataset.images.index_select(0, chosen), dataset.labels[chosen].numpy(), held_out.name


def _from_folder(
    networks: Autoencoder, checkpoint: Checkpoint, path: str, count: int | None, root: Path
) -> tuple[Tensor, np.ndarray, str]:
    """Load a folder or archive; classes come from subfolders with the checkpoint's class names, or its classifier."""
    if not os.path.exists(path):
        raise WganError(
            f"--reconstruct {path[:200]} is neither a number nor an existing folder or archive",
            "use for example --reconstruct 8, for held-out images, or the path of a folder",
        )
    names = checkpoint.class_names
    settings = {"source": "folder", "path": path, "limit": count, "on_bad_file": "skip"}
    found = load_images(like_training(DataSettings.model_validate(settings), checkpoint), root, print_message)
    images = found.images.index_select(0, torch.arange(len(found)))
    own = spelled_like(found.class_names, names)
    if own and set(own) <= set(names):
        numbers = np.array([names.index(name) for name in own], np.int64)
        return images, numbers[found.labels.numpy()], path
    if networks.classifier is None:
        raise WganError(
            f"the images of {path} have no classes, and the checkpoint has no classifier to predict them",
            f"put the images into subfolders named {', '.join(names[:MAX_LISTED])}",
        )
    print_message(f"{path} has no class folders; the run's own classifier predicts the classes")
    return images, networks.classes_of(images), path
