"""The same numbers and grids for TensorBoard."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from torch import Tensor

from wgan_cli.runs.atomic import writing


class TensorBoardLog:
    """An event file; a resumed run hides what an earlier one wrote past the step that it continues from.

    It writes at once where PyTorch's SummaryWriter leaves it to a thread, so that a full disk is an error here and not
    a traceback of that thread.
    """

    def __init__(self, folder: Path, resumed_from: int) -> None:
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog
        from tensorboard.summary.writer.record_writer import RecordWriter

        self.event = Event
        self.path = folder / f"events.out.tfevents.{time.time_ns()}"
        with writing(self.path):
            folder.mkdir(parents=True, exist_ok=True)
            self.records = RecordWriter(open(self.path, "wb"))  # noqa: SIM115  (open as long as the run)
        self._write(file_version="brain.Event:2")
        if resumed_from:
            self._write(step=resumed_from + 1, session_log=SessionLog(status=SessionLog.START))

    def _write(self, **content: Any) -> None:
        with writing(self.path):
            self.records.write(self.event(wall_time=time.time(), **content).SerializeToString())
            self.records.flush()

    def scalars(self, record: dict[str, Any]) -> None:
        """Write every number of a metrics record but the step itself."""
        from tensorboard.compat.proto.summary_pb2 import Summary

        values = [Summary.Value(tag=name, simple_value=value) for name, value in record.items() if name != "step"]
        self._write(step=record["step"], summary=Summary(value=values))

    def grid(self, image: Tensor, step: int) -> None:
        """Write a sample grid, (C, H, W) uint8."""
        from torch.utils.tensorboard.summary import image as image_summary

        self._write(step=step, summary=image_summary("samples", image, dataformats="CHW"))

    def close(self) -> None:
        """Write what is still on its way."""
        with writing(self.path):
            self.records.close()
