"""Single files as a container."""

import os
from collections.abc import Sequence
from pathlib import Path

from wgan_cli.data.containers.container import Entry
from wgan_cli.data.containers.folders import FolderContainer


class ListedFiles(FolderContainer):
    """Files given one by one, named by their path below the folder that they have in common."""

    def __init__(self, files: Sequence[Path]) -> None:
        self.files = [Path(os.path.abspath(file)) for file in files]
        super().__init__(Path(os.path.commonpath([file.parent for file in self.files])))

    def _list(self) -> tuple[list[Entry], list[str]]:
        entries = []
        for file in dict.fromkeys(self.files):
            status = os.stat(file)
            entries.append(Entry(file.relative_to(self.path).as_posix(), status.st_size, status.st_mtime_ns, file))
        return entries, []
