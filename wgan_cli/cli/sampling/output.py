"""Place and form of the images of `wgan sample`."""

from dataclasses import dataclass
from pathlib import Path

from wgan_cli.console import print_message
from wgan_cli.outputs.pixel_format import PixelFormat, pixel_format
from wgan_cli.outputs.sampling import images_at_once
from wgan_cli.outputs.save_images import is_grid
from wgan_cli.recipe import ImageShape
from wgan_cli.recipe.data_settings import DataSettings, PairSettings
from wgan_cli.utils.pixels import default_preview


@dataclass(frozen=True)
class Output:
    """Options that all kinds of images share."""

    path: str
    rows: int | None  # of a grid; None leaves the choice to each kind
    batch: int | None  # None: `images_at_once`
    scale: int
    depth: str = "8"  # of pixel_format.DEPTHS

    def batch_size(self, image: ImageShape) -> int:
        """Return the number of images of a shape to compute at once."""
        return self.batch or images_at_once(image)

    def columns(self, count: int, default: int | None) -> int | None:
        """Return the columns of a grid of `count` cells."""
        return default if self.rows is None else -(-count // self.rows)

    def pixel_format(self, data: DataSettings | PairSettings, channels: int, side: str = "b") -> PixelFormat:
        """Return the format for images of a generator; say what it doesn't keep. Raises: WganError.

        Args:
            side: of a pair that the images belong to.
        """
        own = getattr(data, side) if isinstance(data, PairSettings) else data
        form = pixel_format(self.depth, own, channels, self.path)
        if form.note:
            print_message(f"note: {form.note}")
        if is_grid(self.path) and not form.keeps_bands(Path(self.path)):
            shown = ", ".join(map(str, form.bands or default_preview(channels) or ()))
            print_message(f"note: {self.path} shows bands {shown} of {channels}; .tif and .npy keep all")
        return form
