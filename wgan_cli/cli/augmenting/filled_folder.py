"""The folder that `wgan augment` writes: real and generated images in a subfolder for each class."""

from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import torch
from torch import Tensor

from wgan_cli.cli.augmenting.class_generator import ClassGenerator
from wgan_cli.cli.sampling.output import Output
from wgan_cli.evaluation.balancing import Filling
from wgan_cli.outputs.save_images import folder_names, save_images

CHUNK = 500  # images decoded at once


def write_filled(source: ClassGenerator, filling: Filling, out: Path) -> None:
    """Write CLASS/real_00000.png... and CLASS/generated_00000.png... in the generator's size, with all their bits."""
    dataset = source.dataset
    depth = "8" if dataset.images.dtype == torch.uint8 else "16"
    data = source.data.with_preview(dataset.preview_channels)
    form = Output(f"{out}/", None, None, 1, depth).pixel_format(data, dataset.shape.channels)
    folders, used, names = folder_names(dataset.class_names), Counter[str](), []
    for kind, labels in (("real", dataset.labels), ("generated", filling.labels)):
        for label in labels.tolist():
            start = f"{folders[label]}/{kind}"
            names.append(f"{start}_{used[start]:05d}.png")
            used[start] += 1
    parts: Iterator[Tensor] = (dataset.images.index_select(0, part) for part in torch.arange(len(dataset)).split(CHUNK))
    save_images(chain(parts, filling.images.split(CHUNK)), len(names), f"{out}/", names=names, form=form)
