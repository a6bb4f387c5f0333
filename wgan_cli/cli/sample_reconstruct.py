"""`wgan sample --reconstruct`: which real images, and what becomes of them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from wgan_cli.errors import WganError

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from wgan_cli.outputs.reconstruct import Autoencoder
    from wgan_cli.runs.checkpoint import Checkpoint

ACROSS = 12  # images in a row of a grid
MOST_LISTED = 20  # classes in a hint


def reconstruct_images(
    ckpt: Path,
    what: str,
    out: str,
    count: int | None,
    seed: int,
    interpolate: int | None,
    rows: int | None,
    batch: int,
    class_: str | None,
    data_root: Path | None,
    device: str,
) -> None:
    """Write real images beside what the networks make of them."""
    from wgan_cli.console import print_message
    from wgan_cli.outputs.classes import parse_classes
    from wgan_cli.outputs.reconstruct import copies, load_autoencoder, side_by_side, walks
    from wgan_cli.outputs.save_images import save_images
    from wgan_cli.runs.environment import resolve_device

    networks, checkpoint = load_autoencoder(ckpt, resolve_device(device), batch)
    asked = None if class_ is None else parse_classes(class_, checkpoint.class_names)
    images, labels, origin = _inputs(networks, checkpoint, what, count, seed, data_root)
    if interpolate is None:
        made = copies(networks, images, labels, asked)
    elif len(images) < 2:
        raise WganError(
            "--interpolate walks from image to image, and there is only one", "give --reconstruct 2 or more"
        )
    else:
        made = walks(networks, images, labels, interpolate, asked)
    columns = max(1, ACROSS // made.shape[1]) if rows is None else -(-len(made) // rows)
    written = save_images(iter([side_by_side(made)]), len(made), out, columns)
    how = "beside their copies" if interpolate is None else f"walked between in {interpolate} steps"
    if asked is not None:
        how += f", as {', '.join(checkpoint.class_names[number] for number in asked)}"
    print_message(f"{len(images):,} images of {origin} {how}, from {checkpoint.source}: {written}")


def _inputs(
    networks: Autoencoder, checkpoint: Checkpoint, what: str, count: int | None, seed: int, data_root: Path | None
) -> tuple[Tensor, np.ndarray, str]:
    """Images (N, C, H, W) uint8, their classes (N,) and what they are: a folder's, or so many that were held out."""
    from wgan_cli.data import default_data_root

    root = data_root or default_data_root()
    if not what.isdecimal() or os.path.isdir(what):
        return _of_folder(networks, checkpoint, what, count, root)
    if count is not None:
        raise WganError("-n and --reconstruct both say how many images", "leave out -n")
    return _held_out(checkpoint, int(what[:9]), seed, root)


def _held_out(checkpoint: Checkpoint, count: int, seed: int, root: Path) -> tuple[Tensor, np.ndarray, str]:
    """Some images that the networks have not seen, by the lot of a seed."""
    import torch

    from wgan_cli.console import print_message
    from wgan_cli.evaluation.real_images import real_images

    held_out = real_images(checkpoint.recipe.data, root, print_message).held_out
    if not 1 <= count <= len(held_out):
        raise WganError(
            f"--reconstruct {count} of {len(held_out):,} images: {held_out.name}",
            f"give 1 to {len(held_out)}, or a folder",
        )
    random = torch.Generator().manual_seed(seed)
    chosen = held_out.indices[torch.randperm(len(held_out), generator=random)[:count]]
    return held_out.dataset.images[chosen], held_out.dataset.labels[chosen].numpy(), held_out.name


def _of_folder(
    networks: Autoencoder, checkpoint: Checkpoint, path: str, count: int | None, root: Path
) -> tuple[Tensor, np.ndarray, str]:
    """The images of a folder or archive, the first `count` of them.

    Their classes are those of its subfolders where these are named as the checkpoint's classes, else as its classifier
    sees them.
    """
    import numpy as np

    from wgan_cli.console import print_message
    from wgan_cli.data.sources import image_folder
    from wgan_cli.recipe.data_settings import DataSettings

    if not os.path.exists(path):
        raise WganError(
            f"--reconstruct {path[:200]} is neither a number of images nor a folder or archive that exists",
            "give for example --reconstruct 8, of images held out from training, or the path of a folder",
        )
    image, names, fit = checkpoint.image, checkpoint.class_names, checkpoint.recipe.data.fit
    settings = DataSettings(
        source="folder", path=path, limit=count, image_size=image.size, channels=image.channels, fit=fit,
        on_bad_file="skip",
    )  # fmt: skip
    found = image_folder.load(settings, root, print_message)
    if found.class_names and set(found.class_names) <= set(names):
        numbers = np.array([names.index(name) for name in found.class_names], np.int64)
        return found.images, numbers[found.labels.numpy()], path
    if networks.classifier is None:
        raise WganError(
            f"{path} does not say of which class an image is, and the checkpoint holds no classifier to see it",
            f"put the images into subfolders with names of {', '.join(names[:MOST_LISTED])}",
        )
    print_message(f"{path} does not say of which class an image is; the run's own classifier does")
    return found.images, networks.classes_of(found.images), path
