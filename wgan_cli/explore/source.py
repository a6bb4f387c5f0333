"""The file that a page's generator comes from: loaded once, and watched for what becomes of it."""

from __future__ import annotations

from pathlib import Path

import torch

from wgan_cli.errors import WganError
from wgan_cli.generator import LoadedGenerator
from wgan_cli.outputs.sampling import load_generator
from wgan_cli.runs.checkpoint import generator_file


class Source:
    """A generator and where it is from.

    path: as the user gave it, a run or a file. file: the one that was loaded. words: which training step it is of.
    """

    def __init__(self, path: Path, device: torch.device) -> None:
        """Raises: WganError where there is no generator."""
        self.path, self.device = path, device
        self.load()

    def load(self) -> None:
        """Read the file as it is now; where that fails, what was loaded before stays. Raises: WganError."""
        file = generator_file(self.path)
        state = _state(file)  # before it is read, so that a change meanwhile shows
        network, checkpoint = load_generator(file, self.device)
        loaded = LoadedGenerator(network, checkpoint)
        if hasattr(self, "generator") and _form(loaded) != _form(self.generator):
            raise WganError(
                f"{file} holds a generator of other networks or images now, which this page is not made for",
                "stop wgan explore, and start it again",
            )
        self.file, self.generator, self.words = file, loaded, checkpoint.source
        self._state = state

    def changed(self) -> bool:
        """Whether there is another generator to load than the one that was."""
        newest = self._newest()
        return newest is not None and (newest, _state(newest)) != (self.file, self._state)

    def gone(self) -> bool:
        """Whether there is none left."""
        return self._newest() is None

    def _newest(self) -> Path | None:
        try:
            file = generator_file(self.path)
        except WganError:
            return None
        return file if file.is_file() else None


def _state(file: Path) -> tuple[int, int, int] | None:
    """By what a file is known to be the same: it is never changed in place."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _form(generator: LoadedGenerator) -> tuple:
    return generator.recipe.model, generator.image, generator.class_names
