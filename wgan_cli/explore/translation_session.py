"""What a page asks of a generator that translates: images from a user's files beside their translations."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from wgan_cli.data.files.decoding import NotAnImage, quiet_pillow, to_pixels
from wgan_cli.errors import WganError, describe_os_error
from wgan_cli.explore.source import Source
from wgan_cli.outputs.translate import beside, check_translates, translator_to
from wgan_cli.recipe.pair_settings import SIDES

MOST_FILES = 24  # at once
_BATCH = 8


@dataclass(frozen=True)
class Translated:
    """Images, each followed by its translation: (2 * N, C, H, W) uint8. bad: what could not be read, a phrase each."""

    names: tuple[str, ...]
    images: Tensor
    bad: tuple[str, ...] = ()


class Desk:
    """Translates with the generator of a source, for one at a time."""

    def __init__(self, source: Source) -> None:
        """Raises: WganError for a generator that starts from noise."""
        check_translates(source.generator.recipe, wanted=True)
        self.source = source
        self._turn = threading.Lock()

    def side(self, name: str) -> str:
        """What images of a side, "a" or "b", are."""
        return getattr(self.source.generator.recipe.data, name).title

    def reload(self) -> None:
        """Take the file as it is now. Raises: WganError; what was loaded before stays then."""
        with self._turn:
            self.source.load()

    def translate(self, files: Sequence[Path], to: str) -> Translated:
        """Translate image files to a side. Raises: WganError where there is none that can be read."""
        generator, bad, names, pixels = self.source.generator, [], [], []
        if to not in SIDES or not 1 <= len(files) <= MOST_FILES:
            raise WganError(f"{len(files)} files to side {to!r:.20}", f"give 1 to {MOST_FILES} images, and side a or b")
        fit = getattr(generator.recipe.data, "a" if to == "b" else "b").fit
        with quiet_pillow():
            for file in files:
                try:
                    image = generator.image
                    pixels.append(to_pixels(file.read_bytes(), image.size, image.channels, fit, file.name))
                    names.append(file.name)
                except NotAnImage as reason:
                    bad.append(f"{file.name}: {reason}")
                except OSError as error:
                    bad.append(f"{file.name}: {describe_os_error(error)}")
        if not names:
            raise WganError(f"no file is an image that can be read: {bad[0]}", "give a PNG, JPEG or WebP file")
        batches = torch.stack([torch.from_numpy(each.copy()) for each in pixels]).split(_BATCH)
        with self._turn:
            pairs = torch.cat(list(beside(translator_to(generator.network, to), batches, _BATCH)))
        return Translated(tuple(names), pairs, tuple(bad))
