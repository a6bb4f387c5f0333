"""Several containers as one."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from wgan_cli.data.containers.container import Container, Entry


class Several(Container):
    """Files of several containers, named by the container's path and their own name."""

    def __init__(self, containers: Sequence[Container]) -> None:
        super().__init__(Path(" and ".join(str(container.path) for container in containers)))
        self.containers = containers

    def close(self) -> None:
        for container in self.containers:
            container.close()

    def location(self) -> object:
        return [container.location() for container in self.containers]

    def fingerprint(self) -> list:
        return [container.fingerprint() for container in self.containers]

    def own(self, container: Container, entry: Entry) -> Entry:
        """Return the entry here for a file of one of the containers."""
        return replace(entry, name=f"{container.path}/{entry.name}", handle=(container, entry))

    def inner_name(self, entry: Entry) -> str:
        container, inner = entry.handle
        return container.inner_name(inner)

    def _list(self) -> tuple[list[Entry], list[str]]:
        entries = [self.own(container, entry) for container in self.containers for entry in container.entries()]
        return entries, list({folder for container in self.containers for folder in container.folders()})

    def _read(self, entry: Entry) -> bytes:
        container, inner = entry.handle
        return container.read(inner)

    def _open(self, entry: Entry) -> BinaryIO:
        container, inner = entry.handle
        return container.open(inner)
