"""Single files as a container."""

import os
from collections.abc import Sequence
from pathlib import Path

from wgan_cli.data.containers.container import Entry
from wgan_cli.data.containers.folders import FolderContainer
from wgan_cli.utils.format import printable


class ListedFiles(FolderContainer):
    """Files given one by one, in that order, named by their path below the folder that they have in common."""

    def __init__(self, files: Sequence[Path]) -> None:
        self.files: dict[Path, str] = {}  # as they were given
        for file in files:
            self.files.setdefault(Path(os.path.abspath(file)), str(file))
        super().__init__(Path(os.path.commonpath([file.parent for file in self.files])))

    def entries(self) -> list[Entry]:
        """Return the files in the order that they were given in."""
        found = {entry.handle: entry for entry in super().entries()}
        return [found[file] for file in self.files]

    def name_for_messages(self, entry: Entry) -> str:
        """Return the path of a file as it was given."""
        return printable(self.files[entry.handle])

    def _list(self) -> tuple[list[Entry], list[str]]:
        entries = []
        for file in self.files:
            status = os.stat(file)
            entries.append(Entry(file.relative_to(self.path).as_posix(), status.st_size, status.st_mtime_ns, file))
        return entries, []
