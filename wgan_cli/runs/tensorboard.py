"""The same numbers and grids for TensorBoard."""

from __future__ import annotations

import io
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torch import Tensor

from wgan_cli.recipe.scores import LOGGED
from wgan_cli.utils.files import append_whole, write_atomically, writing

_FILES = "events.out.tfevents.*"


class TensorBoardLog:
    """An event file; a resumed run hides what an earlier one wrote past the step that it continues from.

    It writes at once where PyTorch's SummaryWriter leaves it to a thread, so that a full disk is an error here and not
    a traceback of that thread.
    """

    def __init__(self, folder: Path, resumed_from: int) -> None:
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog

        self.event = Event
        self.path = folder / f"events.out.tfevents.{time.time_ns()}"
        # Owed until the first entry, so that a disk that is full now and free later still gets a file that can be read.
        self._start = self._encoded(file_version="brain.Event:2")
        if resumed_from:
            self._start += self._encoded(step=resumed_from + 1, session_log=SessionLog(status=SessionLog.START))

    def scalars(self, record: dict[str, Any]) -> None:
        """Write every number of a metrics record but the step itself; the scores in a group of their own."""
        from tensorboard.compat.proto.summary_pb2 import Summary

        tags = {name: f"scores/{name}" if name in LOGGED else name for name in record if name != "step"}
        values = [Summary.Value(tag=tag, simple_value=record[name]) for name, tag in tags.items()]
        self._write(step=record["step"], summary=Summary(value=values))

    def grid(self, image: Tensor, step: int) -> None:
        """Write a sample grid, (C, H, W) uint8."""
        from torch.utils.tensorboard.summary import image as image_summary

        self._write(step=step, summary=image_summary("samples", image, dataformats="CHW"))

    def _encoded(self, **content: Any) -> bytes:
        from tensorboard.summary.writer.record_writer import RecordWriter

        record = io.BytesIO()
        RecordWriter(record).write(self.event(wall_time=time.time(), **content).SerializeToString())
        return record.getvalue()

    def _write(self, **content: Any) -> None:
        with writing(self.path):
            self.path.parent.mkdir(exist_ok=True)
            append_whole(self.path, self._start + self._encoded(**content))
        self._start = b""


def rewind_events(folder: Path, step: int, aside: Path) -> None:
    """Move entries past a step to files of the same names in another folder, and drop what a crash left half-written.

    Raises: WganError where the file system refuses.
    """
    from tensorboard.compat.proto.event_pb2 import Event

    for path in sorted(folder.glob(_FILES)):
        with writing(path):
            content = path.read_bytes()
        parts: dict[bool, list[bytes]] = {False: [], True: []}
        for record in _records(content):
            parts[Event.FromString(record[_HEADER:-_CHECKSUM]).step > step].append(record)
        kept, late = (b"".join(records) for records in parts.values())
        if late:
            with writing(aside):
                aside.mkdir(parents=True, exist_ok=True)
                append_whole(aside / path.name, late)
        if kept != content:
            write_atomically(path, lambda file, kept=kept: file.write(kept))


_CHECKSUM = 4
_HEADER = 8 + _CHECKSUM


def _records(content: bytes) -> Iterator[bytes]:
    """The whole records of an event file: length, its checksum, data, their checksum."""
    from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c

    start = 0
    while start + _HEADER <= len(content):
        length, checksum = struct.unpack_from("<QI", content, start)
        end = start + _HEADER + length + _CHECKSUM
        if end > len(content) or masked_crc32c(content[start : start + 8]) != checksum:
            return
        yield content[start:end]
        start = end
