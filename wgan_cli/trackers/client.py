"""Interface of the experiment trackers' clients."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

PROJECT = "wgan"  # project or experiment of runs that the user doesn't place elsewhere


@dataclass(frozen=True)
class Started:
    """A run that a tracker has started or continued.

    Attributes:
        place: where the user finds it.
        saved: what `start` needs to continue it.
    """

    place: str
    saved: dict[str, str]


class TrackerClient(ABC):
    """One run in an experiment tracker. Methods raise what the tracker's package raises, which only `start` imports.

    Attributes:
        package: Python package, and wgan's extra that installs it.
        setup: commands or variables to try if it doesn't start.
    """

    package: ClassVar[str]
    setup: ClassVar[str]

    @abstractmethod
    def start(self, folder: Path, recipe: dict[str, Any], saved: Mapping[str, str]) -> Started:
        """Start a run named like the run folder, or continue the one that `saved` describes."""

    @abstractmethod
    def log_numbers(self, numbers: Mapping[str, float], step: int) -> None:
        """Log the loss terms and scores of a step."""

    @abstractmethod
    def log_grid(self, file: Path, step: int) -> None:
        """Log the image file of a sample grid."""

    @abstractmethod
    def log_generator(self, file: Path) -> None:
        """Log a checkpoint as the run's model."""

    @abstractmethod
    def finish(self, failed: bool) -> None:
        """Send what is left, and mark the run as finished or failed."""
