"""Metrics and sample grids for TensorBoard."""

import io
import os
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from wgan_cli.recipe.scores import chart_name
from wgan_cli.utils.files import append_whole, write_atomically, writing


class TensorBoardLog:
    """An event file, written synchronously with tensorboard's own record format.

    SummaryWriter writes in a thread, where a full disk is a traceback instead of an exception for the caller.

    Args:
        folder: created with the first entry.
        purge_step: a TensorBoard that is open drops its entries from this step on.
    """

    def __init__(self, folder: Path, purge_step: int | None = None) -> None:
        self.path = folder / f"events.out.tfevents.{time.time_ns()}"
        self.purge_step = purge_step
        self._started = False

    def scalars(self, record: dict[str, Any]) -> None:
        """Write every number of a metrics record; scores go into a group of their own. Raises: WganError."""
        from tensorboard.compat.proto.summary_pb2 import Summary  # type: ignore[attr-defined]

        numbers = {name: value for name, value in record.items() if name != "step"}
        values = [Summary.Value(tag=chart_name(name), simple_value=value) for name, value in numbers.items()]
        self._append(step=record["step"], summary=Summary(value=values))

    def grid(self, png: bytes, shape: Sequence[int], step: int) -> None:
        """Write a sample grid of shape (C, H, W) that is encoded already. Raises: WganError."""
        from tensorboard.compat.proto.summary_pb2 import Summary  # type: ignore[attr-defined]

        channels, height, width = shape
        image = Summary.Image(height=height, width=width, colorspace=channels, encoded_image_string=png)
        self._append(step=step, summary=Summary(value=[Summary.Value(tag="samples", image=image)]))

    def _append(self, **content: Any) -> None:
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog  # type: ignore[attr-defined]

        events = [Event(wall_time=time.time(), **content)]
        if not self._started:  # written with the first entry that fits the disk, so that the file can always be read
            if self.purge_step is not None:
                restart = SessionLog(status=SessionLog.START)
                events.insert(0, Event(wall_time=time.time(), step=self.purge_step, session_log=restart))
            events.insert(0, Event(wall_time=time.time(), file_version="brain.Event:2"))
        with writing(self.path):
            self.path.parent.mkdir(exist_ok=True)
            append_whole(self.path, _encoded(events))
        self._started = True


def rewind_events(folder: Path, step: int, aside: Path) -> None:
    """Move the entries after `step` of all event files in `folder` to files of the same name in `aside`."""
    for path in filter(Path.is_file, folder.glob("events.out.tfevents.*")):
        if any(event.step > step for event, _ in _entries(path)):
            write_atomically(path, partial(_split, path, step, aside / path.name))


def _split(path: Path, step: int, aside: Path, kept: BinaryIO) -> None:
    """Copy the entries of an event file up to `step` to `kept`, and append the others to `aside`."""
    for event, data in _entries(path):
        if event.step <= step or event.file_version:
            kept.write(data)
        if event.step > step or event.file_version:
            with writing(aside):
                aside.parent.mkdir(parents=True, exist_ok=True)
                append_whole(aside, data)


def _entries(path: Path) -> Iterator[tuple[Any, bytes]]:
    """Yield each event of a file with its bytes, up to one that was cut off.

    Grids may fill the memory, so one event is read at a time: its length in 8 bytes and their checksum in 4, itself,
    and its checksum in 4. tensorboard's reader computes checksums, which takes half a second per MB.
    """
    from google.protobuf.message import DecodeError
    from tensorboard.compat.proto.event_pb2 import Event  # type: ignore[attr-defined]

    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        while len(head := file.read(12)) == 12:
            length = int.from_bytes(head[:8], "little") + 4
            if length > size - file.tell():
                return
            body = file.read(length)
            try:
                event = Event.FromString(body[:-4])
            except DecodeError:
                return
            yield event, head + body


def _encoded(events: list[Any]) -> bytes:
    from tensorboard.summary.writer.record_writer import RecordWriter

    buffer = io.BytesIO()
    for event in events:
        RecordWriter(buffer).write(event.SerializeToString())
    return buffer.getvalue()
