"""Translation of the user's image files."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path

import torch
from torch import Tensor

from wgan_cli.data.files.decoding import NotAnImage, decode_first, quiet_pillow
from wgan_cli.data.files.survey import deep_summaries
from wgan_cli.data.files.value_range import choose_range
from wgan_cli.errors import WganError, describe_os_error
from wgan_cli.explore.source import Source
from wgan_cli.outputs.translate import check_translates, translated_pairs, translator_to
from wgan_cli.recipe.data_settings import SIDES
from wgan_cli.utils.pixels import preview

MAX_FILES = 24  # at once
_BATCH = 8


@dataclass(frozen=True)
class Translated:
    """Images, each followed by its translation: (2 * N, C, H, W) uint8. skipped: unreadable files with the reason."""

    names: tuple[str, ...]
    images: Tensor
    skipped: tuple[str, ...] = ()


class TranslationSession:
    """Translations with the generator of a source, one request at a time."""

    def __init__(self, source: Source) -> None:
        """Raise WganError for a generator that starts from noise."""
        check_translates(source.generator.recipe, wanted=True)
        self.source = source
        self._lock = threading.Lock()

    def title(self, side: str) -> str:
        """Return the name of the images of side "a" or "b"."""
        return getattr(self.source.generator.recipe.data, side).title

    def reload(self) -> None:
        """Load the current file. Raises: WganError; the loaded generator then stays."""
        with self._lock:
            self.source.load()

    def translate(self, files: Sequence[Path], to: str) -> Translated:
        """Translate image files to side "a" or "b". Raises: WganError if none can be read."""
        generator, skipped, names, pixels = self.source.generator, [], [], []
        if to not in SIDES or not 1 <= len(files) <= MAX_FILES:
            raise WganError(f"{len(files)} files to side {to!r:.20}", f"give 1 to {MAX_FILES} images, and side a or b")
        settings = getattr(generator.recipe.data, "a" if to == "b" else "b")
        contents = list[tuple[str, bytes]]()
        for file in files:
            try:
                contents.append((file.name, file.read_bytes()))
            except OSError as error:
                skipped.append(f"{file.name}: {describe_os_error(error)}")
        summaries = deep_summaries(contents, itemgetter(1), settings)
        values = choose_range(summaries)
        settings = settings.with_range("dtype" if values is None else values.range)  # auto: trained on 8 bits
        with quiet_pillow():
            for name, content in contents:
                try:
                    image = generator.image
                    decoded = decode_first(content, image.size, image.channels, settings, name, bool(summaries))
                    pixels.append(decoded.pixels[0])
                    names.append(name)
                except NotAnImage as reason:
                    skipped.append(f"{name}: {reason}")
        if not names:
            raise WganError(f"no readable image: {skipped[0]}", "give a PNG, JPEG or WebP file")
        batches = torch.stack([torch.from_numpy(each.copy()) for each in pixels]).split(_BATCH)
        with self._lock:
            pairs = torch.cat(list(translated_pairs(translator_to(generator.network, to), batches, _BATCH)))
        return Translated(tuple(names), preview(pairs, generator.recipe.data.preview_channels), tuple(skipped))
