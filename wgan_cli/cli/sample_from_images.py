"""`wgan sample --reconstruct` and `wgan sample --translate`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wgan_cli.errors import WganError

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn

    from wgan_cli.outputs.reconstruct import Autoencoder
    from wgan_cli.runs.checkpoint import Checkpoint

COLUMNS = 12  # images in a row of a grid
MAX_LISTED = 20  # classes in a hint


def translate_folder(
    generator: nn.Module, checkpoint: Checkpoint, folder: Path, to: str, *, out: str, rows: int | None, batch: int
) -> Path:
    """Translate all images of a folder or archive, and return the path of the result.

    A folder keeps the images' names, a grid shows each image next to its translation, an array has only translations.
    """
    from wgan_cli.console import print_message
    from wgan_cli.data.files.named_images import named_images
    from wgan_cli.data.files.survey import summarize_bad
    from wgan_cli.outputs.save_images import is_grid, save_images
    from wgan_cli.outputs.translate import translate, translated_pairs, translator_to

    images = named_images(folder)
    with images.container:
        if images.bad:
            print_message(f"{folder}: skipped {summarize_bad(images.bad)}")
        settings = getattr(checkpoint.recipe.data, "a" if to == "b" else "b")
        inputs = images.batches(checkpoint.image, settings.fit, batch)
        translator = translator_to(generator, to)
        if is_grid(out):
            per_row = min(5, len(images)) if rows is None else -(-len(images) // rows)
            pairs = translated_pairs(translator, inputs, batch)
            written = save_images(pairs, 2 * len(images), out, columns=2 * per_row)
        else:
            written = save_images(translate(translator, inputs, batch), len(images), out, names=images.output_names())
    what = f"{len(images):,} images of {folder} as {checkpoint.image}"
    print_message(f"{what}, translated to side {to} by {checkpoint.source}: {written}")
    return written


def refuse_with_translate(options: Mapping[str, Any]) -> None:
    """Refuse options of generators that sample from noise. Raises: WganError naming the first that is given."""
    given = next((name for name, value in options.items() if value is not None), None)
    if given is not None:
        raise WganError(f"{given} does not apply to a model that translates images", f"remove {given}")


def reconstruct_images(
    ckpt: Path, source: str, out: str, *, count: int | None, seed: int, interpolate: int | None, rows: int | None,
    batch: int, class_: str | None, data_root: Path | None, device: str,
) -> Path:  # fmt: skip
    """Write real images next to their reconstructions, or interpolate between them; return the path."""
    from wgan_cli.console import print_message
    from wgan_cli.outputs.classes import parse_classes
    from wgan_cli.outputs.reconstruct import interpolations, open_autoencoder, reconstructions, side_by_side
    from wgan_cli.outputs.save_images import save_images
    from wgan_cli.runs.environment import resolve_device

    networks, checkpoint = open_autoencoder(ckpt, resolve_device(device), batch)
    classes = None if class_ is None else parse_classes(class_, checkpoint.class_names)
    images, labels, origin = _inputs(networks, checkpoint, source, count, seed, data_root)
    if interpolate is None:
        made = reconstructions(networks, images, labels, classes)
    elif len(images) < 2:
        raise WganError("--interpolate needs two or more images", "use --reconstruct 2 or more")
    else:
        made = interpolations(networks, images, labels, interpolate, classes)
    columns = max(1, COLUMNS // made.shape[1]) if rows is None else -(-len(made) // rows)
    written = save_images(iter([side_by_side(made)]), len(made), out, columns=columns)
    how = "with their reconstructions" if interpolate is None else f"interpolated in {interpolate} steps"
    if classes is not None:
        how += f", as {', '.join(checkpoint.class_names[number] for number in classes)}"
    print_message(f"{len(images):,} images of {origin} {how}, from {checkpoint.source}: {written}")
    return written


def _inputs(
    networks: Autoencoder, checkpoint: Checkpoint, source: str, count: int | None, seed: int, data_root: Path | None
) -> tuple[Tensor, np.ndarray, str]:
    """Load images (N, C, H, W) uint8, their classes (N,) and their origin, from a folder or the held-out images."""
    from wgan_cli.data import default_data_root

    root = data_root or default_data_root()
    if not source.isdecimal() or os.path.isdir(source):
        return _from_folder(networks, checkpoint, source, count, root)
    if count is not None:
        raise WganError("-n and --reconstruct both set the number of images", "remove -n")
    return _held_out(checkpoint, int(source[:9]), seed, root)


def _held_out(checkpoint: Checkpoint, count: int, seed: int, root: Path) -> tuple[Tensor, np.ndarray, str]:
    import torch

    from wgan_cli.console import print_message
    from wgan_cli.evaluation.real_images import real_images
    from wgan_cli.recipe.data_settings import DataSettings

    assert isinstance(checkpoint.recipe.data, DataSettings)
    held_out = real_images(checkpoint.recipe.data, root, print_message).held_out
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
    import numpy as np
    import torch

    from wgan_cli.console import print_message
    from wgan_cli.data.sources import image_folder
    from wgan_cli.recipe.data_settings import DataSettings

    if not os.path.exists(path):
        raise WganError(
            f"--reconstruct {path[:200]} is neither a number nor an existing folder or archive",
            "use for example --reconstruct 8, for held-out images, or the path of a folder",
        )
    image, names = checkpoint.image, checkpoint.class_names
    assert isinstance(checkpoint.recipe.data, DataSettings)
    settings = {"source": "folder", "path": path, "limit": count, "on_bad_file": "skip"}
    settings |= {"image_size": image.size, "channels": image.channels, "fit": checkpoint.recipe.data.fit}
    found = image_folder.load(DataSettings.model_validate(settings), root, print_message)
    images = found.images.index_select(0, torch.arange(len(found)))
    if found.class_names and set(found.class_names) <= set(names):
        numbers = np.array([names.index(name) for name in found.class_names], np.int64)
        return images, numbers[found.labels.numpy()], path
    if networks.classifier is None:
        raise WganError(
            f"the images of {path} have no classes, and the checkpoint has no classifier to predict them",
            f"put the images into subfolders named {', '.join(names[:MAX_LISTED])}",
        )
    print_message(f"{path} has no class folders; the run's own classifier predicts the classes")
    return images, networks.classes_of(images), path
