"""The generator file behind the page: loaded once, then watched for changes."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import torch

from wgan_cli.errors import WganError
from wgan_cli.generator import LoadedGenerator
from wgan_cli.outputs.sampling import generator_of
from wgan_cli.runs.checkpoint import Checkpoint, generator_file, load_checkpoint


class Source:
    """A generator and its file.

    Attributes:
        path: as given by the user, a run or a file.
        file: the loaded file.
        description: the training step of the generator.
    """

    def __init__(
        self, path: Path, device: torch.device, load_file: Callable[[Path], Checkpoint] = load_checkpoint
    ) -> None:
        """Load the generator with `load_file`. Raises: WganError if there is none."""
        self.path, self.device, self.load_file = path, device, load_file
        self.file, self.generator, self.description, self._state = self._read()

    def load(self) -> None:
        """Load the current file. Raises: WganError; the loaded generator then stays."""
        file, generator, description, state = self._read()
        if _architecture(generator) != _architecture(self.generator):
            raise WganError(
                f"{file} now holds a generator with other networks or images", "stop wgan explore and start it again"
            )
        self.file, self.generator, self.description, self._state = file, generator, description, state

    def _read(self) -> tuple[Path, LoadedGenerator, str, tuple[int, int, int] | None]:
        file = generator_file(self.path)
        state = _file_state(file)  # before reading, so that a change in between is noticed
        checkpoint = self.load_file(file)
        network = generator_of(checkpoint, str(file), self.device)
        return file, LoadedGenerator(network, checkpoint), checkpoint.source, state

    def changed(self) -> bool:
        """Return True if there is another generator to load."""
        newest = self.newest()
        return newest is not None and (newest, _file_state(newest)) != (self.file, self._state)

    def newest(self) -> Path | None:
        """Return the file that `load` will read, or None if no generator is left."""
        with suppress(WganError):
            file = generator_file(self.path)
            return file if file.is_file() else None
        return None


def _file_state(file: Path) -> tuple[int, int, int] | None:
    """Return what identifies a file that is only ever replaced as a whole."""
    with suppress(OSError):
        stat = file.stat()
        return stat.st_ino, stat.st_mtime_ns, stat.st_size
    return None


def _architecture(generator: LoadedGenerator) -> tuple:
    return generator.recipe.model, generator.image, generator.class_names
