"""Place and form of the images of `wgan sample`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Output:
    """Options that all kinds of images share."""

    path: str
    rows: int | None  # of a grid; None leaves the choice to each kind
    batch: int
    scale: int

    def columns(self, count: int, default: int | None) -> int | None:
        """Return the columns of a grid of `count` cells."""
        return default if self.rows is None else -(-count // self.rows)
