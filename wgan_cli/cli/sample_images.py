"""Images of `wgan sample`: from noise, and with --reconstruct and --translate."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from wgan_cli.console import print_message
from wgan_cli.data import default_data_root
from wgan_cli.data.files.named_images import named_images
from wgan_cli.data.files.survey import summarize_bad
from wgan_cli.data.sources import image_folder
from wgan_cli.errors import WganError
from wgan_cli.evaluation.real_images import real_images
from wgan_cli.outputs.reconstruct import Autoencoder, interpolations, open_autoencoder, reconstructions
from wgan_cli.outputs.sampling import (
    check_memory_for,
    cycled_labels,
    generate,
    parse_classes,
    parse_seeds,
    sample_latents,
)
from wgan_cli.outputs.save_images import Labels, is_grid, save_images
from wgan_cli.outputs.styles import Drawing, Truncated, draw_mix, draw_walks
from wgan_cli.outputs.translate import translate, translated_pairs, translator_to
from wgan_cli.recipe.data_settings import DataSettings
from wgan_cli.runs.checkpoint import Checkpoint
from wgan_cli.runs.environment import resolve_device
from wgan_cli.utils.format import log_progress

COLUMNS = 12  # images in a row of a grid
MAX_LISTED = 20  # classes in a hint


def sample_noise(
    generator: Any, checkpoint: Checkpoint, out: str, *, count: int | None, seed: int, seeds: str | None,
    interpolate: int | None, rows: int | None, batch: int, class_: Sequence[str] | None, truncation: float | None,
    mix: str | None,
) -> Path:  # fmt: skip
    """Write images of latent vectors, walks between them or mixed styles, and return the path."""
    model = checkpoint.recipe.model
    if class_ is not None and not model.conditional:
        hint = "remove --class, or train with --set model.conditional=true"
        raise WganError("--class needs a conditional generator", hint)
    for option, value in {"--truncation": truncation, "--mix": mix}.items():
        if value is not None and not model.has_style_space:
            raise WganError(
                f"{option} needs a style space, which {model.name} does not have",
                f"remove {option}, or train a style-based generator such as mnist_style",
            )
    classes = None if class_ is None else parse_classes(class_, checkpoint.class_names)
    if truncation is not None:
        generator = Truncated(generator, truncation)
    if mix is None:
        drawing = _draw(generator, checkpoint, count, seed, seeds, interpolate, classes)
    elif (count, seeds, interpolate) == (None, None, None):
        drawing = draw_mix(generator, checkpoint, mix, seed, classes)
    else:
        raise WganError(
            "--mix already selects the images; it cannot be combined with -n, --seeds or --interpolate",
            "remove -n, --seeds and --interpolate",
        )
    number = len(drawing.inputs)
    labels = None
    if drawing.labels is not None:
        labels = Labels(drawing.labels, checkpoint.class_names, subfolders=classes is not None and len(classes) > 1)
    images = log_progress(
        generate(drawing.network, drawing.inputs, batch, drawing.labels), -(-number // batch), "generated",
        print_message, unit="batches",
    )  # fmt: skip
    columns = drawing.columns if rows is None else -(-number // rows)
    written = save_images(images, number, out, columns=columns, labels=labels)
    print_message(f"{number:,} images of {checkpoint.image} from {checkpoint.source}: {written}")
    return written


def _draw(
    generator: nn.Module, checkpoint: Checkpoint, count: int | None, seed: int, seeds: str | None,
    interpolate: int | None, classes: list[int] | None,
) -> Drawing:  # fmt: skip
    if seeds is not None and count is not None:
        raise WganError("-n and --seeds both set the number of images", "remove one of them")
    latent_dim = checkpoint.recipe.model.latent_dim
    several = classes is not None and len(classes) > 1
    chosen = None if seeds is None else parse_seeds(seeds)
    count = len(chosen) if chosen else count or (10 if several else 64)
    check_memory_for(count * (interpolate or 1) * len(classes or [0]), latent_dim)
    z = sample_latents(latent_dim, count, seed, chosen)
    if interpolate is not None:
        return draw_walks(generator, checkpoint, z, interpolate, classes)
    if classes is None:
        return Drawing(generator, z, cycled_labels(checkpoint.recipe, checkpoint.image, count), columns=None)
    # Every class gets the same z, so that attributes such as a digit's slant agree in a column of the grid.
    labels = np.repeat(np.array(classes, np.int64), count)
    return Drawing(generator, np.tile(z, (len(classes), 1)), labels, columns=count if several else None)


def translate_folder(
    generator: nn.Module, checkpoint: Checkpoint, folder: Path, to: str, *, out: str, rows: int | None, batch: int
) -> Path:
    """Translate all images of a folder or archive, and return the path of the result.

    A folder keeps the images' names, a grid shows each image next to its translation, an array has only translations.
    """
    images = named_images(folder, getattr(checkpoint.recipe.data, "a" if to == "b" else "b"))
    with images.container:
        if images.bad:
            print_message(f"{folder}: skipped {summarize_bad(images.bad)}")
        for line in images.notices:
            print_message(f"{folder}: {line}")
        inputs = images.batches(checkpoint.image, batch)
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


def refuse_with_translate(options: Mapping[str, object]) -> None:
    """Refuse options of generators that sample from noise. Raises: WganError naming the first that is given."""
    for option, value in options.items():
        if value is not None:
            raise WganError(f"{option} does not apply to a model that translates images", f"remove {option}")


def reconstruct_images(
    ckpt: Path, source: str, out: str, *, count: int | None, seed: int, interpolate: int | None, rows: int | None,
    batch: int, class_: Sequence[str] | None, data_root: Path | None, device: str,
) -> Path:  # fmt: skip
    """Write real images next to their reconstructions, or interpolate between them; return the path."""
    networks, checkpoint = open_autoencoder(ckpt, resolve_device(device), batch)
    classes = None if class_ is None else parse_classes(class_, checkpoint.class_names)
    root = data_root or default_data_root()
    if not source.isdecimal() or os.path.isdir(source):
        images, labels, origin = _from_folder(networks, checkpoint, source, count, root)
    elif count is None:
        images, labels, origin = _held_out(checkpoint, int(source[:9]), seed, root)
    else:
        raise WganError("-n and --reconstruct both set the number of images", "remove -n")
    if interpolate is None:
        made = reconstructions(networks, images, labels, classes)
    elif len(images) < 2:
        raise WganError("--interpolate needs two or more images", "use --reconstruct 2 or more")
    else:
        made = interpolations(networks, images, labels, interpolate, classes)
    columns = max(1, COLUMNS // made.shape[1]) if rows is None else -(-len(made) // rows)
    wide = torch.cat(list(made.unbind(1)), dim=3)  # (N, C, H, R*W)
    written = save_images(iter([wide]), len(made), out, columns=columns)
    how = "with their reconstructions" if interpolate is None else f"interpolated in {interpolate} steps"
    if classes is not None:
        how += f", as {', '.join(checkpoint.class_names[number] for number in classes)}"
    print_message(f"{len(images):,} images of {origin} {how}, from {checkpoint.source}: {written}")
    return written


def _held_out(checkpoint: Checkpoint, count: int, seed: int, root: Path) -> tuple[Tensor, np.ndarray, str]:
    """Draw held-out images (N, C, H, W) uint8, and return them with their classes (N,) and their origin."""
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
    if not os.path.exists(path):
        raise WganError(
            f"--reconstruct {path[:200]} is neither a number nor an existing folder or archive",
            "use for example --reconstruct 8, for held-out images, or the path of a folder",
        )
    image, names = checkpoint.image, checkpoint.class_names
    assert isinstance(checkpoint.recipe.data, DataSettings)
    settings = {"source": "folder", "path": path, "limit": count, "on_bad_file": "skip"}
    settings |= {"image_size": image.size, "channels": image.channels}
    settings |= checkpoint.recipe.data.model_dump(include={"fit", "frames", "background", "range"})
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
