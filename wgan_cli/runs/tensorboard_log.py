"""The same numbers and grids for TensorBoard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor

from wgan_cli.runs.atomic import writing


class TensorBoardLog:
    """Event files in a folder; a resumed run hides what an earlier one wrote past the step that it continues from."""

    def __init__(self, folder: Path, resumed_from: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.folder = folder
        with writing(folder):
            purge_step = resumed_from + 1 if resumed_from else None
            self.writer = SummaryWriter(str(folder), purge_step=purge_step, flush_secs=30)

    def scalars(self, record: dict[str, Any]) -> None:
        """Write every number of a metrics record but the step itself."""
        with writing(self.folder):
            for name, value in record.items():
                if name != "step":
                    self.writer.add_scalar(name, value, record["step"])

    def grid(self, image: Tensor, step: int) -> None:
        """Write a sample grid, (C, H, W) uint8."""
        with writing(self.folder):
            self.writer.add_image("samples", image, step)

    def close(self) -> None:
        """Write what is still on its way."""
        with writing(self.folder):
            self.writer.close()
